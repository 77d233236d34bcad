# SPDX-License-Identifier: Apache-2.0
"""The knobs of simulated rooms do what they say, and useless views are not taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geo_perception.errors import ConfigError
from geo_perception.simulation.rooms import SPACES, RoomConfig, RoomSimulator
from geo_perception.simulation.rooms.environment import build
from geo_perception.simulation.rooms.furniture import ALONG, MIDDLE
from geo_perception.simulation.rooms.materials import Palette
from geo_perception.simulation.rooms.sensor import RoomSensor
from geo_perception.simulation.rooms.small_objects import BED, COMMON, DESK, DISPLAY, FLOOR, KITCHEN
from geo_perception.simulation.rooms.views import accepted, draw_trajectory

SMALL = RoomConfig(width=64, height=48, rooms=(1, 1), room_size_m=(3.0, 3.6))


@pytest.fixture(scope="module")
def palette() -> Palette:
    return Palette(np.random.default_rng(0), RoomConfig())


def test_furniture_and_clutter_grow_with_their_factors() -> None:
    bare, usual, full = (
        sum(len(build(seed, replace(SMALL, furniture=f, clutter=c)).surfaces.uv) for seed in (0, 1))
        for f, c in ((0.0, 0.0), (1.0, 0.3), (1.0, 2.0))
    )
    assert bare < usual < full


def test_space_number_of_rooms_and_size_are_followed() -> None:
    config = replace(SMALL, space="office", rooms=(2, 2), room_size_m=(3.0, 3.2))
    rooms = build(5, config).rooms
    assert rooms[0].space == "office" and len(rooms) == 2
    assert 3.0 <= min(rooms[0].size) <= max(rooms[0].size) <= 3.2
    arches = [o for r in rooms for side in r.openings for o in side if o.kind == "arch"]
    assert len(arches) == 2  # the same doorway in both rooms' walls


def test_camera_is_held_within_its_limits() -> None:
    config = replace(SMALL, camera_height_m=(1.2, 1.3), pitch_deg=(10.0, 25.0), roll_deg=0.0, step_m=0.02)
    simulator = RoomSimulator(6, config)
    for index in range(8):
        rng = np.random.default_rng(index)
        _, pose, _ = draw_trajectory(simulator.environment, config, simulator.camera, rng)
        assert 1.2 <= pose.place[2] <= 1.3
        assert 10.0 <= np.degrees(pose.angles[1]) <= 25.0
        assert pose.angles[2] == 0.0
        assert pose.world_from_camera[2, 0] == pytest.approx(
            0.0, abs=1e-9
        )  # no roll: the image's rows are level


def test_field_of_view_and_aspect_set_the_camera() -> None:
    cameras = [RoomSimulator(s, replace(SMALL, fov_deg=(50.0, 100.0))).camera for s in range(20)]
    fov = [2 * np.degrees(np.arctan(c.width / 2 / c.fx)) for c in cameras]
    assert min(fov) >= 50 and max(fov) <= 100 and np.ptp(fov) > 20
    assert cameras[0].size == (48, 64) and cameras[0].fx == cameras[0].fy


def test_no_variety_means_the_same_colours_and_light_everywhere() -> None:
    plain = replace(SMALL, colour_variety=0.0, texture_variety=0.0, lighting_variety=0.0)
    environments = [build(seed, plain) for seed in (1, 2)]
    assert all(e.sun is None for e in environments)
    for e in environments:
        walls = e.palette.of("wall0")[1]
        assert walls.max() / walls.min() < 1.2


def test_an_ideal_sensor_adds_nothing() -> None:
    sensor = RoomSensor.draw(1, replace(SMALL, sensor=0.0))
    grey = np.full((48, 64, 3), 0.3, np.float32)
    image = sensor.expose(grey, sensor.gains(grey), np.random.default_rng(0))
    assert image.std() == 0
    noisy = RoomSensor.draw(1, SMALL)
    assert noisy.expose(grey, noisy.gains(grey), np.random.default_rng(0)).std() > 0


@pytest.mark.parametrize(("width", "height"), [(32, 32), (40, 48), (320, 64)])
def test_the_smallest_images_can_be_shaken_and_blurred_too(width: int, height: int) -> None:
    sensor = RoomSensor.draw(1, replace(SMALL, width=width, height=height))
    colour = np.random.default_rng(0).uniform(0, 3, (height, width, 3)).astype(np.float32)
    for seed in range(20):  # a quarter of all images is shaken
        image = sensor.expose(colour, sensor.gains(colour), np.random.default_rng(seed))
        assert image.shape == colour.shape and image.dtype == np.uint8 and image.std() > 5


def test_exposure_reaches_its_target_whatever_the_light() -> None:
    sensor = RoomSensor.draw(2, replace(SMALL, sensor=0.0))
    scene = np.random.default_rng(0).uniform(0.1, 1.0, (48, 64, 3)).astype(np.float32)
    shown = [
        sensor.expose(scene * level, sensor.gains(scene * level), np.random.default_rng(0)).mean()
        for level in (0.01, 1, 50)
    ]
    assert shown == pytest.approx([255 * sensor.brightness] * 3, abs=4)


@pytest.mark.parametrize(
    ("depth", "good"),
    [
        (np.linspace(0.5, 3.0, 100), True),
        (np.linspace(0.01, 0.3, 100), False),  # median below 0.2 m
        (np.r_[np.full(30, 0.02), np.linspace(0.5, 3, 70)], False),  # 20th percentile below 0.05 m
        (np.full(100, 1.0), False),  # nothing but a flat wall
        (np.r_[np.full(10, np.nan), np.linspace(0.5, 3.0, 90)], False),  # a hole in the world
    ],
)
def test_useless_views_are_rejected(depth: np.ndarray, good: bool) -> None:
    assert accepted(depth.astype(np.float32).reshape(10, 10)) is good


def test_impossible_cameras_are_named() -> None:
    config = replace(SMALL, pitch_deg=(79.9999, 80.0), close_share=0.0)
    with pytest.raises(ConfigError, match="pitch_deg"):
        RoomSimulator(0, config).frame(0)


@pytest.mark.parametrize("space", SPACES)
def test_every_kind_of_room_has_furniture_that_fits_its_box(space: str, palette: Palette) -> None:
    for make in {**ALONG[space], **MIDDLE[space]}:
        for seed in range(3):
            piece = make(np.random.default_rng(seed), palette)
            low, high = piece.mesh.corners.reshape(-1, 3).min(0), piece.mesh.corners.reshape(-1, 3).max(0)
            assert low[2] > -0.01 and high[2] < 2.6
            assert high[0] - low[0] < piece.width + 0.6 and np.isfinite(piece.mesh.corners).all()
            assert set(np.unique(piece.mesh.material)) <= set(palette.id.values())


@pytest.mark.parametrize(
    "make", sorted({*COMMON, *DESK, *FLOOR, *BED, *KITCHEN, *DISPLAY}, key=lambda m: m.__name__)
)
def test_small_things_stand_on_their_feet(make, palette: Palette) -> None:  # type: ignore[no-untyped-def]
    for seed in range(3):
        mesh = make(np.random.default_rng(seed), palette)
        assert np.isfinite(mesh.corners).all()
        assert -0.02 < mesh.corners[..., 2].min() < 0.05 and mesh.corners[..., 2].max() < 0.9
        assert np.abs(mesh.corners[..., :2]).max() < 0.7


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"width": 8}, "width"),
        ({"height": 99.5}, "height"),
        ({"space": "garage"}, "bedroom"),
        ({"fov_deg": (90.0, 60.0)}, "fov_deg"),
        ({"fov_deg": 90.0}, "pair"),
        ({"rooms": (0, 2)}, "rooms"),
        ({"clutter": float("nan")}, "clutter"),
        ({"camera_height_m": (1.0, 5.0)}, "2.2"),
    ],
)
def test_bad_settings_are_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        RoomConfig(**values)  # type: ignore[arg-type]
