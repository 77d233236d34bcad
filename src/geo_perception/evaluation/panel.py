# SPDX-License-Identifier: Apache-2.0
"""Panels, labelled images with a colour scale below, and overviews of several panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from geo_perception._types import Array
from geo_perception._types import Image as Image8
from geo_perception.errors import InputError
from geo_perception.evaluation.legend import PAPER, colour_legend, scale_in_words, title_strip
from geo_perception.preview import (
    ColourScale,
)

PANEL_WIDTH = 621  # half a KITTI image: two columns fill a laptop's screen
WEBP_QUALITY = 75
READABLE_WIDTH = 480  # of a panel with its title in the overview


@dataclass(frozen=True)
class Panel:
    """A labelled image."""

    title: str
    rgb: Image8  # (H, W, 3)
    scale: ColourScale | None = None  # scale of false colours; None for a camera image

    @property
    def alt(self) -> str:
        """Describe the panel for those who do not see it."""
        return f"{self.title}; {scale_in_words(self.scale)}" if self.scale else self.title

    def shrunk(self, width: int = PANEL_WIDTH) -> Panel:
        """Shrink the image to the given width; a narrower one is returned unchanged."""
        height, own_width = self.rgb.shape[:2]
        if own_width <= width:
            return self
        size = (width, round(height * width / own_width))
        return replace(
            self, rgb=np.asarray(cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        )

    def enlarged(self, width: int = READABLE_WIDTH) -> Panel:
        """Enlarge the image by a whole factor, so that it is at least as wide."""
        times = -(-width // self.rgb.shape[1])
        return replace(self, rgb=self.rgb.repeat(times, 0).repeat(times, 1)) if times > 1 else self

    def with_legend(self) -> Image8:
        """Append the colour scale, if there is one, below the image (H, W, 3), widened to fit the scale's text."""
        if self.scale is None:
            return self.rgb
        picture = self.enlarged().rgb
        return np.vstack([picture, colour_legend(self.scale, picture.shape[1])])

    def webp(self) -> bytes:
        """Encode for embedding, with the colour scale; a third smaller than JPEG of the same quality."""
        return encode(self.with_legend(), ".webp", [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])


def encode(rgb: Image8, suffix: str, options: Sequence[int] = ()) -> bytes:
    """Encode an RGB image as the content of an image file."""
    done, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), list(options))
    if not done:
        raise InputError(f"cannot encode a picture of shape {rgb.shape} as {suffix}")
    return bytes(data)


def grown(values: Array) -> Array:
    """Give unknown pixels of (H, W) values that touch known ones the largest of those.

    Sparse truth would not survive the shrinking of panels otherwise; known pixels stay as they are.
    """
    there, nothing = np.isfinite(values), np.finfo(np.float32).min  # what OpenCV makes of -inf, too
    filled = np.where(there, values, nothing).astype(np.float32)
    largest = cv2.dilate(filled, np.ones((3, 3), np.uint8))
    return np.where(there, values, np.where(largest > nothing, largest, np.float32(np.nan)))


def overview(panels: Sequence[Panel]) -> Image8:
    """Compose the panels of a frame into one image: two columns, the cloud in full width below.

    Raises:
        InputError: no panels.
    """
    if not panels:
        raise InputError("an overview needs at least one panel")
    columns = [panel.enlarged().shrunk() for panel in panels[:-1]]
    width = max((panel.rgb.shape[1] for panel in columns), default=PANEL_WIDTH)
    *small, last = [_labelled(panel) for panel in (*columns, panels[-1].shrunk(2 * width))]
    pairs = [small[i : i + 2] for i in range(0, len(small), 2)]
    return _stack([*(_side_by_side(pair) for pair in pairs), last])


def _labelled(panel: Panel) -> Image8:
    picture = panel.with_legend()
    return np.vstack([title_strip(panel.title, picture.shape[1]), picture])


def _side_by_side(pictures: Sequence[Image8]) -> Image8:
    """Join images side by side, lower ones padded below: only some have a colour scale."""
    height = max(picture.shape[0] for picture in pictures)
    return np.hstack([np.vstack([p, _paper(height - p.shape[0], p.shape[1])]) for p in pictures])


def _paper(height: int, width: int) -> Image8:
    return np.full((height, width, 3), PAPER, np.uint8)


def _stack(rows: Sequence[Image8]) -> Image8:
    """Stack rows, narrower ones padded on the right."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
