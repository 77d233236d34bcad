# SPDX-License-Identifier: Apache-2.0
"""Options of simulated rooms: contents, variety, and how the camera is held."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from geo_perception.errors import ConfigError

SPACES = ("living_room", "bedroom", "office", "kitchen", "dining_room", "library", "corridor", "hall")
Span = tuple[float, float]


@dataclass(frozen=True)
class RoomConfig:
    """All options of the simulator, each with the reason for its default. Spans are (lowest, highest), drawn uniformly.

    Raises:
        ConfigError: a value is outside what its name allows.
    """

    width: int = 192
    height: int = 192
    fov_deg: Span = (90.0, 90.0)  # horizontal, drawn per environment; 90 is SimSIN's camera
    baseline_m: float = 0.1312  # SimSIN's
    # What stands where
    space: str = "random"  # one of SPACES, or "random": each environment draws its own
    rooms: Span = (1, 3)  # rooms per environment, seen through open doors
    room_size_m: Span = (3.0, 6.5)  # length of a side
    furniture: float = 1.0  # multiplies the number of pieces; 0 leaves bare walls
    clutter: float = 1.0  # multiplies the number of small objects
    pictures: float = 1.0  # multiplies paintings and rugs, whose texture is no cue for depth
    # Appearance
    colour_variety: float = 1.0  # spread of paint, wood and cloth colours; 0 makes every environment beige
    texture_variety: float = 1.0  # share of patterned walls, floors and cloths; 0 leaves all plain
    lighting_variety: float = (
        1.0  # spread of lamps, windows, sun and colour temperature; 0: one white lamp a room
    )
    reflections: float = 1.0  # multiplies highlights and mirrored light
    # How the camera is held
    camera_height_m: Span = (0.9, 1.75)  # handheld; Habitat's agents stand at 1.1 to 1.5
    pitch_deg: Span = (-8.0, 40.0)  # downwards; views outside are not taken
    roll_deg: float = 4.0  # standard deviation
    close_share: float = 0.6  # share of views of a piece of furniture from nearby, as people take them
    step_m: float = 0.05  # typical distance between t-1, t and t+1
    turn_deg: float = 1.5  # typical turn between them, about each axis
    # Image
    edge_samples: int = 3  # extra rays at pixels on depth or texture edges; 0 leaves edges aliased
    sensor: float = 1.0  # multiplies noise, blur, vignetting, cast and compression; 0: an ideal camera

    def __post_init__(self) -> None:
        if self.space not in ("random", *SPACES):
            raise ConfigError(f"RoomConfig.space must be random or one of {SPACES}, got {self.space!r}")
        for name, (low, high) in _LIMITS.items():
            _check(name, getattr(self, name), low, high)
        for name in ("width", "height", "edge_samples"):
            if not isinstance(getattr(self, name), int):
                raise ConfigError(f"RoomConfig.{name} must be an integer, got {getattr(self, name)!r}")


def _check(name: str, value: float | Span, low: float, high: float) -> None:
    """Raise ConfigError unless a number, or both ends of a span in order, lie within low and high."""
    spanned = _KINDS[name] == "Span"
    if spanned and not (isinstance(value, (tuple, list)) and len(value) == 2):
        raise ConfigError(f"RoomConfig.{name} must be a pair (lowest, highest), got {value!r}")
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    inside = all(isinstance(v, (int, float)) and math.isfinite(v) and low <= v <= high for v in numbers)
    if not inside or list(numbers) != sorted(numbers):
        raise ConfigError(f"RoomConfig.{name} must be within {low:g} and {high:g}, got {value}")


_LIMITS: dict[str, tuple[float, float]] = {
    "width": (32, 2048),
    "height": (32, 2048),
    "fov_deg": (30.0, 120.0),
    "baseline_m": (0.01, 0.5),
    "rooms": (1, 4),
    "room_size_m": (1.8, 15.0),
    "furniture": (0.0, 3.0),
    "clutter": (0.0, 4.0),
    "pictures": (0.0, 4.0),
    "colour_variety": (0.0, 1.0),
    "texture_variety": (0.0, 1.0),
    "lighting_variety": (0.0, 1.0),
    "reflections": (0.0, 2.0),
    "camera_height_m": (0.3, 2.2),
    "pitch_deg": (-60.0, 80.0),
    "roll_deg": (0.0, 45.0),
    "close_share": (0.0, 1.0),
    "step_m": (0.0, 0.5),
    "turn_deg": (0.0, 20.0),
    "edge_samples": (0, 8),
    "sensor": (0.0, 3.0),
}
_KINDS = {f.name: str(f.type) for f in fields(RoomConfig)}
assert set(_LIMITS) | {"space"} == set(_KINDS)
