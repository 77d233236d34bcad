# SPDX-License-Identifier: Apache-2.0
"""RGB-D folders: every layout gives the depth and camera it stands for, every fault is one named error."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from helpers import indoor_folders as make
from helpers import rgbd_folders as rgbd

from geo_perception.datasets.rgbd import open_rgbd, open_rgbd_sets
from geo_perception.errors import DataError
from geo_perception.frames import RgbdFrame

LAYOUTS = {
    "7-Scenes": (rgbd.seven_scenes, 525.0),
    "Redwood": (rgbd.redwood, 525.0),
    "TUM pairs": (rgbd.tum_pairs, 520.9),
    "TUM sequence": (rgbd.tum_sequence, 520.9),
    "NYU Depth raw": (rgbd.nyu_pairs, 518.858),
    "SUN RGB-D": (rgbd.sun_pairs, 525.0),
}


def check(frame: RgbdFrame, fx: float, tolerance: float = 1e-3) -> None:
    """The ramp that the helpers write: known everywhere but in its first pixel."""
    assert frame.image.shape == (*frame.camera.size, 3)
    assert frame.depth_truth_m is not None and frame.depth_truth_m.dtype == np.float32
    assert np.isnan(frame.depth_truth_m[0, 0])
    want = rgbd.depth_m()[1:]
    np.testing.assert_allclose(frame.depth_truth_m[1:], want, atol=tolerance)
    assert frame.camera.fx == pytest.approx(fx * rgbd.WIDTH / 640)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts_are_recognised_by_content(tmp_path: Path, kind: str) -> None:
    write, fx = LAYOUTS[kind]
    write(tmp_path)
    frames = open_rgbd(tmp_path)
    assert (frames.kind, len(frames)) == (kind, 1 if "pairs" in kind or kind[:3] in ("NYU", "SUN") else 2)
    if kind in ("7-Scenes", "NYU Depth raw"):  # whose depth moves to the colour camera (test_registration)
        assert frames[0].camera.fx == pytest.approx(fx * rgbd.WIDTH / 640)
    else:
        check(frames[0], fx)
    assert np.array_equal(frames.truth(0), frames[0].depth_truth_m, equal_nan=True)
    assert len(frames[:1]) == 1 and frames[:1].kind == kind


def test_the_folders_own_intrinsics_win(tmp_path: Path) -> None:
    rgbd.redwood(tmp_path)
    (tmp_path / "camera-intrinsics.txt").write_text("50 0 31\n0 51 23\n0 0 1\n")
    camera = open_rgbd(tmp_path)[0].camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (50, 51, 31, 23)
    (tmp_path / "camera-intrinsics.txt").write_text("50 0 31\n")
    with pytest.raises(DataError, match="needs 3x3 numbers, or fx fy cx cy, got 3"):
        open_rgbd(tmp_path)


def test_left_images_of_simulated_rooms_are_read_with_90_degrees(tmp_path: Path) -> None:
    make.small_simsin(tmp_path, scenes=2, frames=3)
    frames = open_rgbd(tmp_path)
    assert frames.kind == "SimSIN" and [f.name for f in frames.files][:2] == ["room_0/000_0", "room_0/001_0"]
    assert len(frames) == 6
    assert frames[0].camera.fx == pytest.approx(32) and frames[0].camera.cx == pytest.approx(31.5)


def test_rooms_of_another_aspect_without_a_record_are_doubted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make.published_va(tmp_path)
    path = next((tmp_path).rglob("camera_0/*.png"))
    make.save_png(path, make.picture("wide", 48, 64))
    truth = tmp_path / f"VA/gt_depth_rectify/cam0_frame{int(path.stem):04d}.depth.pfm"
    make.save_pfm(truth, np.full((48, 64), 2.0, np.float32))
    wide = open_rgbd(path.parents[1])
    index = [f.image for f in wide.files].index(path) if path in [f.image for f in wide.files] else None
    assert index is not None
    assert wide[index].camera.fx == pytest.approx(32) and wide[index].camera.fy == pytest.approx(24)
    assert "those of a 1:1 image stretched over it" in caplog.text


def test_published_test_sets_are_read(tmp_path: Path) -> None:
    make.published_va(tmp_path)
    make.published_nyu(tmp_path)
    assert {s.kind: len(s) for s in open_rgbd_sets(tmp_path)} == {"VA": 3, "NYUv2": 1}


def test_a_folder_of_sets_gives_each_of_them(tmp_path: Path) -> None:
    rgbd.redwood(tmp_path / "b")
    rgbd.seven_scenes(tmp_path / "a")
    (tmp_path / "c").mkdir()
    assert [s.kind for s in open_rgbd_sets(tmp_path)] == ["7-Scenes", "Redwood"]


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="absent is no folder"):
        open_rgbd(tmp_path / "absent")
    with pytest.raises(DataError, match=r"layout not recognised, found nothing; expected frame-\*"):
        open_rgbd_sets(tmp_path)
    rgbd.redwood(tmp_path / "r")
    (tmp_path / "r/depth/00001.png").unlink()
    with pytest.raises(DataError, match="2 colour images, 1 depth images"):
        open_rgbd(tmp_path / "r")
    rgbd.tum_pairs(tmp_path / "t")
    (tmp_path / "t/1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png is missing"):
        open_rgbd(tmp_path / "t")
    rgbd.seven_scenes(tmp_path / "s")
    path = tmp_path / "s/frame-000000.depth.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="cannot be read"):
        open_rgbd(tmp_path / "s")[0]


def test_depth_in_another_code_is_refused(tmp_path: Path) -> None:
    rgbd.sun_pairs(tmp_path / "s")
    rgbd.save_png16(tmp_path / "s/room_depth.png", rgbd.depth_m() * 1000)
    with pytest.raises(DataError, match=r"lowest 3 bits.*state the unit"):
        open_rgbd(tmp_path / "s")[0]
    assert open_rgbd(tmp_path / "s", "mm")[0].depth_truth_m[-1, 0] == pytest.approx(3)
    rgbd.save_png16(tmp_path / "s/room_depth.png", np.round(rgbd.depth_m() * 125) * 8)
    with pytest.raises(DataError, match=r"median 0\.25 m as SUN RGB-D rotates it, 2 m as mm; state the unit"):
        open_rgbd(tmp_path / "s")[0]
    rgbd.nyu_pairs(tmp_path / "n")
    path = tmp_path / "n/room_depth.pgm"
    content = path.read_bytes()
    path.write_bytes(content[:-2])
    with pytest.raises(DataError, match="its header asks for"):
        open_rgbd(tmp_path / "n")[0]
    path.write_bytes(content[:-2] + b"\x07\xff")
    with pytest.raises(DataError, match="raw Kinect depth ends at 2047"):
        open_rgbd(tmp_path / "n")[0]


DATA = os.environ.get("GEO_PERCEPTION_DATA")


@pytest.mark.skipif(not DATA, reason="needs GEO_PERCEPTION_DATA")
def test_recorded_folders_are_read() -> None:
    found = {s.root.name: s for s in open_rgbd_sets(Path(str(DATA)) / "indoor_rgbd")}
    counts = {"nyu_single": 1, "redwood5": 5, "seven_scenes_office": 50, "sun_single": 1, "tum_pair": 2}
    assert {name: len(s) for name, s in found.items()} == counts
    for data_set in found.values():
        frame = data_set[0]
        assert frame.image.shape == (480, 640, 3)
        assert 1 < np.nanmedian(frame.depth_truth_m) < 4 and np.nanmax(frame.depth_truth_m) < 11
