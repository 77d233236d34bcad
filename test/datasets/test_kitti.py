# SPDX-License-Identifier: Apache-2.0
"""Every layout gives the same frames, in the left colour camera's frame; what is wrong with a folder is named."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import kitti_folders as kitti

from geo_perception.datasets import open_dataset
from geo_perception.errors import DataError
from geo_perception.geometry import se3

DATA = Path(os.environ.get("GEO_PERCEPTION_DATA", "/nonexistent"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="GEO_PERCEPTION_DATA names no folder")


def test_object_folder_gives_the_files_contents(tmp_path: Path) -> None:
    dataset = open_dataset(kitti.object_folder(tmp_path))
    assert len(dataset) == 3
    for index, frame in enumerate(dataset):
        assert frame.name == f"{index:06d}"
        assert np.array_equal(frame.left, kitti.rgb(index))
        assert np.array_equal(frame.right, kitti.rgb(1000 + index))
        assert np.array_equal(frame.points_lidar, kitti.points(index))
        assert frame.points_lidar.dtype == np.float32
    assert np.diff([frame.stamp_ns for frame in dataset]).tolist() == [100_000_000] * 2
    assert all(frame.stamp_ns > 0 for frame in dataset)


def test_points_without_return_are_dropped(tmp_path: Path) -> None:
    root = kitti.object_folder(tmp_path)
    cloud = next(root.rglob("000001.bin"))
    cloud.write_bytes(np.concatenate((np.zeros((9, 4), np.float32), kitti.points(1))).tobytes())
    assert np.array_equal(open_dataset(root)[1].points_lidar, kitti.points(1))
    cloud.write_bytes(np.zeros((9, 4), np.float32).tobytes())
    with pytest.raises(DataError, match=r"000001\.bin: none of the cloud's 9 points is a return"):
        open_dataset(root)[1]


def test_truth_is_depth_of_the_stored_disparity(tmp_path: Path) -> None:
    frame = open_dataset(kitti.object_folder(tmp_path))[1]
    stored = kitti.disparity16(1)
    assert frame.depth_truth_m is not None
    assert np.array_equal(np.isnan(frame.depth_truth_m), stored == 0)
    disparity_px = stored[stored > 0] / 256.0
    expected_m = kitti.K[0, 0] * kitti.BASELINE_M / disparity_px
    np.testing.assert_allclose(frame.depth_truth_m[stored > 0], expected_m, rtol=1e-6)


def test_precomputed_disparity(tmp_path: Path) -> None:
    dataset = open_dataset(kitti.object_folder(tmp_path))
    assert dataset.has_precomputed_disparity
    stored = kitti.disparity16(52)
    expected = np.where(stored > 0, stored / 256.0, np.nan)
    np.testing.assert_array_equal(dataset.precomputed_disparity(2), expected.astype(np.float32))
    (tmp_path / "psmnet_disparity/000001.png").unlink()
    partial = open_dataset(tmp_path)
    assert not partial.has_precomputed_disparity
    with pytest.raises(DataError, match="no precomputed disparity for frame 000001"):
        partial.precomputed_disparity(1)


@pytest.mark.parametrize("layout", [kitti.object_folder, kitti.raw_drive, kitti.single_frame])
def test_lidar_lands_where_the_projection_matrix_puts_it(
    tmp_path: Path, layout: Callable[[Path], Path]
) -> None:
    """p ~ P2 R_rect Tr x, and the third component is the depth: P2's own translation must not get lost."""
    frame = open_dataset(layout(tmp_path))[0]
    rectify, lidar = np.eye(4), np.eye(4)
    rectify[:3, :3], lidar[:3] = kitti.RECTIFY, kitti.LIDAR
    x = np.column_stack([kitti.points(0)[:, :3], np.ones(50)])
    expected = x @ (kitti.P2 @ rectify @ lidar).T
    points_cam = se3.apply(frame.camera_from_lidar, frame.points_lidar[:, :3])
    np.testing.assert_allclose(points_cam @ frame.rig.left.K.T, expected, rtol=1e-5, atol=1e-4)
    assert frame.rig.baseline_m == pytest.approx(kitti.BASELINE_M, abs=1e-9)
    se3.check_transform(frame.camera_from_lidar)


