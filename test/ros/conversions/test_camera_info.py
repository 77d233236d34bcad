# SPDX-License-Identifier: Apache-2.0
"""CameraInfos that cannot be are refused, unusual ones doubted, and rectification is kept both ways."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import messages

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.rectification import LensModel, Rectification
from geo_perception.ros.bags.messages import Maker
from geo_perception.ros.conversions import camera_from_info, info_doubts, rig_from_infos

P = [525.0, 0, 319.5, 0, 0, 525.0, 239.5, 0, 0, 0, 1, 0]
K = [525.0, 0, 319.5, 0, 525.0, 239.5, 0, 0, 1]


def info(**changes):
    message = messages.info(P, 640, 480)
    for name, value in changes.items():
        setattr(message, name, np.array(value) if isinstance(value, list) else value)
    return message


def scaled(factor: float) -> dict[str, list[float]]:
    """K and P of so many times the resolution."""
    rows = np.diag([factor, factor, 1.0])
    return {
        "k": (rows @ np.reshape(K, (3, 3))).ravel().tolist(),
        "p": (rows @ np.reshape(P, (3, 4))).ravel().tolist(),
    }


IMPOSSIBLE = {
    "transposed K": ({"k": np.reshape(K, (3, 3)).T.reshape(9)}, "CameraInfo K: .*it is transposed"),
    "K whose last row is not 0 0 1": ({"k": [*K[:8], 0]}, "CameraInfo K: .*last row 0 0 1"),
    "P whose last row is not 0 0 1": ({"p": [*P[:10], 525, 0]}, "CameraInfo P: .*last row 0 0 1"),
    "K and P of three times the resolution": (
        scaled(3),
        "principal point 958.5, 718.5 of a 640x480 image .* lies far outside",
    ),
    "P alone of another image": ({"p": scaled(4)["p"]}, "CameraInfo P: principal point 1278"),
    "P whose fx is no pixels": (
        {"p": [0.8, *P[1:]]},
        "CameraInfo P: fx 0.8 and fy 525 px cannot be of one camera",
    ),
    "no width": ({"width": 0}, "positive size, got 0x480"),
    "a region outside": (
        {"roi": SimpleNamespace(x_offset=600, y_offset=0, width=100, height=100, do_rectify=True)},
        r"crop 100x100\+600\+0 leaves the 640x480 image",
    ),
}


@pytest.mark.parametrize(("changes", "said"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(InputError, match=said):
        camera_from_info(info(**changes))


UNUSUAL = {
    "twice the resolution": (scaled(2), ["P: principal point 639, 479"]),
    "half the resolution": (scaled(0.5), ["P: principal point 159.75, 119.75"]),
    "K of another resolution than P": ({"k": scaled(2)["k"]}, ["K: principal point 639, 479"]),
    "another focal length in P": ({"p": [262.5, *P[1:5], 262.5, *P[6:]]}, ["fx is 525 px in K and 262.5 in P"]),
    "stretched": ({"p": [700, *P[1:]], "k": [700, *K[1:]]}, ["P: fx 700 and fy 525 px"]),
    "R that turns nothing": ({"r": [2.0, 0, 0, 0, 2, 0, 0, 0, 2]}, ["rectification matrix must be a rotation"]),
    "three coefficients": ({"d": [0.1, 0.1, 0.1]}, ["plumb_bob has 2, 4, 5, 8, 12, 14 distortion coefficients, got 3"]),
    "an unknown lens": ({"d": [0.1], "distortion_model": "omni"}, ["distortion_model 'omni' is not one of"]),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), UNUSUAL.values(), ids=UNUSUAL)
def test_what_is_unusual_is_taken_and_said_once(changes, said):
    message = info(**changes)
    camera_from_info(message)
    found = info_doubts(message)
    assert len(found) == len(said)
    for text, want in zip(found, said, strict=True):
        assert text.startswith(want)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"r": [0.0] * 9},
        {"d": [], "distortion_model": ""},
        {"d": [0.0] * 14, "distortion_model": "rational_polynomial"},
        {"d": [0.1, -0.2, 0, 0, 0], "p": [420.0, 0, 330, 0, 0, 430, 235, 0, 0, 0, 1, 0]},
        {"roi": SimpleNamespace(x_offset=400, y_offset=300, width=200, height=100, do_rectify=True)},
        {"binning_x": 2, "binning_y": 2},
    ],
    ids=["plain", "no R", "no lens", "14 zeros", "rectified", "a corner of the image", "binned"],
)
def test_what_drivers_publish_is_not_doubted(changes):
    message = info(**changes)
    camera_from_info(message)
    assert info_doubts(message) == ()


def test_lens_and_turn_tell_where_rectification_had_no_picture():
    assert camera_from_info(info()).outside is None
    message = info(d=[0.2, 0.05, 0.0, 0.0, 0.0])
    outside = camera_from_info(message).outside
    assert outside is not None and outside[0, 0] and not outside[240, 320]
    message.binning_x = message.binning_y = 2
    binned = camera_from_info(message).outside
    assert binned.shape == (240, 320) and binned.mean() == pytest.approx(outside.mean(), abs=0.01)
    message.binning_x = message.binning_y = 0
    message.roi = SimpleNamespace(x_offset=100, y_offset=50, width=400, height=300, do_rectify=True)
    part = camera_from_info(message).outside
    assert part is not None  # the raw image is this region only, so that its own border is missing
    assert part[0, 0] and not part[150, 200]


def test_bags_keep_how_their_images_were_rectified():
    taken = (500.0, 0, 310, 0, 500.0, 250, 0, 0, 1)
    lens = LensModel.of("plumb_bob", [0.2, 0.05, 0, 0, 0])
    upright = (1.0, 0, 0, 0, 1, 0, 0, 0, 1)
    camera = PinholeCamera(
        525.0, 525.0, 319.5, 239.5, 640, 480, Rectification(taken, lens, upright, (640, 480))
    )
    maker = Maker()
    for shown in (camera, camera.scaled(320, 240)):
        message = maker.info(shown, maker.header(1, "camera"))
        back = camera_from_info(message)
        assert back == shown and back.rectification.lens == lens
        assert (back.outside == shown.outside).mean() > 0.99  # half a pixel at the edge
    plain = camera_from_info(maker.info(camera.cropped(10, 10, 600, 400), maker.header(1, "camera")))
    assert plain.rectification is None


def test_pairs_that_are_not_beside_each_other_are_refused():
    right = messages.info([*P[:3], -52.5, *P[4:7], -26.0, *P[8:]], 640, 480)
    with pytest.raises(
        InputError, match=r"P\[7\] -26 against the left's 0 puts it 0.0495\d* m below, .* baseline of 0.1 m"
    ):
        rig_from_infos(info(), right)
