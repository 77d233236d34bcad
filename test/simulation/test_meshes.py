# SPDX-License-Identifier: Apache-2.0
"""The street's building blocks: sizes, textures and the ray caster that sees them."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.simulation.casting import NO_HIT, Caster
from geo_perception.simulation.drive import facades, furniture, material_textures, vehicles
from geo_perception.simulation.drive.atlas import atlas
from geo_perception.simulation.drive.materials import ID, MATERIALS
from geo_perception.simulation.drive.path import RoadPath
from geo_perception.simulation.drive.vegetation import TREES
from geo_perception.simulation.mesh import box, join, patch


@pytest.mark.parametrize("kind", vehicles.BUILDERS)
def test_vehicles_and_people_stand_on_the_ground_at_plausible_size(kind: str) -> None:
    for seed in range(5):
        mesh = vehicles.BUILDERS[kind](np.random.default_rng(seed))
        low, high = mesh.corners.reshape(-1, 3).min(0), mesh.corners.reshape(-1, 3).max(0)
        assert -0.15 <= low[2] <= 0.25
        assert 0.6 < high[2] < 4.2
        assert high[0] - low[0] < 21 and high[1] - low[1] < 2.8


@pytest.mark.parametrize("kind", TREES)
def test_plants_have_finite_triangles_of_known_material(kind: str) -> None:
    mesh = TREES[kind](np.random.default_rng(1))
    assert np.isfinite(mesh.corners).all()
    assert set(np.unique(mesh.material)) <= set(ID.values())


@pytest.mark.parametrize("name", material_textures.PAINTERS)
def test_plain_pages_tile_without_seams(name: str) -> None:
    page = material_textures.PAINTERS[name](np.random.default_rng(2))
    assert page.shape == (material_textures.SIZE, material_textures.SIZE, 3)
    if name in {"plaster", "metal", "soil", "leaf", "interior"}:
        seam = np.abs(page[0] - page[-1]).mean()
        assert seam < 1.5 * np.abs(np.diff(page, axis=0)).mean()


def test_every_material_has_a_page() -> None:
    assert {m.page for m in MATERIALS.values()} <= {*material_textures.PAINTERS, *facades.PAINTERS}


def test_texture_fades_to_its_mean_with_distance() -> None:
    uv = np.random.default_rng(3).uniform(0, 50, (2000, 2)).astype(np.float32)
    material = np.full(2000, ID["asphalt"], np.int16)
    near, far = (atlas(0).sample(material, uv, np.full(2000, m, np.float32)) for m in (0.003, 1.0))
    assert far[:, 0].std() < 0.3 * near[:, 0].std()
    assert far[:, 0].mean() == pytest.approx(near[:, 0].mean(), rel=0.1)


def test_caster_reports_the_nearer_of_two_scenes_and_misses() -> None:
    wall = patch((10, -5, -5), (0, 10, 0), (0, 0, 10), ID["brick"])
    nearer = box((4, -1, -1), (5, 1, 1), ID["metal"])
    rays = np.array([[1, 0, 0], [1, 0.4, 0], [0, 0, 1]], np.float32)
    hits = Caster([wall]).with_mesh(nearer).cast(np.zeros(3, np.float32), rays)
    assert hits.distance[:2] == pytest.approx([4, 10])
    assert hits.triangle[0] >= len(wall.corners) > hits.triangle[1] and hits.triangle[2] == NO_HIT


def test_empty_world_has_no_hits() -> None:
    caster = Caster([join([])])
    assert (caster.cast(np.zeros(3, np.float32), np.eye(3, dtype=np.float32)).triangle == NO_HIT).all()
    assert not caster.blocked(np.zeros((2, 3), np.float32), np.array([0, 0, 1], np.float32)).any()


def test_bent_road_keeps_lengths_and_starts_at_the_origin() -> None:
    path = RoadPath.draw(np.random.default_rng(8))
    s = np.arange(100, 160, 1.0)
    line = path.bend(np.stack([s, 0 * s, 0 * s], -1).astype(np.float32), 100.0)
    assert np.abs(line[0]).max() < 1e-3
    steps = np.linalg.norm(np.diff(line[:, :2], axis=0), axis=1)
    assert steps == pytest.approx(np.ones(len(steps)), abs=0.01)


def test_gantry_leaves_room_below() -> None:
    mesh = furniture.gantry(np.random.default_rng(0), 6.0)
    over_road = np.abs(mesh.corners[..., 1]).max(1) < 6.0
    assert mesh.corners[over_road][..., 2].min() > 4.0
