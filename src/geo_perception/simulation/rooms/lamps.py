# SPDX-License-Identifier: Apache-2.0
"""Lamps and sun, and their direct light on surfaces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.casting import Caster
from geo_perception.simulation.rooms.light_samples import Corners

Flags = NDArray[np.bool_]
FAINTEST = 2e-3  # share of a lamp's power below which its shadows are not traced


@dataclass(frozen=True)
class Lamp:
    """A light of S samples. With a normal it shines into the half space before it, as windows do."""

    samples: Array  # (S, 3)
    power: Array  # (3,) radiance times solid angle at one metre
    normal: Array | None = None
    reach_m: float = 12.0


@dataclass(frozen=True)
class Sun:
    """Parallel light from outside; `direction` (3,) points towards it."""

    direction: Array
    power: Array


def lamp_light(occluders: Caster, corners: Corners, lamp: Lamp) -> Array:
    """Compute the light (3, V) of a lamp with its shadows."""
    strength = np.stack([_strength(corners, lamp, sample) for sample in lamp.samples])
    # A window is wide, and its bars hide some samples from everywhere: one sample predicts the next badly.
    seen = (_all_seen if lamp.normal is not None else _mostly_seen)(occluders, corners, lamp, strength > 0)
    arriving = np.where(seen, strength, np.float32(0)).mean(0)
    return np.asarray(lamp.power[:, None] * arriving, np.float32)


def _all_seen(occluders: Caster, corners: Corners, lamp: Lamp, asked: Flags) -> Flags:
    """Test the visibility of samples from places, (S, V), where it is `asked` for."""
    pairs = zip(lamp.samples, asked, strict=True)
    return np.stack([_seen(occluders, corners, sample, rows) for sample, rows in pairs])


def _mostly_seen(occluders: Caster, corners: Corners, lamp: Lamp, asked: Flags) -> Flags:
    """Test visibility (S, V) with half the rays: every other sample of a small lamp only where shadows begin or end."""
    even, odd = slice(0, None, 2), slice(1, None, 2)
    seen = np.zeros_like(asked)
    seen[even] = _all_seen(occluders, corners, replace(lamp, samples=lamp.samples[even]), asked[even])
    some = seen.max(0)
    hidden = (asked & ~seen)[even].max(0)
    unsure = corners.at_odds(some, hidden) | ~(some | hidden)
    tried = _all_seen(occluders, corners, replace(lamp, samples=lamp.samples[odd]), asked[odd] & unsure)
    seen[odd] = tried | (asked[odd] & some & ~unsure)
    return seen


def _strength(corners: Corners, lamp: Lamp, sample: Array) -> Array:
    """Compute the share (V,) of a lamp's power that arrives unobstructed from a sample (3,), 0 where negligible."""
    x, y, z = (s - p for s, p in zip(sample, corners.points, strict=True))
    nx, ny, nz = corners.normals
    squared = np.maximum(x * x + y * y + z * z, np.float32(0.02))
    strength = (x * nx + y * ny + z * nz) / (squared * np.sqrt(squared))
    if lamp.normal is not None:
        a, b, c = lamp.normal
        strength *= np.maximum(-(a * x + b * y + c * z), 0) / np.sqrt(squared)
    near = (strength > FAINTEST) & (squared < lamp.reach_m**2)
    return np.asarray(np.where(near, strength, np.float32(0)))


def _seen(occluders: Caster, corners: Corners, sample: Array, asked: Flags) -> Flags:
    """Test whether a sample (3,) is visible from places, (V,), where it is `asked` for."""
    out = np.zeros(len(asked), bool)
    rows = np.flatnonzero(asked)
    start = corners.start.take(rows, 1)
    out[rows] = ~occluders.between(start.T, np.broadcast_to(sample[:, None], start.shape).T)
    return out


def sunlit(occluders: Caster, corners: Corners, sun: Sun) -> tuple[Array, Array]:
    """Compute where the sun reaches, (V,) 0 or 1, and its direct light (3, V)."""
    cosine = np.maximum(sun.direction @ corners.normals, 0)
    rows = np.flatnonzero(cosine > 1e-3)
    reached = np.zeros(corners.count, np.float32)
    reached[rows] = ~occluders.blocked(corners.start.take(rows, 1).T, sun.direction)
    return reached, np.asarray(sun.power[:, None] * (cosine * reached), np.float32)


def warmth(kelvin: float) -> Array:
    """Compute linear RGB (3,) of a colour temperature relative to green; 6500 K is white."""
    t = kelvin / 6500.0
    return np.array([t**-0.85, 1.0, t**1.3], np.float32)
