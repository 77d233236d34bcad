# SPDX-License-Identifier: Apache-2.0
"""CameraInfo, stamps and transforms: round trips, and refusal of what cannot be."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import messages
from hypothesis import given
from hypothesis import strategies as st

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera, StereoRig, se3
from geo_perception.ros import conversions

KITTI = [721.5377, 0, 609.5593, 44.85728, 0, 721.5377, 172.854, 0, 0, 0, 1, 0]
KITTI_RIGHT = [*KITTI[:3], -339.5242, *KITTI[4:]]


def infos(**changes):
    left, right = messages.info(KITTI, 1242, 375), messages.info(KITTI_RIGHT, 1242, 375)
    vars(right).update(changes)
    return left, right


def test_kitti_rig_has_its_published_baseline():
    rig = conversions.rig_from_infos(*infos())
    assert rig.baseline_m == pytest.approx(0.532725, abs=1e-6)
    assert rig.left == PinholeCamera(721.5377, 721.5377, 609.5593, 172.854, 1242, 375)


@pytest.mark.ros
@given(st.floats(50, 2000), st.floats(0.01, 2), st.integers(64, 4000), st.integers(64, 4000))
def test_rig_round_trip(focal, baseline_m, width, height):
    rig = StereoRig(PinholeCamera(focal, focal * 1.01, width / 2, height / 2, width, height), baseline_m)
    header = conversions.header(1, "camera")
    left = conversions.info_from_camera(rig.left, header)
    right = conversions.info_from_camera(rig.left, header, baseline_m)
    back = conversions.rig_from_infos(left, right)
    assert back.left == rig.left
    assert back.baseline_m == pytest.approx(baseline_m)


def test_swapped_cameras_are_named():
    left, right = infos()
    with pytest.raises(InputError, match="left and right swapped"):
        conversions.rig_from_infos(right, left)


def test_a_pair_without_baseline_is_refused():
    left, _ = infos()
    with pytest.raises(InputError, match="baseline 0 m"):
        conversions.rig_from_infos(left, left)


def changed(index: int, value: float, name: str = "p") -> dict[str, np.ndarray]:
    values = np.array(KITTI_RIGHT) if name == "p" else np.array(KITTI).reshape(3, 4)[:, :3].reshape(9).copy()
    values[index] = value
    return {name: values}


FAULTS = {
    "NaN in K": (changed(0, np.nan, "k"), "K must be finite"),
    "zero K": ({"k": np.zeros(9)}, "K must be finite"),
    "short K": ({"k": np.ones(8)}, "9 values, got 8"),
    "zero P": ({"p": np.zeros(12)}, "is it calibrated"),
    "infinite P": (changed(2, np.inf), "P must be finite"),
    "negative focal length": (changed(5, -700.0), "fx, fy > 0"),
    "zero width": ({"width": 0}, "0x375"),
    "another size": ({"width": 1241}, "must agree"),
    "another principal point": (changed(2, 600.0), "rectified together"),
}


@pytest.mark.parametrize("changes, said", FAULTS.values(), ids=FAULTS)
def test_bad_camera_infos_are_refused_with_the_value(changes, said):
    with pytest.raises(InputError, match=said):
        conversions.rig_from_infos(*infos(**changes))


def test_region_of_interest_and_binning_apply_to_the_published_image():
    roi = SimpleNamespace(x_offset=13, y_offset=23, width=1216, height=352, do_rectify=False)
    camera = conversions.camera_from_info(messages.info(KITTI, 1242, 375, roi=roi))
    assert camera == PinholeCamera(721.5377, 721.5377, 609.5593 - 13, 172.854 - 23, 1216, 352)
    halved = conversions.camera_from_info(messages.info(KITTI, 1242, 375, roi=roi, binning_x=2, binning_y=2))
    assert halved == camera.scaled(608, 176)


@pytest.mark.ros
@given(st.integers(0, (2**31 - 1) * 10**9 + 999_999_999))
def test_stamps_round_trip(stamp_ns):
    assert conversions.stamp_ns(conversions.time_from_ns(stamp_ns)) == stamp_ns
    assert conversions.stamp_ns(conversions.header(stamp_ns, "map")) == stamp_ns


@pytest.mark.parametrize("stamp_ns", [-1, 2**31 * 10**9])
def test_stamps_out_of_range_are_refused(stamp_ns):
    with pytest.raises(InputError, match=str(stamp_ns)):
        conversions.time_from_ns(stamp_ns)


def rigid(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return se3.transform(se3.rotation_from_quaternion(rng.normal(size=4)), rng.uniform(-50, 50, 3))


@pytest.mark.ros
@given(st.integers(0, 10_000))
def test_transforms_round_trip(seed):
    matrix = rigid(seed)
    msg = conversions.transform_from_matrix(matrix, conversions.header(0, "camera"), "velodyne")
    assert (msg.header.frame_id, msg.child_frame_id) == ("camera", "velodyne")
    np.testing.assert_allclose(conversions.matrix_from_transform(msg), matrix, atol=1e-9)


def tree(*edges: tuple[str, str, np.ndarray]) -> conversions.StaticTransforms:
    transforms = conversions.StaticTransforms()
    for parent, child, matrix in edges:
        stamped = conversions.transform_from_matrix(matrix, conversions.header(0, parent), child)
        transforms.add(SimpleNamespace(transforms=[stamped]))
    return transforms


@pytest.mark.ros
def test_lookup_follows_the_tree_both_ways():
    a, b, c = rigid(1), rigid(2), rigid(3)
    transforms = tree(("base", "camera", a), ("base", "mast", b), ("mast", "velodyne", c))
    expected = se3.inverse(a) @ b @ c
    np.testing.assert_allclose(transforms.lookup("camera", "velodyne"), expected, atol=1e-9)
    np.testing.assert_allclose(transforms.lookup("velodyne", "camera"), se3.inverse(expected), atol=1e-9)
    np.testing.assert_allclose(transforms.lookup("mast", "mast"), np.eye(4), atol=1e-9)


@pytest.mark.ros
def test_lookups_that_cannot_be_answered_say_why():
    transforms = tree(("base", "camera", rigid(1)), ("other", "velodyne", rigid(2)))
    with pytest.raises(InputError, match="does not connect 'velodyne'"):
        transforms.lookup("camera", "velodyne")
    with pytest.raises(InputError, match="'lidar' is not in /tf_static, which has: base, camera"):
        transforms.lookup("camera", "lidar")
    with pytest.raises(InputError, match="loop"):
        tree(("a", "b", rigid(1)), ("b", "a", rigid(2))).lookup("a", "b")
