# SPDX-License-Identifier: Apache-2.0
"""Damaged calibration files of recorders, and CameraInfos of any numbers, give a camera or one error of ours."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from helpers import messages
from helpers.mutation import EXAMPLES, damaged_text
from helpers.recorder_calibrations import FILES, HEIGHT, WIDTH, as_bytes, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_perception.datasets.rgbd.calibration_files import find_calibration
from geo_perception.errors import GeoPerceptionError, InputError
from geo_perception.ros.conversions import camera_from_info, info_doubts

fuzzed = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[str, bytes]:
    name, content = draw(st.sampled_from(list(FILES.values())))
    return name, draw(damaged_text(as_bytes(content)))


@fuzzed
@given(damaged_files())
def test_calibration_files_of_recorders(file: tuple[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        root = Path(folder) / "scene0000_00"
        write(root, *file)
        found = find_calibration(root)
        if found is not None:
            camera = found.camera(WIDTH, HEIGHT)
            assert camera.size == (HEIGHT, WIDTH) and np.isfinite(camera.K).all()
            assert "\n" not in found.described()


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [0.0, 1.0, 525.0, 319.5, 239.5, -1.0]
)
SIDES = st.integers(0, 2**32 - 1) | st.sampled_from([640, 480, 0, 1])


@st.composite
def infos(draw: st.DrawFn):
    message = messages.info([525, 0, 319.5, 0, 0, 525, 239.5, 0, 0, 0, 1, 0], 640, 480)
    for name in draw(st.lists(st.sampled_from(["k", "p", "r", "d"]), max_size=3)):
        values = np.array(getattr(message, name), float)
        if len(values):
            values[draw(st.integers(0, len(values) - 1))] = draw(NUMBERS)
        setattr(message, name, values if draw(st.booleans()) else values[: draw(st.integers(0, 9))])
    for name in draw(st.lists(st.sampled_from(["width", "height", "binning_x", "binning_y"]), max_size=2)):
        setattr(message, name, draw(SIDES))
    for name in draw(st.lists(st.sampled_from(["x_offset", "y_offset", "width", "height"]), max_size=3)):
        setattr(message.roi, name, draw(SIDES))
    message.distortion_model = draw(
        st.sampled_from(["plumb_bob", "equidistant", "rational_polynomial", "", "x"])
    )
    return message


@fuzzed
@given(infos())
def test_camera_infos(message) -> None:
    try:
        camera = camera_from_info(message)
        said = info_doubts(message)
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert np.isfinite(camera.K).all() and all("\n" not in text for text in said)
    if camera.width * camera.height < 10**6:
        outside = camera.outside
        assert outside is None or outside.shape == camera.size
