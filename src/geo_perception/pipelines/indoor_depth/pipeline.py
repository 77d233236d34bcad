# SPDX-License-Identifier: Apache-2.0
"""One image of an indoor camera -> dense metric depth, by a network of the DistDepth family (arXiv 2112.02306)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from geo_perception._types import Image
from geo_perception.errors import ConfigError, InputError, WeightsError
from geo_perception.geometry import PinholeCamera
from geo_perception.geometry.plausibility import check_possible, doubts
from geo_perception.pipelines.common import PRECISIONS, ModelChoice, timed
from geo_perception.pipelines.indoor_depth.estimate import DepthEstimate
from geo_perception.pipelines.indoor_depth.resizing import (
    ASPECTS,
    CARD,
    MIN_NETWORK_PX,
    SIZE_MULTIPLE,
    SWITCHES,
    Framing,
    frame,
    is_network_side,
    is_network_size,
)
from geo_perception.pipelines.unseen import black_note, blank_unseen

if TYPE_CHECKING:  # weights need torch
    from geo_perception.weights import ModelCard


DEFAULT_MODEL = "distdepth_lite0_rooms"
PUBLISHED_SIZE = (256, 256)  # of networks whose card names no size
# What this pipeline feeds, whatever a card says: it must say the same, or nothing. Networks normalise by themselves.
FED = {"type": "rgb", "layout": "NCHW", "range": [0.0, 1.0], "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]}
MIN_SIDE_PX = 32  # smaller images say nothing about a room
MAX_PIXELS = 2**27  # four times 8K; beyond it a size is a mistake
FIELD_OF_VIEW_DEG = (10.0, 150.0)  # of cameras that a pinhole model describes
MAX_PIXEL_ASPECT = 1.5  # fx / fy or its inverse
UNIFORM = 3.0  # grey levels of contrast below which there is nothing to see
SATURATED, MAX_SATURATED = 250, 0.5  # grey level, and share of the image


@dataclass(frozen=True)
class IndoorDepthConfig:
    """Options of the pipeline: weights, and how images reach the network."""

    model: str = DEFAULT_MODEL  # name in models/ or a folder with a model card
    device: str = "cpu"
    precision: str = (
        "auto"  # bfloat16 where the processor multiplies it natively, else float32; or either by name
    )
    aspect: str = (
        "card"  # stretch, pad or crop (see `resizing`); card: input.aspect of the card, else stretch
    )
    network_height: int = 0  # multiples of 32, at least 64; 0: input.size of the card, else 256
    network_width: int = 0
    # Depth is learnt for one focal length, and an image from a longer lens looks like a nearer room: multiply depth by
    # the camera's focal length over the card's input.canonical_focal.
    scale_by_focal: bool = True
    flip_augmentation: str = (
        CARD  # on, off: depth averaged with that of the mirrored image; card: input.flip, else off
    )
    # Depth averaged with that of a smaller form of the image, where input.multi_scale of the card names its size.
    multi_scale: bool = True
    # Only for models that compare each image with the one before it (network `video_depth`).
    max_gap_s: float = 0.5  # an image farther back in time is no neighbour; 0: every image stands alone

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {PRECISIONS}, got {self.precision!r}")
        if self.aspect not in (CARD, *ASPECTS):
            raise ConfigError(f"aspect must be one of card, {', '.join(ASPECTS)}, got {self.aspect!r}")
        if self.flip_augmentation not in SWITCHES:
            raise ConfigError(
                f"flip_augmentation must be one of {', '.join(SWITCHES)}, got {self.flip_augmentation!r}"
            )
        if not 0 <= self.max_gap_s < math.inf:
            raise ConfigError(f"max_gap_s must be 0 s or more, got {self.max_gap_s}")
        for name in ("network_height", "network_width"):
            if getattr(self, name) and not is_network_side(getattr(self, name)):
                raise ConfigError(
                    f"{name} must be 0 or a multiple of {SIZE_MULTIPLE} from {MIN_NETWORK_PX} on, "
                    f"got {getattr(self, name)}"
                )


@dataclass(frozen=True)
class InputSpec:
    """Input and output of a model, as its card states them."""

    size: tuple[int, int]  # height, width
    aspect: str
    canonical_focal: float  # of the image side; 0: unknown, or meant for one camera

    @classmethod
    def of(
        cls, card: ModelCard, config: IndoorDepthConfig, fixed: tuple[int, int] | None = None
    ) -> InputSpec:
        """From the card, where the configuration does not say otherwise.

        Args:
            card: of the model.
            config: what the user wants.
            fixed: the only size that the network takes, if there is one.

        Raises:
            WeightsError: an entry of the card makes no sense.
            ConfigError: another size than the fixed one is wanted.
        """
        for name, value in FED.items():
            if card.input.get(name, value) != value:
                raise WeightsError(
                    f"model {config.model!r}: input.{name} of its card must be {value!r}, got {card.input[name]!r}"
                )
        size = card.input.get("size", list(fixed or PUBLISHED_SIZE))
        aspect = card.input.get("aspect", "stretch")
        focal = card.input.get("canonical_focal", 0.0)
        if not is_network_size(size):
            raise WeightsError(f"model {config.model!r}: input.size of its card is no network size: {size!r}")
        if aspect not in ASPECTS:
            raise WeightsError(f"model {config.model!r}: input.aspect of its card must be one of {ASPECTS}")
        if not (isinstance(focal, float | int) and 0 <= focal < math.inf):
            raise WeightsError(f"model {config.model!r}: input.canonical_focal of its card is {focal!r}")
        wanted = (config.network_height or size[0], config.network_width or size[1])
        if fixed is not None and wanted != fixed:
            raise ConfigError(
                f"model {config.model!r} takes images of {fixed[0]}x{fixed[1]} (height x width) only, "
                f"not {wanted[0]}x{wanted[1]}"
            )
        return cls(wanted, aspect if config.aspect == CARD else config.aspect, float(focal))

    def camera(self, framing: Framing, camera: PinholeCamera | None) -> PinholeCamera | None:
        """The camera of the network's input, for that of the image; without one, that of the canonical focal length.

        Depth for a canonical focal length, and the way between two images with it, are the true ones times one factor:
        under the camera's own intrinsics the same pixels meet. None where neither focal length is known.
        """
        height, width = self.size
        if camera is None and not self.canonical_focal:
            return None
        if camera is None:
            focal = self.canonical_focal * width, self.canonical_focal * height
            return PinholeCamera(*focal, (width - 1) / 2, (height - 1) / 2, width, height)
        return framing.camera(camera)


class IndoorDepth:
    """The whole pipeline as one callable; construct once, call per frame (not from two threads at a time).

    A model of several frames compares each image with the one of the call before, unless they are no neighbours: time
    did not move on or moved by more than `max_gap_s`, the camera or the size is another, or `reset` was called.
    """

    def __init__(self, config: IndoorDepthConfig = IndoorDepthConfig()) -> None:
        """Load the model.

        Raises:
            WeightsError: it is missing, damaged or made for another network, or its card is wrong.
            ConfigError: the device does not exist.
        """
        from geo_perception.pipelines.indoor_depth.predictors import load_predictor

        self.config = config
        choice = ModelChoice(config.model, config.device, config.precision)
        self.models: dict[str, ModelCard]  # by what they do
        self._predictor, self.models = load_predictor(
            choice, config.max_gap_s, config.flip_augmentation, config.multi_scale
        )
        self.input_spec = InputSpec.of(self.models["depth"], config, self._predictor.size)

    def reset(self) -> None:
        """Forget earlier images: the next one does not follow them."""
        self._predictor.reset()

    def __call__(
        self, image: Image, camera: PinholeCamera | None = None, stamp_ns: int | None = None
    ) -> DepthEstimate:
        """Depth of one image.

        Args:
            image: (H, W, 3) RGB or (H, W) grey, uint8, rectified, 32 px a side or more.
            camera: calibration of the image. Without it, depth is not scaled to the camera's focal length.
            stamp_ns: when it was taken. Without it, images count as following one another.

        Raises:
            InputError: another shape or type, or a camera that cannot have taken the image.
        """
        rgb = checked_image(image)
        if camera is not None:
            check_camera(camera, (rgb.shape[0], rgb.shape[1]))
        from geo_perception.pipelines.indoor_depth.predictors import FrameContext, NetworkInput

        stages: dict[str, float] = {}
        size = rgb.shape[0], rgb.shape[1]
        framing = frame(size, self.input_spec.size, self.input_spec.aspect)
        with timed("resize", stages):
            seen = framing.to_network(rgb)
        with timed("network", stages):
            context = FrameContext(size, camera, stamp_ns)
            network_input = NetworkInput(seen, self.input_spec.camera(framing, camera), context)
            depth_m, alone = self._predictor(network_input)
        with timed("depth to image", stages):
            scale, note = self._focal_scale(framing, camera)
            depth_m = framing.to_image(depth_m if scale is None else depth_m * np.float32(scale))
            blank_unseen(depth_m, rgb, camera)
        unusual = () if camera is None else doubts(camera)
        return DepthEstimate(
            depth_m, scale, tuple(filter(None, (note, alone, image_quality_warning(seen), *unusual))), stages
        )

    def _focal_scale(self, framing: Framing, camera: PinholeCamera | None) -> tuple[float | None, str]:
        """The factor of depth for this camera, or None; and what there is to say about that."""
        canonical = self.input_spec.canonical_focal
        if not self.config.scale_by_focal:
            return None, ""
        if not canonical:
            return None, "the model's card names no canonical focal length: depth is not scaled to the camera"
        if camera is None:
            return None, f"no camera: depth is for a focal length of {canonical:g} image sides"
        return framing.focal_share(camera) / canonical, ""


def checked_image(image: Image) -> Image:
    """(H, W, 3) of a colour or grey image (grey is repeated). Raises InputError for everything else."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(f"image must be RGB uint8 (H, W, 3), or grey uint8 (H, W), got {got}")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] == 3):
        raise InputError(f"image must have shape (H, W, 3), or (H, W) for grey, got {image.shape}")
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX or height * width > MAX_PIXELS:
        raise InputError(
            f"image is {width}x{height}, allowed are {MIN_SIDE_PX} px a side and more, up to {MAX_PIXELS} pixels"
        )
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_GRAY2RGB), np.uint8)
    return image


