# SPDX-License-Identifier: Apache-2.0
"""Plan of a whole drive: cross-section of the road, what lines it, sun, weather and traffic."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.drive.config import STREETS, DriveConfig
from geo_perception.simulation.drive.path import RoadPath
from geo_perception.simulation.drive.vegetation import forest
from geo_perception.simulation.drive.vehicles import BUILDERS
from geo_perception.simulation.mesh import Mesh

CHUNK_M = 32.0  # the street is drawn in pieces of this length, each from its own seed
# Weights of what may stand along a chunk of street, per kind of street
SIDES: dict[str, dict[str, float]] = {
    "residential": {"garden": 6, "front": 2, "trees": 2, "park": 1},
    "city": {"front": 8, "garden": 1, "trees": 1},
    "arterial": {"trees": 4, "park": 3, "hedge": 2, "garden": 1, "field": 1},
    "open": {"field": 6, "park": 2, "trees": 1, "hedge": 1},
    "forest": {"forest": 8, "trees": 1, "field": 1},
    "closed": {"front": 3, "garden": 5, "trees": 2},
}


@dataclass(frozen=True)
class StreetPlan:
    """One drive's fixed choices. Lengths in metres; index 0 of pairs is the left side, 1 the right."""

    seed: int
    kind: str
    path: RoadPath
    half_width: float  # of the carriageway, parking lanes included
    lane_y: float  # the car's own lane, right-hand traffic
    parking: float  # share of parking bays taken, 0 where there are none
    pavement: tuple[float, float]
    slope: tuple[float, float]  # of the land beside the pavement
    crossing_share: float  # of chunks that are crossroads
    closed_at: float | None  # where a building ends the street
    density: float
    sun: NDArray[np.float64]  # unit vector towards the sun, street frame at the start
    sun_power: float  # 0: overcast
    haze_m: float
    sky_power: float
    atlas: int
    cars: list[Mesh] = field(default_factory=list)
    others: dict[str, list[Mesh]] = field(default_factory=dict)
    trees: dict[str, list[Mesh]] = field(default_factory=dict)

    @classmethod
    def draw(cls, seed: int, config: DriveConfig) -> StreetPlan:
        """Draw the plan of `seed`."""
        rng = np.random.default_rng([seed, 1])
        kind = config.street if config.street != "random" else str(rng.choice(STREETS, p=_KIND_SHARES))
        wide = kind in ("arterial", "open")
        parking = (
            rng.uniform(0.2, 0.9) if kind in ("residential", "city", "closed") and rng.random() < 0.8 else 0.0
        )
        half = rng.uniform(5.5, 10.0) if wide else rng.uniform(3.3, 5.0)
        half += 2.2 if parking else 0.0
        lane = rng.uniform(0.4, 0.6) * (half - (2.2 if parking else 0.0))
        azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(18, 58))
        sun = np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])
        return cls(
            seed=seed,
            kind=kind,
            path=RoadPath.draw(rng),
            half_width=half,
            lane_y=-lane,
            parking=parking,
            pavement=tuple(rng.uniform(0.6 if wide else 1.2, 3.5, 2)) if kind != "forest" else (0.0, 0.0),
            slope=tuple(rng.choice([-0.06, 0.0, 0.05, 0.18], p=[0.15, 0.5, 0.2, 0.15], size=2)),
            crossing_share=0.22 if kind in ("city", "arterial", "residential") else 0.08,
            closed_at=rng.uniform(45, 130) if kind == "closed" else None,
            density=config.density,
            sun=sun,
            sun_power=float(rng.choice([0.0, 0.35, 1.0], p=[0.08, 0.12, 0.8])),
            haze_m=float(rng.uniform(1200, 8000)),
            sky_power=float(rng.uniform(0.7, 2.6)),
            atlas=seed % 6,
            cars=[BUILDERS["car"](rng) for _ in range(9)],
            others={k: [build(rng) for _ in range(3)] for k, build in BUILDERS.items() if k != "car"},
            trees=forest(),
        )

    def land_z(self, side: int, y: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the height of the land at distance `y` from the centre line on one side, metres."""
        edge = self.half_width + self.pavement[side] + 2.5
        return np.asarray(0.12 + np.clip(self.slope[side] * np.maximum(np.asarray(y) - edge, 0), -2.5, 6.0))


_KIND_SHARES = (0.2, 0.15, 0.33, 0.13, 0.13, 0.06)
