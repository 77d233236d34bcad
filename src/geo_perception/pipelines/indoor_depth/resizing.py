# SPDX-License-Identifier: Apache-2.0
"""Images of any size and aspect before a network of one size, and its depth back on the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image
from geo_perception.errors import ConfigError
from geo_perception.geometry import PinholeCamera

Size = tuple[int, int]  # height, width

# stretch: as the published code; what is seen is all of the image, its aspect is lost.
# pad: aspect kept, the image's edge repeated where the network sees more.
# crop: aspect kept, only the centre is seen; depth outside it is unknown.
ASPECTS = ("stretch", "pad", "crop")
SWITCHES = CARD, ON, OFF = "card", "on", "off"  # whether the mirrored image is looked at, too


SIZE_MULTIPLE, MIN_NETWORK_PX = 32, 64


def is_network_side(value: Any) -> bool:
    """Return whether the networks take images of this height or width."""
    return type(value) is int and value >= MIN_NETWORK_PX and value % SIZE_MULTIPLE == 0


def is_network_size(value: Any) -> bool:
    """Return whether a value is a list of a height and a width that the networks take."""
    return isinstance(value, list) and len(value) == 2 and all(map(is_network_side, value))


@dataclass(frozen=True)
class Box:
    """A part of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True)
class Framing:
    """Mapping of a part of the image to a part of the network's input."""

    image_size: Size
    network_size: Size
    source: Box  # of the image
    target: Box  # of the network's input; what lies around it is the edge repeated

    def to_network(self, image: Image) -> Image:
        """(H, W, 3) of the image's size -> (h, w, 3) of the network's."""
        inner = resize(image[self.source.slices], (self.target.height, self.target.width))
        height, width = self.network_size
        below = height - self.target.top - self.target.height
        right = width - self.target.left - self.target.width
        if not (self.target.top or self.target.left or below or right):
            return inner
        border = (self.target.top, below, self.target.left, right)
        return np.asarray(cv2.copyMakeBorder(inner, *border, cv2.BORDER_REPLICATE), np.uint8)

    def to_image(self, depth_m: Array) -> Array:
        """Depth (h, w) of the network's input -> (H, W) of the image, NaN where the network did not look.

        It is interpolated as inverse depth, in which planes stay planes under perspective.
        """
        inverse = np.reciprocal(depth_m[self.target.slices])
        inner: Array = np.reciprocal(resize(inverse, (self.source.height, self.source.width)))
        if inner.shape == self.image_size:
            return inner
        out = np.full(self.image_size, np.nan, np.float32)
        out[self.source.slices] = inner
        return out

    def camera(self, camera: PinholeCamera) -> PinholeCamera:
        """Compute the camera of the network's input from that of the image."""
        source, target = self.source, self.target
        part = camera.cropped(source.left, source.top, source.width, source.height)
        seen = part.scaled(target.width, target.height)
        height, width = self.network_size
        centre = seen.cx + target.left, seen.cy + target.top
        return PinholeCamera(seen.fx, seen.fy, *centre, width, height)

    def focal_share(self, camera: PinholeCamera) -> float:
        """Focal length of what the network sees, as a share of its side: the geometric mean of both axes."""
        seen = self.camera(camera)
        return float(np.sqrt(seen.fx / seen.width * seen.fy / seen.height))


def frame(image_size: Size, network_size: Size, aspect: str) -> Framing:
    """The framing of one of ASPECTS. Raises ConfigError for another."""
    if aspect not in ASPECTS:
        raise ConfigError(f"aspect must be one of {', '.join(ASPECTS)}, got {aspect!r}")
    source, target = Box(0, 0, *image_size), Box(0, 0, *network_size)
    shares = network_size[0] / image_size[0], network_size[1] / image_size[1]
    if aspect == "pad":
        target = centred(network_size, scaled(image_size, min(shares)))
    if aspect == "crop":
        source = centred(image_size, scaled(network_size, 1 / max(shares)))
    return Framing(image_size, network_size, source, target)


def scaled(size: Size, factor: float) -> Size:
    """A size times a factor, at least one pixel."""
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def centred(outer: Size, inner: Size) -> Box:
    """The middle of `outer`, as large as `inner` or as there is room."""
    height, width = min(outer[0], inner[0]), min(outer[1], inner[1])
    return Box((outer[0] - height) // 2, (outer[1] - width) // 2, height, width)


def resize(values: NDArray[Any], size: Size) -> NDArray[Any]:
    """Values of an image at another size: means of areas where it shrinks, bilinear where it grows."""
    if values.shape[:2] == size:
        return np.ascontiguousarray(values)
    shrinks = size[0] <= values.shape[0] and size[1] <= values.shape[1]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    out: NDArray[Any] = cv2.resize(np.ascontiguousarray(values), size[::-1], interpolation=interpolation)
    return out
