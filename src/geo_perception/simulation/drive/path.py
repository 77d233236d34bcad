# SPDX-License-Identifier: Apache-2.0
"""The road's centre line: gentle curves and hills, as sums of sines that need no state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_M = 0.5  # of the integrated centre line


@dataclass(frozen=True)
class Waves:
    """Sum of sine waves: sum_k amplitude_k sin(2 pi s / wavelength_k + phase_k)."""

    amplitude: NDArray[np.float64]
    wavelength_m: NDArray[np.float64]
    phase: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator, amplitude: float, shortest_m: float, longest_m: float) -> Waves:
        """Draw four waves of random length and phase whose amplitudes add up to about `amplitude`."""
        share = rng.dirichlet(np.ones(4))
        return cls(amplitude * share, rng.uniform(shortest_m, longest_m, 4), rng.uniform(0, 2 * np.pi, 4))

    def __call__(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Evaluate the sum at `s` (...) in metres along the road."""
        phase = 2 * np.pi * s[..., None] / self.wavelength_m + self.phase
        return np.asarray((self.amplitude * np.sin(phase)).sum(-1))


@dataclass(frozen=True)
class RoadPath:
    """Heading and slope along the road, in radians and metres per metre."""

    heading: Waves
    slope: Waves

    @classmethod
    def draw(cls, rng: np.random.Generator) -> RoadPath:
        """Draw a road: mostly straight, some with bends of 80 m radius and more, hills up to 4 %."""
        bend = rng.choice([0.02, 0.1, 0.3], p=[0.45, 0.35, 0.2])
        hill = rng.choice([0.002, 0.012, 0.04], p=[0.5, 0.35, 0.15])
        return cls(Waves.draw(rng, bend, 120, 300), Waves.draw(rng, hill, 150, 400))

    def bend(self, points: NDArray[np.float32], origin_s: float) -> NDArray[np.float32]:
        """Transform street coordinates (..., 3) to a flat world whose origin is the centre line at `origin_s`."""
        s, line = self._centre_line(points[..., 0], origin_s)
        x, y, z, heading = (np.interp(points[..., 0], s, line[:, k]) for k in range(4))
        d = points[..., 1]
        world = np.stack([x - d * np.sin(heading), y + d * np.cos(heading), z + points[..., 2]], -1)
        return world.astype(np.float32)

    def _centre_line(
        self, s_needed: NDArray[np.float32], origin_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Integrate the centre line: samples s (n,), and (n, 4) columns x, y, z, heading relative to `origin_s`."""
        low = min(float(np.min(s_needed)), origin_s) - STEP_M
        high = max(float(np.max(s_needed)), origin_s) + STEP_M
        s = np.arange(np.floor(low / STEP_M), np.ceil(high / STEP_M) + 1) * STEP_M
        heading = self.heading(s) - self.heading(np.array(origin_s))
        steps = np.stack([np.cos(heading), np.sin(heading), self.slope(s)], -1) * STEP_M
        line = np.concatenate([np.cumsum(steps, 0) - steps, heading[:, None]], -1)
        start = [np.interp(origin_s, s, line[:, k]) for k in range(3)]
        line[:, :3] -= start
        return s, line
