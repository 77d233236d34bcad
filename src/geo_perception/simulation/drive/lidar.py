# SPDX-License-Identifier: Apache-2.0
"""A 64-beam spinning lidar like the HDL-64E on KITTI's car: its own viewpoint, noise, losses and mixed returns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Matrix
from geo_perception.simulation.casting import NO_HIT, Caster, Hits, Surfaces
from geo_perception.simulation.drive.config import DriveConfig
from geo_perception.simulation.drive.materials import MATERIALS, column

# Two blocks of 32 lasers: a third of a degree apart above, half a degree below.
ELEVATIONS_DEG = np.concatenate([np.linspace(1.95, -8.4, 32), np.linspace(-8.85, -23.75, 32)])
BLOCK_HEIGHT_M = (
    0.16,
    0.12,
)  # the blocks' optics sit above the sensor's origin; seen in where they meet on the road
THROUGH_GLASS = 0.45  # of beams on a window come back from behind it; of the rest most are lost
_GLASS = np.array([m.glass for m in MATERIALS.values()])


def directions(config: DriveConfig, rng: np.random.Generator) -> Array:
    """Compute (64, A, 3) unit beam directions in the lidar frame, with each laser's small pointing error."""
    half = np.radians(config.lidar_fov_deg) / 2
    azimuth = np.arange(half, -half, -np.radians(config.azimuth_step_deg))
    wobble = np.radians(rng.normal(0, 0.02, (2, 64, 1)))
    azimuth = azimuth[None] + wobble[0] + np.radians(config.azimuth_step_deg) * rng.random()
    elevation = np.radians(ELEVATIONS_DEG)[:, None] + wobble[1] + 0 * azimuth
    parts = (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
    return np.stack(parts, -1).astype(np.float32)


def scan(
    config: DriveConfig,
    caster: Caster,
    surfaces: Surfaces,
    world_from_lidar: Matrix,
    beams: Array,
    rng: np.random.Generator,
) -> Array:
    """Simulate one sweep: (N, 4) x, y, z, reflectance in the lidar frame; lost beams are absent."""
    pose = world_from_lidar.astype(np.float32)
    flat = beams.reshape(-1, 3)
    rays = flat @ pose[:3, :3].T
    heights = np.repeat(np.asarray(BLOCK_HEIGHT_M, np.float32), flat.shape[0] // 2)
    origins = pose[:3, 3] + heights[:, None] * pose[:3, 2]
    hits, lost = _through_glass(caster, surfaces, caster.cast(origins, rays), origins, rays, rng)
    range_m = _mixed(hits.distance.reshape(beams.shape[:2]), config, rng).reshape(-1)
    hit = hits.triangle != NO_HIT
    strength, keep = _echo(surfaces, hits, rays, hit, config, rng)
    keep &= hit & ~lost & (range_m < config.max_range_m) & (range_m > 0.9)
    bias = np.repeat(rng.normal(0, 0.4 * config.range_noise_m, len(beams)), beams.shape[1])
    noise = (
        config.range_noise_m * (1 + np.minimum(range_m, 1e3) / 90) * rng.standard_normal(len(range_m)) + bias
    )
    points = flat[keep] * (range_m[keep] + noise[keep])[:, None]
    points[:, 2] += heights[keep]
    return np.concatenate([points, strength[keep, None]], 1).astype(np.float32)


def _through_glass(
    caster: Caster, surfaces: Surfaces, hits: Hits, origins: Array, rays: Array, rng: np.random.Generator
) -> tuple[Hits, NDArray[np.bool_]]:
    """Let beams that meet a window go on to what is behind it, get lost or, a few of them, return from the pane."""
    chance = rng.random(len(rays))
    pane = (hits.triangle != NO_HIT) & _GLASS[surfaces.material[hits.triangle]]
    onward = np.flatnonzero(pane & (chance < THROUGH_GLASS))
    lost = pane & (chance >= THROUGH_GLASS) & (chance < 0.85)
    start = hits.distance[onward] + np.float32(0.02)  # past the pane itself
    behind = caster.cast(origins[onward] + start[:, None] * rays[onward], rays[onward])
    distance, triangle = hits.distance.copy(), hits.triangle.copy()
    distance[onward], triangle[onward] = start + behind.distance, behind.triangle
    again = behind.triangle != NO_HIT
    lost[onward[again]] |= _GLASS[surfaces.material[behind.triangle[again]]] & (chance[onward[again]] < 0.25)
    return Hits(distance, triangle, hits.weights), lost


def _mixed(range_m: Array, config: DriveConfig, rng: np.random.Generator) -> Array:
    """Mix ranges at edges: a split beam may report one between near and far side (Tang et al., 2007)."""
    finite = np.minimum(range_m, np.float32(1e6))
    step = np.diff(finite, axis=1, append=finite[:, -1:])
    step[np.abs(step) > 1e5] = 0.0
    chance = rng.random(range_m.shape)
    share = config.mixed_share * np.where(np.abs(step) < 2.5, 1.0, 0.2)
    split = (np.abs(step) > 0.15) & (chance < share)
    return np.where(split, range_m + rng.random(range_m.shape, np.float32) * step, range_m)


def _echo(
    surfaces: Surfaces,
    hits: Hits,
    rays: Array,
    hit: NDArray[np.bool_],
    config: DriveConfig,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.bool_]]:
    """Return reflectance (N,) and which echoes are detected (N,); distant, slanted or dark ones are lost."""
    triangle = np.where(hit, hits.triangle, 0)
    material = surfaces.material[triangle]
    cosine = np.abs(np.einsum("ij,ij->i", surfaces.normal[triangle], rays))
    brightness = np.clip(surfaces.tint[triangle].mean(1), 0.1, 1.5)
    albedo = column("reflectance")[material] * np.sqrt(brightness)
    power = albedo * (0.02 + cosine) * (50 / np.maximum(hits.distance, 1.0)) ** 2
    miss = np.exp(-90 * power) + column("loss")[material] * (1.3 - 0.5 * brightness)
    heard = rng.random(len(miss)) > config.dropout * miss
    reported = 1.15 * albedo * (0.75 + 0.25 * cosine) * np.exp(0.35 * rng.standard_normal(len(miss)))
    return np.clip(reported, 0, 0.99).astype(np.float32), heard