def check_camera(camera: PinholeCamera, size: tuple[int, int]) -> None:
    """Raise InputError unless the camera is possible, of the image's size, and such as the networks know.

    That is nearly square pixels and the field of view of a usual lens.
    """
    if camera.size != size:
        raise InputError(f"image is {size[1]}x{size[0]}, its camera {camera.width}x{camera.height}")
    what = f"focal length fx {camera.fx:g}, fy {camera.fy:g} px of a {camera.width}x{camera.height} camera"
    if not 1 / MAX_PIXEL_ASPECT <= camera.fx / camera.fy <= MAX_PIXEL_ASPECT:
        raise InputError(f"{what}: fx / fy must be between 1/{MAX_PIXEL_ASPECT} and {MAX_PIXEL_ASPECT}")
    side = max(camera.width / camera.fx, camera.height / camera.fy)
    view_deg = math.degrees(2 * math.atan(side / 2))
    low, high = FIELD_OF_VIEW_DEG
    if not low <= view_deg <= high:
        raise InputError(
            f"{what} is a field of view of {view_deg:.3g} degrees, allowed are {low:g} to {high:g} "
            "(calibrated at another resolution?)"
        )
    check_possible(camera)


def image_quality_warning(seen: Image) -> str:
    """Why there is little to see in an image, or nothing."""
    _, contrast = cv2.meanStdDev(seen)
    if float(contrast.max()) < UNIFORM:
        return "the image is uniform (lens covered, no light, overexposed?): its depth is a guess"
    bright = cv2.inRange(seen, (SATURATED,) * 3, (255,) * 3)
    saturated = cv2.countNonZero(bright) / bright.size
    if saturated > MAX_SATURATED:
        return f"{saturated:.0%} of the image is overexposed"
    return black_note(seen)
