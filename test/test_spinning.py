# SPDX-License-Identifier: Apache-2.0
"""OpenMP's threads sleep sooner, unless the user has said how they wait, and importing the package stays cheap."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from geo_perception import spinning


def test_spinning_is_limited_unless_the_user_has_chosen() -> None:
    environ: dict[str, str] = {"PATH": "/bin"}
    spinning.limit_spinning(environ)
    assert environ == {"PATH": "/bin", "GOMP_SPINCOUNT": spinning.SPIN_COUNT}
    for chosen in ({"OMP_WAIT_POLICY": "ACTIVE"}, {"GOMP_SPINCOUNT": "7"}):
        environ = dict(chosen)
        spinning.limit_spinning(environ)
        assert environ == chosen


@pytest.mark.parametrize("module", ["cli", "ros.nodes.indoor_depth", "ros.nodes.stereo_lidar_fusion"])
def test_spinning_is_limited_before_torch_is_loaded(module: str) -> None:
    """libgomp reads its variables when it is loaded, and prints them on request."""
    environ = {name: value for name, value in os.environ.items() if name not in spinning.WAITING}
    program = f"import sys\nimport geo_perception.{module}\nassert 'torch' not in sys.modules\nimport torch"
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**environ, "OMP_DISPLAY_ENV": "VERBOSE"},
    )
    assert f"GOMP_SPINCOUNT = '{spinning.SPIN_COUNT}'" in result.stderr
