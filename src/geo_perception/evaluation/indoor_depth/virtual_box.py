# SPDX-License-Identifier: Apache-2.0
"""A virtual box of known size at a known distance in an image, hidden where the depth map is nearer.

It looks right only if depth is metric and its edges lie where the image has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image, Mask
from geo_perception.errors import ConfigError
from geo_perception.geometry import PinholeCamera

SIDE_M = 0.4
YAW_RAD, PITCH_RAD = 0.6, 0.35  # turned and seen from above, so that three faces show
LIGHT = np.array(
    [-0.35, -0.85, -0.4]
)  # unit, towards the light: from above, behind the camera's left shoulder
COLOUR = np.array([255, 150, 30], np.float32)
EDGE_SHARE = 0.93  # of half a side; beyond it, on two axes, lies the drawn edge
PREVIEW_WIDTH = 160  # of the image in which places are tried
PLACES = 9, 7  # columns and rows of them
INNER = 0.2, 0.8  # part of the image they span
WANTED_VISIBLE = 0.6  # a box half hidden shows both that it is hidden and that it is not


@dataclass(frozen=True)
class VirtualBox:
    """A cube in the camera's optical frame."""

    centre_cam: tuple[float, float, float]  # metres
    side_m: float = SIDE_M

    def __post_init__(self) -> None:
        if not (0 < self.side_m < np.inf and self.centre_cam[2] > self.side_m):
            raise ConfigError(
                f"a virtual box needs a positive side and a distance beyond it, got {self.side_m} m at "
                f"{self.centre_cam[2]} m"
            )

    def cast(self, camera: PinholeCamera) -> tuple[Array, Image]:
        """Cast rays (slab method): (H, W) depth of the surface, NaN beside it, and (H, W, 3) shaded colour."""
        rotation = _rotation()
        rays = camera.rays.astype(np.float64) @ rotation  # in the box's frame; scaled so that t is depth
        start = -np.asarray(self.centre_cam) @ rotation
        half = self.side_m / 2
        with np.errstate(divide="ignore"):
            first, second = (-half - start) / rays, (half - start) / rays
        entry, leave = np.minimum(first, second).max(-1), np.maximum(first, second).min(-1)
        hit = entry < leave
        depth = np.where(hit, entry, np.nan)
        places = start + np.where(hit, entry, 0)[..., None] * rays
        return depth.astype(np.float32), _shade(places / half, rotation)


def place_box(depth_m: Array, camera: PinholeCamera, distance_m: float | None = None) -> VirtualBox:
    """Place the box at a distance where it is partly hidden, if the scene has such a place.

    Args:
        depth_m: (H, W) that hides it, NaN = unknown.
        camera: of the depth.
        distance_m: depth of its centre; None: the image's median depth.

    Raises:
        ConfigError: the distance is not beyond the box's own size, or there is no depth to choose it by.
    """
    if distance_m is None:
        if not np.isfinite(depth_m).any():
            raise ConfigError("a depth map without any depth gives no distance for a virtual box")
        distance_m = max(float(np.nanmedian(depth_m)), 1.5 * SIDE_M)
    step = max(1, round(camera.width / PREVIEW_WIDTH))
    small = camera.scaled(camera.width // step, camera.height // step)
    seen = depth_m[step // 2 :: step, step // 2 :: step][: small.height, : small.width]
    columns, rows = (np.linspace(*INNER, count) for count in PLACES)
    rays = [camera.rays[int(r * camera.height), int(c * camera.width)] for r in rows for c in columns]
    boxes = [VirtualBox((float(x) * distance_m, float(y) * distance_m, distance_m)) for x, y, _ in rays]
    return min(boxes, key=lambda box: abs(visible_share(box, seen, small) - WANTED_VISIBLE))


def visible_share(box: VirtualBox, depth_m: Array, camera: PinholeCamera) -> float:
    """Compute the share of the box's pixels that the depth map does not hide; 1 where it is out of view."""
    surface, _ = box.cast(camera)
    covered = np.isfinite(surface)
    return float(visible(surface, depth_m)[covered].mean()) if covered.any() else 1.0


def visible(surface_m: Array, depth_m: Array) -> Mask:
    """Find where a surface (H, W) is in front of the depth map; unknown depth hides nothing."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(surface_m) & ~(depth_m < surface_m))


def insert_box(image: Image, depth_m: Array, camera: PinholeCamera, box: VirtualBox) -> Image:
    """Draw the box into the image (H, W, 3), behind whatever the depth map has nearer."""
    surface, picture = box.cast(camera)
    return np.where(visible(surface, depth_m)[..., None], picture, image)


def agreement(box: VirtualBox, depth_m: Array, truth_m: Array, camera: PinholeCamera) -> float:
    """Compute the share of the box's pixels where depth and truth agree on which is in front; NaN without truth."""
    surface, _ = box.cast(camera)
    judged = np.isfinite(surface) & np.isfinite(truth_m) & np.isfinite(depth_m)
    same = visible(surface, depth_m) == visible(surface, truth_m)
    return float(same[judged].mean()) if judged.any() else float("nan")


def _rotation() -> NDArray[np.float64]:
    """Compute the 3x3 rotation, camera from box."""
    cy, sy, cp, sp = np.cos(YAW_RAD), np.sin(YAW_RAD), np.cos(PITCH_RAD), np.sin(PITCH_RAD)
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return np.asarray(pitch @ yaw)


def _shade(local: NDArray[np.float64], rotation: NDArray[np.float64]) -> Image:
    """Colour places on the box's surface, given in halves of its side."""
    axis = np.abs(local).argmax(-1)
    sign = np.sign(np.take_along_axis(local, axis[..., None], -1)[..., 0])
    normals = rotation.T[axis] * sign[..., None]
    light = np.float32(0.45) + np.float32(0.55) * np.clip(normals @ LIGHT, 0, 1)
    edge = (np.abs(local) > EDGE_SHARE).sum(-1) >= 2
    return np.asarray((COLOUR * np.where(edge, 0.15, light)[..., None]).clip(0, 255), np.uint8)
