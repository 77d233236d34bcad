# SPDX-License-Identifier: Apache-2.0
"""Options of a simulated drive: its street, its sensors and their errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from geo_perception.errors import ConfigError

STREETS = ("residential", "city", "arterial", "open", "forest", "closed")


@dataclass(frozen=True)
class DriveConfig:
    """All options of the simulator, each with the reason for its default. An effect set to 0 is switched off.

    Raises:
        ConfigError: a value is outside what its name allows.
    """

    width: int = (
        1242  # KITTI's rectified size; any size renders the same view, e.g. 621 x 188 for a fast demo
    )
    height: int = 375
    street: str = "random"  # one of STREETS, or "random": each seed draws its own kind
    speed_mps: float = 9.0  # about 30 km/h, so that consecutive frames overlap
    density: float = 1.0  # multiplies the numbers of cars, trees, signs and people
    edge_samples: int = 2  # extra rays at pixels on depth or texture edges; 0 leaves edges aliased
    # Cameras
    image_noise: float = (
        1.0  # multiplies shot and read noise; 1 matches a 2011 machine-vision camera in daylight
    )
    view_difference: float = 1.0  # multiplies gain, offset and sharpness differences of the two cameras
    reflections: float = 1.0  # mirror-like share of paint and glass, where stereo sees the mirrored world
    rectification_px: float = (
        0.5  # largest vertical error of the right image; real pairs are off by 0.1 to 0.5
    )
    disparity_error_px: float = (
        0.2  # spread of the pair's horizontal error; KITTI's stereo reads 0.0 to 0.5 px short
    )
    # Lidar
    azimuth_step_deg: float = 0.1728  # HDL-64E at 10 revolutions per second
    lidar_fov_deg: float = 110.0  # only what the camera can see; 360 casts the whole sweep
    range_noise_m: float = 0.015  # standard deviation at close range, grows by a third per 30 m
    max_range_m: float = 85.0  # KITTI's sweeps hold few returns beyond
    dropout: float = 1.0  # multiplies losses on dark, slanted, glossy and distant surfaces
    mixed_share: float = 0.15  # of beams that hit an edge, those that report a range in between
    # Mounting
    calibration_jitter: float = 1.0  # multiplies lidar-to-camera errors (1: about 0.03 degrees and 1 cm)
    attitude_jitter: float = 1.0  # multiplies pitch and roll of the car (1: about 0.25 degrees)

    def __post_init__(self) -> None:
        self._check_street()
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if not math.isfinite(value) or not low <= value <= high:
                raise ConfigError(f"DriveConfig.{name} must be within {low:g} and {high:g}, got {value}")
        for name in ("width", "height", "edge_samples"):
            if not isinstance(getattr(self, name), int):
                raise ConfigError(f"DriveConfig.{name} must be an integer, got {getattr(self, name)!r}")

    def _check_street(self) -> None:
        if self.street not in ("random", *STREETS):
            raise ConfigError(f"DriveConfig.street must be random or one of {STREETS}, got {self.street!r}")


_LIMITS: dict[str, tuple[float, float]] = {
    "width": (64, 4096),
    "height": (32, 2048),
    "speed_mps": (0.0, 40.0),
    "density": (0.0, 3.0),
    "edge_samples": (0, 8),
    "image_noise": (0.0, 10.0),
    "view_difference": (0.0, 10.0),
    "reflections": (0.0, 2.0),
    "rectification_px": (0.0, 3.0),
    "disparity_error_px": (0.0, 3.0),
    "azimuth_step_deg": (0.02, 5.0),
    "lidar_fov_deg": (10.0, 360.0),
    "range_noise_m": (0.0, 1.0),
    "max_range_m": (5.0, 250.0),
    "dropout": (0.0, 10.0),
    "mixed_share": (0.0, 1.0),
    "calibration_jitter": (0.0, 20.0),
    "attitude_jitter": (0.0, 20.0),
}
assert set(_LIMITS) | {"street"} == {f.name for f in fields(DriveConfig)}
