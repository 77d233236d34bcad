# SPDX-License-Identifier: Apache-2.0
"""Former names of public modules give the present ones, with a warning."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

from geo_perception.former_modules import MODULES, PACKAGES, present_name


def imported_anew(former: str) -> ModuleType:
    sys.modules.pop(former, None)
    with pytest.warns(DeprecationWarning, match=f"{former} is called {present_name(former)} now"):
        return importlib.import_module(former)


@pytest.mark.parametrize("former", [*PACKAGES, *MODULES, "geo_perception.datasets.indoor.recording"])
def test_a_former_name_gives_the_present_module_with_a_warning(former: str) -> None:
    present = present_name(former)
    assert present is not None
    old = imported_anew(former)
    new = vars(importlib.import_module(present))
    public = {name for name in new if not name.startswith("_")}
    assert all(vars(old)[name] is new[name] for name in public)


def test_other_names_stay_unknown() -> None:
    assert present_name("geo_perception.datasets.indoors") is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("geo_perception.no_such_module")
    with pytest.warns(DeprecationWarning), pytest.raises(ModuleNotFoundError):
        importlib.import_module("geo_perception.datasets.indoor.no_such_module")


def test_a_frame_is_judged_by_its_former_function() -> None:
    from helpers.scenes import answer

    disagreement = imported_anew("geo_perception.ros.nodes.consistency").disagreement
    fused = answer(10.0, stereo_m=30.0)
    assert disagreement(fused) == fused.suspicion() != ""
