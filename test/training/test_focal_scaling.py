# SPDX-License-Identifier: Apache-2.0
"""What focal scaling is worth, on a network whose answers are known."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from geo_perception.frames import RgbdFrame
from geo_perception.geometry import PinholeCamera
from training import focal_scaling

CAMERA = PinholeCamera(24.0, 24.0, 15.5, 11.5, 32, 24)
TRUTH_M = np.linspace(1, 3, 24 * 32, dtype=np.float32).reshape(24, 32)
FRAMES = [RgbdFrame("a", np.zeros((24, 32, 3), np.uint8), CAMERA, TRUTH_M)]


def answering(factor: float):
    return lambda image, camera: SimpleNamespace(depth_m=factor * TRUTH_M)


def test_errors_and_bias_of_both_ways():
    row = focal_scaling.measure(answering(1.0), answering(1.25), FRAMES, 60.0)
    assert (row.fov_deg, row.frames) == (60.0, 1)
    assert (row.absrel_scaled, row.absrel_plain) == (pytest.approx(0, abs=1e-6), pytest.approx(0.25))
    assert (row.bias_scaled, row.bias_plain) == (pytest.approx(1), pytest.approx(1.25))
    assert focal_scaling.measure(answering(2.0), answering(1.0), FRAMES, 60.0).absrel_median == pytest.approx(
        0, abs=1e-6
    )
    assert "0.250" in focal_scaling.format_rows([row]).splitlines()[1]


def test_the_same_rooms_are_seen_by_every_camera(monkeypatch, tmp_path, capsys):
    pytest.importorskip("open3d")
    seen = []

    class Flat:
        def __init__(self, config) -> None:
            self.scale = 1.0 if config.scale_by_focal else 2.0

        def __call__(self, image, camera):
            seen.append(camera)
            return SimpleNamespace(depth_m=np.full(image.shape[:2], 2 * self.scale, np.float32))

    monkeypatch.setattr(focal_scaling, "IndoorDepth", Flat)
    monkeypatch.setattr(focal_scaling, "SIZE", 32)
    table = tmp_path / "rows.json"
    options = ["--fov", "50", "100", "--rooms", "1", "--views", "2", "--json", str(table)]
    focal_scaling.main(options)
    narrow, wide = json.loads(table.read_text())
    assert (narrow["fov_deg"], wide["fov_deg"], narrow["frames"]) == (50.0, 100.0, 2)
    assert narrow["bias_plain"] == pytest.approx(2 * narrow["bias_scaled"])
    assert seen[0].fx == pytest.approx(16 / np.tan(np.radians(25)), rel=1e-3) and len(seen) == 8
    assert len(capsys.readouterr().out.splitlines()) == 3
