# SPDX-License-Identifier: Apache-2.0
"""Clouds with several values in a field: sensor_msgs_py reads them where it is installed, else a line says so."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from helpers import fake_sensor_msgs_py, messages

from geo_perception.errors import InputError
from geo_perception.ros import conversions

XYZ = np.arange(18, dtype=np.float32).reshape(6, 3)
pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real package where it is installed, else one that names values as it does."""
    if importlib.util.find_spec("sensor_msgs_py") is None:
        package = ModuleType("sensor_msgs_py")
        monkeypatch.setitem(sys.modules, "sensor_msgs_py", package)
        monkeypatch.setitem(sys.modules, "sensor_msgs_py.point_cloud2", fake_sensor_msgs_py)


def cloud(fields: list[SimpleNamespace], values: np.ndarray, shape: tuple[int, int], padding: int = 0):
    """A PointCloud2 of rows of float32 `values`, with junk after every row of points."""
    step = 4 * values.shape[1]
    rows = np.full((shape[0], shape[1] * step + padding), 0x5A, np.uint8)
    rows[:, : shape[1] * step] = np.ascontiguousarray(values).view(np.uint8).reshape(shape[0], -1)
    size = {"height": shape[0], "width": shape[1], "point_step": step, "row_step": rows.shape[1]}
    return SimpleNamespace(
        header=messages.header(),
        fields=fields,
        is_bigendian=False,
        is_dense=False,
        data=rows.tobytes(),
        **size,
    )


@pytest.mark.parametrize("padding", [0, 8])
@pytest.mark.parametrize("name", ["xyz", "position", "points"])
def test_one_field_of_three_coordinates(name, padding):
    msg = cloud([messages.field(name, 0, "f4", 3)], XYZ, (2, 3), padding)
    np.testing.assert_array_equal(conversions.decode_points(msg), np.c_[XYZ, np.zeros(6)])


def test_intensity_stays_with_its_point():
    fields = [messages.field("xyz", 0, "f4", 3), messages.field("intensity", 12, "f4")]
    values = np.c_[XYZ, np.arange(6, dtype=np.float32)]
    np.testing.assert_array_equal(conversions.decode_points(cloud(fields, values, (1, 6))), values)


def test_of_several_returns_of_a_beam_the_first_counts():
    fields = [messages.field(axis, 8 * i, "f4", 2) for i, axis in enumerate("xyz")]
    values = np.repeat(XYZ, 2, axis=1) + np.tile(np.array([0, 100], np.float32), 3)
    np.testing.assert_array_equal(conversions.decode_points(cloud(fields, values, (1, 6)))[:, :3], XYZ)


def test_several_intensities_do_not_cost_the_coordinates():
    fields = [messages.field(axis, 4 * i, "f4") for i, axis in enumerate("xyz")]
    fields.append(messages.field("intensity", 12, "f4", 2))
    msg = cloud(fields, np.c_[XYZ, XYZ[:, :2]], (1, 6))
    np.testing.assert_array_equal(conversions.decode_points(msg), np.c_[XYZ, np.zeros(6)])


def test_without_the_package_the_line_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sensor_msgs_py", None)
    monkeypatch.setitem(sys.modules, "sensor_msgs_py.point_cloud2", None)
    with pytest.raises(InputError, match="ros-jazzy-sensor-msgs-py"):
        conversions.decode_points(cloud([messages.field("xyz", 0, "f4", 3)], XYZ, (2, 3)))


FAULTS = {
    "past the end": (messages.field("xyz", 0, "f4", 4), "4 values of datatype 7 at byte 0"),
    "endless": (messages.field("xyz", 0, "f4", 2**32 - 1), "4294967295 values"),
    "two coordinates": (messages.field("xyz", 0, "f4", 2), "needs fields x, y, z or three values in one of"),
    "foreign type": (SimpleNamespace(name="xyz", offset=0, datatype=9, count=3), "datatype 9"),
}


@pytest.mark.parametrize("field, said", FAULTS.values(), ids=FAULTS)
def test_fields_that_cannot_be_are_refused(field, said):
    with pytest.raises(InputError, match=said):
        conversions.decode_points(cloud([field], XYZ, (2, 3)))
