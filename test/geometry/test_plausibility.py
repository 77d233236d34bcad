# SPDX-License-Identifier: Apache-2.0
"""NormalizedIntrinsics that cannot be are refused, unusual ones are doubted, those of real cameras pass in silence."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.intrinsics import checked_matrix
from geo_perception.geometry.plausibility import check_possible, doubts, report_doubts

K = [525.0, 0, 319.5, 0, 525.0, 239.5, 0, 0, 1]
VGA = PinholeCamera(525.0, 525.0, 319.5, 239.5, 640, 480)

# fx, fy, cx, cy, width, height as published
REAL = {
    "Kinect": (525.0, 525.0, 319.5, 239.5, 640, 480),
    "7-Scenes at half size": (262.5, 262.5, 159.75, 119.75, 320, 240),
    "TUM freiburg1": (517.3, 516.5, 318.6, 255.3, 640, 480),
    "KITTI": (721.5377, 721.5377, 609.5593, 172.854, 1242, 375),
    "KITTI, bottom crop of completion": (721.5377, 721.5377, 596.5593, 149.854, 1216, 352),
    "Middlebury Motorcycle, right": (3994.978, 3994.978, 1378.036, 992.254, 2964, 1998),
    "EuRoC rectified": (435.2, 435.2, 367.4, 252.2, 752, 480),
    "RealSense D435 colour": (916.6, 916.5, 647.6, 375.7, 1280, 720),
    "ScanNet": (1170.19, 1170.19, 647.75, 483.75, 1296, 968),
    "ZED 2": (522.3, 522.3, 658.7, 364.5, 1280, 720),
}


@pytest.mark.parametrize("values", REAL.values(), ids=REAL)
def test_published_cameras_pass_in_silence(values):
    camera = PinholeCamera(*values)
    check_possible(camera)
    assert doubts(camera) == ()


def test_a_matrix_is_read_in_its_three_forms():
    P = [525, 0, 319.5, 44, 0, 525, 239.5, 0.2, 0, 0, 1, 0.003]
    four = np.eye(4)
    four[:3, :3] = np.reshape(K, (3, 3))
    for values in (K, P, four):
        np.testing.assert_array_equal(checked_matrix(values), np.reshape(K, (3, 3)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.reshape(K, (3, 3)).T, "last row 0 0 1, got 319.5 239.5 1 .*: it is transposed"),
        ([*K[:8], 0], "last row 0 0 1, got 0 0 0"),
        ([*K[:8], 525], "last row 0 0 1, got 0 0 525"),
        ([525, 319.5, 0, 0, 525, 239.5, 0, 0, 1], "must be fx 0 cx, 0 fy cy, 0 0 1, got 525 319.5 0"),
        ([*K[:3], 3, *K[4:]], "must be fx 0 cx"),
        ([*K[:2], np.nan, *K[3:]], "must be finite"),
        (K[:4], "needs 9 \\(K\\) or 12 \\(P\\) values, got 4"),
    ],
)
def test_what_is_no_camera_matrix_is_refused(values, said):
    with pytest.raises(InputError, match=said):
        checked_matrix(values)
    with pytest.raises(InputError, match=said):
        PinholeCamera.from_info(values, 640, 480)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            (1575, 1575, 959.5, 719.5, 640, 480),
            r"959.5, 719.5 of a 640x480 image \(middle of 1920x1440\) lies far",
        ),
        (
            (525, 525, -400, 239.5, 640, 480),
            "principal point -400, 239.5 of a 640x480 image lies far outside",
        ),
        ((525, 52.5, 319.5, 239.5, 640, 480), "fx 525 and fy 52.5 px cannot be of one camera"),
        ((0.82, 0.82, 319.5, 239.5, 640, 480), "field of view of 180 degrees"),
        ((4.0, 4.0, 319.5, 239.5, 640, 480), "field of view of 179 degrees"),
        ((525e3, 525e3, 319.5, 239.5, 640, 480), "field of view of 0.0698 degrees"),
    ],
)
def test_what_cannot_be_is_refused_with_the_values(values, said):
    with pytest.raises(InputError, match=said):
        check_possible(PinholeCamera(*values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((1050, 1050, 639.5, 479.5, 640, 480), r"639.5, 479.5 of a 640x480 image \(middle of 1280x960\)"),
        ((262.5, 262.5, 159.5, 119.5, 640, 480), r"\(middle of 320x240\) is far"),
        ((525, 525, 319.5, 239.5, 848, 480), r"\(middle of 640x480\) is far"),
        ((920, 920, 639.5, 359.5, 1920, 1080), r"\(middle of 1280x720\) is far"),
        (
            (1050, 787.5, 639.5, 359.5, 1280, 720),
            "fx 1050 and fy 787.5 .* those of a 4:3 image stretched over it",
        ),
        ((460, 613.3, 319.5, 239.5, 640, 480), "those of a 16:9 image stretched over it"),
        ((5000, 5000, 319.5, 239.5, 640, 480), "field of view of 7.32 degrees, usual are 10 to 150"),
        ((60, 60, 319.5, 239.5, 640, 480), "field of view of 159 degrees"),
    ],
)
def test_what_may_be_another_image_is_doubted_with_both_values(values, said):
    camera = PinholeCamera(*values)
    check_possible(camera)
    found = doubts(camera)
    assert len(found) == 1
    with pytest.raises(InputError, match=said):
        raise InputError(found[0])


def test_crops_are_judged_by_the_image_they_are_of():
    corner = VGA.cropped(400, 300, 200, 100)
    assert corner == PinholeCamera(525.0, 525.0, -80.5, -60.5, 200, 100)
    for camera in (corner, corner.scaled(100, 50), corner.cropped(0, 0, 64, 64)):
        check_possible(camera)
        assert doubts(camera) == ()
    with pytest.raises(InputError, match="far outside"):
        check_possible(PinholeCamera(525.0, 525.0, -80.5, -60.5, 200, 100))
    wrong = PinholeCamera(1050.0, 1050.0, 639.5, 479.5, 640, 480).cropped(100, 100, 400, 300)
    assert "639.5, 479.5 of a 640x480" in doubts(wrong)[0]


def test_doubts_are_reported_once(caplog, tmp_path):
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            report_doubts(f"calibration {tmp_path}", ("unusual",))
    assert [record.getMessage() for record in caplog.records] == [f"calibration {tmp_path}: unusual"]
