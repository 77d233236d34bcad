# SPDX-License-Identifier: Apache-2.0
"""Point clouds: any layout decodes to the same points, as a view where possible; bad ones are refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import messages
from hypothesis import given
from hypothesis import strategies as st

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera, depth_to_points
from geo_perception.ros import conversions

CAMERA = PinholeCamera(70.0, 71.0, 20.5, 11.0, 41, 23)
INTENSITY_KINDS = ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"]
XYZI = [("x", "f4", 0), ("y", "f4", 0), ("z", "f4", 0), ("intensity", "f4", 0)]


@st.composite
def clouds(draw: st.DrawFn) -> tuple[SimpleNamespace, np.ndarray]:
    shape = draw(st.tuples(st.integers(1, 3), st.integers(0, 5)))
    kind = draw(st.sampled_from(["f4", "f8"]))
    layout = [(axis, kind) for axis in "xyz"]
    layout += [("intensity", draw(st.sampled_from(INTENSITY_KINDS)))] if draw(st.booleans()) else []
    layout += [("ring", "u2"), ("time", "f8")] if draw(st.booleans()) else []
    order = draw(st.permutations(layout))
    order = [(name, kind, draw(st.integers(0, 5))) for name, kind in order]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    columns = {name: rng.integers(0, 100, shape).astype(kind) for name, kind, _ in order}
    for axis in "xyz":
        columns[axis][rng.random(shape) < 0.2] = np.nan
    columns.setdefault("intensity", np.zeros(shape))
    padding = draw(st.integers(0, 7)), draw(st.integers(0, 7))
    msg = messages.cloud(columns, order, shape, padding, draw(st.booleans()))
    return msg, np.stack([columns[name].reshape(-1) for name in ("x", "y", "z", "intensity")], -1)


@given(clouds())
def test_any_layout_decodes_to_the_points(case):
    msg, expected = case
    points = conversions.decode_points(msg)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, expected.astype(np.float32))


def columns(count: int) -> dict[str, np.ndarray]:
    return {name: np.arange(count) + i for i, name in enumerate(("x", "y", "z", "intensity", "ring"))}


@pytest.mark.parametrize("padding", [(0, 0), (16, 0), (6, 0)])
def test_consecutive_floats_are_a_view(padding):
    msg = messages.cloud(columns(12), XYZI, (2, 6), padding)
    points = conversions.decode_points(msg)
    assert points.shape == (12, 4)
    assert np.shares_memory(points, np.frombuffer(msg.data, np.uint8))


@pytest.mark.parametrize("layout", [XYZI, [*XYZI[:3]], [("ring", "u2", 1), *XYZI]])
def test_no_points_give_no_rows(layout):
    assert conversions.decode_points(messages.cloud(columns(0), layout, (1, 0))).shape == (0, 4)


@pytest.mark.ros
@pytest.mark.parametrize("count", [0, 1, 1000])
def test_points_round_trip(count):
    points = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    msg = conversions.encode_points(points, conversions.header(7, "velodyne"))
    assert (msg.width, msg.height, msg.point_step, msg.is_dense) == (count, 1, 16, True)
    np.testing.assert_array_equal(conversions.decode_points(msg), points)


@pytest.mark.ros
def test_points_with_nan_are_not_dense():
    points = np.array([[1, 2, np.nan, 0]], np.float32)
    assert not conversions.encode_points(points, conversions.header(7, "velodyne")).is_dense


def test_points_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"\(5, 3\)"):
        conversions.encode_points(np.zeros((5, 3), np.float32), None)


FAULTS = {
    "no z": ({"fields": [messages.field("x", 0, "f4"), messages.field("y", 4, "f4")]}, "got x, y$"),
    "no fields": ({"fields": []}, "got none"),
    "unknown type": ({"fields": [SimpleNamespace(name="x", offset=0, datatype=9, count=1)]}, "datatype 9"),
    "a vector": ({"fields": [messages.field("x", 0, "f4", count=3)]}, "7 x 3"),
    "field outside": ({"fields": [messages.field("x", 14, "f4")]}, "byte 18, point_step is 16"),
    "zero point_step": ({"point_step": 0}, "got 0"),
    "row_step too small": ({"row_step": 47}, "need 48"),
    "row_step too large": ({"row_step": 49}, "needs 98"),
    "width too large": ({"width": 4}, "4 points"),
    "height too large": ({"height": 3}, "96 bytes"),
    "truncated": ({"data": bytes(95)}, "95 bytes"),
    "no data": ({"data": b""}, "0 bytes"),
}


@pytest.mark.parametrize("changes, said", FAULTS.values(), ids=FAULTS)
def test_malformed_clouds_are_refused_with_the_value(changes, said):
    msg = messages.cloud(columns(6), XYZI, (2, 3))
    vars(msg).update(changes)
    with pytest.raises(InputError, match=said):
        conversions.decode_points(msg)


def scene() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    depth_m = rng.uniform(1, 80, CAMERA.size).astype(np.float32)
    depth_m[rng.random(CAMERA.size) < 0.3] = np.nan
    return depth_m, rng.integers(0, 256, (*CAMERA.size, 3), np.uint8)


@pytest.mark.ros
@pytest.mark.parametrize("block_rows", [1, 5, 94])
def test_depth_cloud_is_organised_and_exact(monkeypatch, block_rows):
    monkeypatch.setattr(conversions.clouds, "BLOCK_ROWS", block_rows)
    depth_m, rgb = scene()
    msg = conversions.encode_depth_cloud(depth_m, rgb, CAMERA, conversions.header(7, "camera"))
    assert (msg.height, msg.width) == CAMERA.size
    points = conversions.decode_points(msg).reshape(*CAMERA.size, 4)[..., :3]
    np.testing.assert_array_equal(points, depth_to_points(depth_m, CAMERA))
    packed = np.frombuffer(msg.data, np.uint32).reshape(*CAMERA.size, 4)[..., 3]
    np.testing.assert_array_equal(packed, rgb @ np.array([1 << 16, 1 << 8, 1], np.uint32))


@pytest.mark.ros
def test_an_encoder_reuses_its_buffer():
    depth_m, rgb = scene()
    encoder = conversions.DepthCloudEncoder(CAMERA)
    first = encoder(depth_m, rgb, conversions.header(1, "camera"))
    second = encoder(depth_m * 2, rgb, conversions.header(2, "camera"))
    assert first.data is second.data
    np.testing.assert_array_equal(conversions.decode_points(second)[:, 2], (depth_m * 2).reshape(-1))


@pytest.mark.ros
def test_an_encoder_refuses_images_of_another_camera():
    depth_m, rgb = scene()
    encoder = conversions.DepthCloudEncoder(CAMERA)
    with pytest.raises(InputError, match="depth must be float32"):
        encoder(depth_m[1:], rgb, None)
    with pytest.raises(InputError, match="depth must be float32"):
        encoder(depth_m.astype(np.float64), rgb, None)
    with pytest.raises(InputError, match="colour must be uint8"):
        encoder(depth_m, rgb[..., :1], None)


@pytest.mark.ros
def test_the_stock_reader_reads_our_clouds():
    stock = pytest.importorskip("sensor_msgs_py.point_cloud2")
    depth_m, rgb = scene()
    msg = conversions.encode_depth_cloud(depth_m, rgb, CAMERA, conversions.header(7, "camera"))
    read = stock.read_points(msg, field_names=("x", "y", "z"))
    np.testing.assert_array_equal(read["z"], depth_m.reshape(-1))
    assert len(stock.read_points(msg, skip_nans=True)) == np.isfinite(depth_m).sum()
    points = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    msg = conversions.encode_points(points, conversions.header(7, "velodyne"))
    np.testing.assert_array_equal(stock.read_points_numpy(msg), points)