def test_other_folder_names_and_one_calibration_a_frame(tmp_path: Path) -> None:
    root = kitti.object_folder(tmp_path / "training")
    for old, new in (("image_02", "image_2"), ("image_03", "image_3"), ("velodyne_points", "velodyne")):
        (root / old).rename(root / new)
    (root / "calib.txt").unlink()
    (root / "calib").mkdir()
    for index in range(3):
        (root / f"calib/{index:06d}.txt").write_text(kitti.object_calibration())
    dataset = open_dataset(tmp_path)  # the archive's folder above training/
    assert [len(frame.points_lidar) for frame in dataset] == [50, 50, 50]
    (root / "calib/000001.txt").unlink()
    with pytest.raises(DataError, match="no calibration for frame 000001"):
        open_dataset(tmp_path)


def test_frames_without_truth_or_lidar_are_frames(tmp_path: Path) -> None:
    kitti.object_folder(tmp_path)
    (tmp_path / "disp_occ_0/000001.png").unlink()
    assert [frame.depth_truth_m is None for frame in open_dataset(tmp_path)] == [False, True, False]
    for cloud in (tmp_path / "velodyne_points").iterdir():
        cloud.unlink()
    (tmp_path / "velodyne_points").rmdir()
    assert open_dataset(tmp_path)[0].points_lidar.shape == (0, 4)


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    kitti.object_folder(tmp_path)
    (tmp_path / "image_02/000001.png").write_bytes(b"damaged")
    dataset = open_dataset(tmp_path)
    assert dataset[0].name == "000000"
    assert [frame.name for frame in dataset[::2]] == ["000000", "000002"]
    assert dataset[-1].name == "000002"
    with pytest.raises(DataError, match="000001"):
        dataset[1]
    with pytest.raises(IndexError):
        dataset[3]


def test_frames_of_one_size_share_a_rig(tmp_path: Path) -> None:
    """A camera caches its rays, which would otherwise be computed for every frame."""
    dataset = open_dataset(kitti.object_folder(tmp_path))
    assert dataset[0].rig is dataset[1].rig is dataset[1:][0].rig


@pytest.mark.parametrize("lost", [[0], [1], [0, 2], [3]])
def test_an_empty_line_is_the_time_of_a_lost_frame(tmp_path: Path, lost: list[int]) -> None:
    raw = kitti.raw_drive(tmp_path / "2011_09_26", count=4)
    sequence = kitti.odometry(tmp_path / "sequence", count=4)
    (sequence / "times.txt").write_text("0.0\n0.1\n0.2\n0.3\n")
    for index in lost:
        for folder, width, ending in ((raw / "image_02/data", 10, "png"), (sequence / "image_2", 6, "png")):
            (folder / f"{index:0{width}d}.{ending}").unlink()
    for file in (raw / "image_02/timestamps.txt", sequence / "times.txt"):
        lines = file.read_text().splitlines()
        file.write_text("".join("\n" if i in lost else f"{text}\n" for i, text in enumerate(lines)))
    kept = [index for index in range(4) if index not in lost]
    first = 1_317_042_145_594_360_375
    assert [frame.stamp_ns for frame in open_dataset(raw)] == [first + 100 * i for i in kept]
    period = 100_000_000
    assert [frame.stamp_ns for frame in open_dataset(sequence)] == [10**9 + period * i for i in kept]


