# SPDX-License-Identifier: Apache-2.0
"""The pictures of one frame: inputs, depth maps, confidence, errors, and the cloud from another viewpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError
from geo_perception.evaluation.estimate import FUSED, LIDAR, STEREO, VISIBLE_RETURNS, Estimate
from geo_perception.evaluation.protocols import Returns
from geo_perception.evaluation.tables import ROW_TITLES
from geo_perception.evaluation.view3d import render_cloud
from geo_perception.frames import StereoLidarFrame
from geo_perception.preview import colourise_depth, colourise_error, colourise_share, overlay_depth

Image8 = NDArray[np.uint8]

PANEL_WIDTH = 621  # half a KITTI image: two columns fill a laptop's screen
JPEG_QUALITY = 85
READABLE_WIDTH = 480  # of a panel with its title in the overview
LABEL_HEIGHT = 24
FONT, FONT_SCALE, SMALLEST_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.5, 0.3
DENSE = (STEREO, LIDAR, FUSED)


@dataclass(frozen=True)
class Panel:
    """One labelled picture."""

    title: str
    rgb: Image8  # (H, W, 3)

    def shrunk(self, width: int = PANEL_WIDTH) -> Panel:
        """The same picture of the given width, or as it is when narrower."""
        height, own_width = self.rgb.shape[:2]
        if own_width <= width:
            return self
        size = (width, round(height * width / own_width))
        return Panel(
            self.title, np.asarray(cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
        )

    def enlarged(self, width: int = READABLE_WIDTH) -> Panel:
        """The same picture in pixels so many times as large that it is at least as wide."""
        times = -(-width // self.rgb.shape[1])
        return Panel(self.title, self.rgb.repeat(times, 0).repeat(times, 1)) if times > 1 else self

    def jpeg(self) -> bytes:
        """Encoded for embedding."""
        return encode(self.rgb, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def encode(rgb: Image8, suffix: str, options: Sequence[int] = ()) -> bytes:
    """Image file content of an RGB picture."""
    done, data = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), list(options))
    if not done:
        raise InputError(f"cannot encode a picture of shape {rgb.shape} as {suffix}")
    return bytes(data)


def frame_panels(frame: StereoLidarFrame, estimate: Estimate) -> list[Panel]:
    """All pictures of a frame, in the order in which they are read; those without data are left out."""
    panels = [Panel("left image", frame.left)]
    panels += [Panel("right image", frame.right)]
    panels += _return_panels(frame, estimate)
    dense = [name for name in DENSE if name in estimate.depths_m]
    others = [name for name in estimate.depths_m if name not in (*DENSE, VISIBLE_RETURNS)]
    for name in (*dense, *others):
        panels.append(Panel(_title(name, "depth"), colourise_depth(estimate.depths_m[name])))
    if estimate.confidence is not None:
        panels.append(Panel("lidar confidence: dark 0, yellow 1", colourise_share(estimate.confidence)))
    if frame.depth_truth_m is not None:
        panels.append(Panel("truth", overlay_depth(np.zeros_like(frame.left), frame.depth_truth_m)))
        for name in (*dense, *others):
            error = _thickened(colourise_error(estimate.depths_m[name], frame.depth_truth_m))
            panels.append(Panel(_title(name, "error: dark 5 cm, bright 20 m"), error))
    cloud = render_cloud(estimate.depths_m[FUSED], frame.left, frame.rig.left)
    return [*panels, Panel("fused cloud from a raised second viewpoint", cloud)]


def overview(panels: Sequence[Panel]) -> Image8:
    """One labelled picture of a frame: two columns, the cloud in full width below.

    Raises:
        InputError: no panels.
    """
    if not panels:
        raise InputError("an overview needs at least one panel")
    columns = [panel.enlarged().shrunk() for panel in panels[:-1]]
    width = max((panel.rgb.shape[1] for panel in columns), default=PANEL_WIDTH)
    *small, last = [_labelled(panel) for panel in (*columns, panels[-1].shrunk(2 * width))]
    if len(small) % 2:
        small.append(np.zeros_like(small[-1]))
    rows = [np.hstack(small[i : i + 2]) for i in range(0, len(small), 2)]
    return _stack([*rows, last])


def overview_panels(panels: Sequence[Panel]) -> list[Panel]:
    """The panels that tell the story in one picture: inputs, the three depths, confidence and cloud."""
    wanted = (
        "left image",
        "lidar returns",
        "stereo alone depth",
        "completed lidar alone depth",
        "fused depth",
    )
    chosen = [panel for start in wanted for panel in panels if panel.title.startswith(start)]
    confidence = [panel for panel in panels if panel.title.startswith("lidar confidence")]
    return [*chosen, *confidence, panels[-1]]


def _return_panels(frame: StereoLidarFrame, estimate: Estimate) -> list[Panel]:
    visible = estimate.depths_m.get(VISIBLE_RETURNS)
    if visible is not None:
        return [Panel("lidar returns that the camera sees", overlay_depth(frame.left, visible))]
    if not len(frame.points_lidar):
        return []
    return [Panel("lidar returns, as projected", overlay_depth(frame.left, Returns.of(frame).depth_m))]


def _thickened(picture: Image8) -> Image8:
    """Coloured dots on black made 3 pixels wide, so that sparse truth survives the shrinking."""
    return np.asarray(cv2.dilate(picture, np.ones((3, 3), np.uint8)), np.uint8)


def _title(name: str, what: str) -> str:
    return f"{ROW_TITLES.get(name, name)} {what}"


def _labelled(panel: Panel) -> Image8:
    strip = np.full((LABEL_HEIGHT, panel.rgb.shape[1], 3), 245, np.uint8)
    scale = FONT_SCALE
    while cv2.getTextSize(panel.title, FONT, scale, 1)[0][0] > strip.shape[1] - 12 and scale > SMALLEST_SCALE:
        scale -= (
            0.02  # letters are fitted to pixels, so that their width cannot be computed from another size's
        )
    cv2.putText(strip, panel.title, (6, LABEL_HEIGHT - 7), FONT, scale, (30, 30, 30), 1, cv2.LINE_AA)
    return np.vstack([strip, panel.rgb])


def _stack(rows: Sequence[Image8]) -> Image8:
    """Rows below each other, narrower ones padded on the right."""
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