def test_an_image_with_an_empty_time_is_named(tmp_path: Path) -> None:
    drive = kitti.raw_drive(tmp_path / "2011_09_26")
    file = drive / "image_02/timestamps.txt"
    file.write_text("\n" + "".join(file.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match=r"0000000000\.png: line 1 of .*timestamps\.txt is empty"):
        open_dataset(drive)


def test_raw_drive_has_its_time_stamps_to_the_nanosecond(tmp_path: Path) -> None:
    drive = kitti.raw_drive(tmp_path / "2011_09_26")
    first = 1317042145 * 1_000_000_000 + 594360375  # 2011-09-26 13:02:25 UTC
    for path in (drive, drive.parent):
        assert [frame.stamp_ns for frame in open_dataset(path)] == [first, first + 100, first + 200]


def test_raw_drive_with_a_missing_cloud_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    drive = kitti.raw_drive(tmp_path)
    (drive / "velodyne_points/data/0000000001.bin").unlink()
    with caplog.at_level(logging.WARNING):
        frames = list(open_dataset(drive))
    assert [len(frame.points_lidar) for frame in frames] == [50, 0, 50]
    assert "1 of 3 frames have no cloud, first 0000000001" in caplog.text


def test_raw_drive_reads_annotated_depth(tmp_path: Path) -> None:
    drive = kitti.raw_drive(tmp_path)
    stored = kitti.disparity16(7)
    kitti.write_png(drive / "proj_depth/groundtruth/image_02/0000000001.png", stored)
    frames = list(open_dataset(drive))
    assert frames[0].depth_truth_m is None
    np.testing.assert_array_equal(np.nan_to_num(frames[1].depth_truth_m), stored / np.float32(256))


def test_odometry_without_lidar(tmp_path: Path) -> None:
    frames = list(open_dataset(kitti.odometry(tmp_path)))
    assert [frame.stamp_ns for frame in frames] == [1_000_000_000, 1_103_611_700]
    assert all(frame.points_lidar.shape == (0, 4) and frame.depth_truth_m is None for frame in frames)
    # Without a lidar pose, ahead of the lidar is ahead of the camera and nothing more is claimed.
    assert np.array_equal(frames[0].camera_from_lidar @ [1, 0, 0, 1], [0, 0, 1, 1])


def damage(tmp_path: Path, what: str) -> Path:
    """A folder with one thing wrong."""
    root = kitti.object_folder(tmp_path)
    png, cloud = root / "image_02/000000.png", root / "velodyne_points/000000.bin"
    disparity, calibration = root / "disp_occ_0/000000.png", root / "calib.txt"
    nan = kitti.P2.copy()
    nan[1, 1] = np.nan
    unequal = kitti.P3.copy()
    unequal[0, 0] += 1
    actions: dict[str, Callable[[], object]] = {
        "right image missing": (root / "image_03/000000.png").unlink,
        "cloud missing": cloud.unlink,
        "calibration missing": calibration.unlink,
        "cloud truncated": lambda: cloud.write_bytes(cloud.read_bytes()[:-3]),
        "png truncated": lambda: png.write_bytes(png.read_bytes()[:-40]),
        "png corrupt": lambda: png.write_bytes(b"\x89PNG" + bytes(100) + png.read_bytes()[-12:]),
        "8-bit truth": lambda: kitti.write_png(disparity, np.ones((kitti.HEIGHT, kitti.WIDTH), np.uint8)),
        "truth size": lambda: kitti.write_png(disparity, np.ones((4, 4), np.uint16)),
        "right size": lambda: kitti.write_png(root / "image_03/000000.png", kitti.rgb(0)[:-1]),
        "NaN": lambda: calibration.write_text(kitti.object_calibration(P2=nan)),
        "no P3": lambda: calibration.write_text(kitti.object_calibration(P3=np.empty(0))),
        "short P3": lambda: calibration.write_text(kitti.object_calibration(P3=kitti.P3[:2])),
        "not rectified": lambda: calibration.write_text(kitti.object_calibration(P3=unequal)),
        "swapped": lambda: calibration.write_text(kitti.object_calibration(P2=kitti.P3, P3=kitti.P2)),
        "no pose": lambda: calibration.write_text(kitti.object_calibration(Tr_velo_to_cam=np.empty(0))),
        "binary calibration": lambda: calibration.write_bytes(b"\xff\xfe\x00P2: 1"),
    }
    actions[what]()
    return root


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("right image missing", r"000000.*image_03/000000.png is missing"),
        ("cloud missing", r"velodyne_points/000000.bin is missing"),
        ("calibration missing", r"no calibration for frame 000000"),
        ("cloud truncated", r"000000.bin is truncated: 797 bytes"),
        ("png truncated", r"image_02/000000.png cannot be read: it is truncated"),
        ("png corrupt", r"image_02/000000.png cannot be read"),
        ("8-bit truth", r"disp_occ_0/000000.png must be a one-channel 16-bit PNG, got uint8"),
        ("truth size", r"truth of frame 000000 is \(4, 4\)"),
        ("right size", r"image_03/000000.png is \(39, 64, 3\): sizes must be equal"),
        ("NaN", r"P2 holds a value that is not finite"),
        ("no P3", r"none of P3, P_rect_03 found, has P2, R0_rect, Tr_velo_to_cam"),
        ("short P3", r"P3 needs 12 numbers, got 8"),
        ("not rectified", r"intrinsics differ"),
        ("swapped", r"baseline is -0.5300 m \(left and right swapped\?\)"),
        ("no pose", r"has no lidar pose"),
        ("binary calibration", r"calib.txt is not text"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, what: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(damage(tmp_path, what))[0]


def test_unknown_layouts_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is no folder"):
        open_dataset(tmp_path / "absent")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError, match="layout not recognised, found pictures"):
        open_dataset(tmp_path)
    (tmp_path / "image_02").mkdir()
    with pytest.raises(DataError, match="image_02 holds no image"):
        open_dataset(tmp_path)


def test_raw_drive_faults_are_named(tmp_path: Path) -> None:
    drive = kitti.raw_drive(tmp_path)
    kitti.raw_drive(tmp_path, name="2011_09_26_drive_0002_sync")
    with pytest.raises(DataError, match="holds 2 drives, name one: 2011_09_26_drive_0001_sync"):
        open_dataset(tmp_path)
    (drive / "image_02/timestamps.txt").write_text("yesterday\n" * 3)
    with pytest.raises(DataError, match="got 'yesterday'"):
        open_dataset(drive)
    (tmp_path / "calib_velo_to_cam.txt").unlink()
    with pytest.raises(DataError, match=r"calib_velo_to_cam\.txt is missing"):
        open_dataset(drive)


def test_raw_drive_that_is_not_rectified_is_refused(tmp_path: Path) -> None:
    drive = kitti.raw_drive(tmp_path)
    for side in ("image_02", "image_03"):
        kitti.write_png(drive / side / "data/0000000000.png", kitti.rgb(0)[:-1])
    with pytest.raises(DataError, match="images are 64x39, calibrated for 64x40 when rectified"):
        open_dataset(drive)[0]


def test_odometry_with_too_few_times(tmp_path: Path) -> None:
    root = kitti.odometry(tmp_path)
    (root / "times.txt").write_text("0.0\n")
    with pytest.raises(DataError, match=r"no time stamp, .*has 1 lines"):
        open_dataset(root)


@needs_data
def test_real_folders() -> None:
    dataset = open_dataset(DATA / "kitti_stereo_lidar")
    assert len(dataset) == 15
    assert dataset.has_precomputed_disparity
    frame = dataset[0]
    assert frame.rig.baseline_m == pytest.approx(0.5327, abs=1e-4)
    assert len(open_dataset(DATA / "kitti_frame")[0].points_lidar) == 103344
    assert len(list(open_dataset(DATA / "kitti_odometry_stereo"))) == 10


@pytest.mark.parametrize("line", ["inf", "nan", "-inf", "1e300", "9e9", "one"])
def test_times_that_cannot_be_are_named(tmp_path: Path, line: str) -> None:
    root = kitti.odometry(tmp_path)
    (root / "times.txt").write_text(f"{line}\n0.1\n0.2\n")
    with pytest.raises(DataError, match=r"times\.txt: expected seconds, got"):
        open_dataset(root)
