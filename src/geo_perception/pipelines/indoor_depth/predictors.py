# SPDX-License-Identifier: Apache-2.0
"""The networks of indoor depth: one that looks at single images, and one that compares each with the one before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from geo_perception._types import Array, Image
from geo_perception.errors import ConfigError, WeightsError
from geo_perception.geometry import PinholeCamera
from geo_perception.inference import NetworkCallable
from geo_perception.inference.cpu.thread_pool import side_by_side
from geo_perception.networks.encoders.matching import Neighbours, edges_at_zero, matching_intrinsics
from geo_perception.networks.manydepth import relative_poses
from geo_perception.networks.video_depth import VideoDepth
from geo_perception.pipelines.common import ModelChoice
from geo_perception.pipelines.indoor_depth.resizing import OFF, ON, resize
from geo_perception.pipelines.indoor_depth.test_time_augmentation import TtaOptions
from geo_perception.pipelines.models import executed, load_plain
from geo_perception.weights import ModelCard

SINGLE, VIDEO = "distdepth", "video_depth"


@dataclass(frozen=True)
class FrameContext:
    """Properties of an image that tell whether another one is its neighbour in time."""

    size: tuple[int, int]  # height, width of the image as it came
    camera: PinholeCamera | None  # of that image
    stamp_ns: int | None  # None: unknown, the caller says that images follow one another


@dataclass(frozen=True)
class NetworkInput:
    """An image as a network gets it."""

    pixels: Image  # (h, w, 3) RGB
    camera: (
        PinholeCamera | None
    )  # of the pixels, with the focal length that depth is learnt for; None: unknown
    context: FrameContext


class Predictor(Protocol):
    """A network with what it remembers."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that it takes; None: any multiple of 32."""
        ...

    def __call__(self, network_input: NetworkInput) -> tuple[Array, str]:
        """Depth (h, w) in metres for the view's camera, and what the network had to do without."""
        ...

    def reset(self) -> None:
        """Forget earlier images."""
        ...


class SingleFramePredictor:
    """DistDepth."""

    size = None

    def __init__(
        self,
        network: NetworkCallable,
        device: str,
        tta: TtaOptions,
        small_network: NetworkCallable | None = None,
    ) -> None:
        """Wrap a network.

        Args:
            network: a `networks.distdepth.DistDepth`, or a faster form of one.
            device: where it is.
            tta: how often it is asked.
            small_network: another one, for the smaller form of the image; None: the same.
        """
        self._network, self._small_network = network, network if small_network is None else small_network
        self._device, self._tta = device, tta
        # Two networks with a core each leave more to the rest of the machine than one after the other with all cores:
        # threads of one network wait for one another by turning round.
        self._at_once = small_network is not None and device == "cpu" and torch.get_num_threads() > 1

    def __call__(self, network_input: NetworkInput) -> tuple[Array, str]:
        """See `Predictor`."""
        size, small = (network_input.pixels.shape[0], network_input.pixels.shape[1]), self._tta.small_size
        if small is None or small[0] >= size[0] or small[1] >= size[1]:
            return self._predict(self._network, network_input.pixels), ""
        tasks = (
            partial(self._predict, self._network, network_input.pixels),
            partial(self._predict, self._small_network, resize(network_input.pixels, small)),
        )
        depth_m, layout_m = side_by_side(tasks) if self._at_once else [task() for task in tasks]
        depth_m *= np.power(depth_m * resize(np.reciprocal(layout_m), size), np.float32(-self._tta.share))
        return depth_m, ""

    def _predict(self, network: NetworkCallable, pixels: Image) -> Array:
        with torch.inference_mode():
            image = to_tensor(pixels, self._device)
            if not self._tta.flip:
                return to_array(network(image).depth_m)
            both = network(torch.cat((image, image.flip(3)))).depth_m
            return to_array((both[:1] * both[1:].flip(3)).sqrt())

    def reset(self) -> None:
        """There is nothing to forget."""


@dataclass(frozen=True)
class PreviousFrame:
    """The image before."""

    pixels: Tensor  # (1, 3, h, w)
    context: FrameContext


class MultiFramePredictor:
    """DistDepth-M and ManyDepth: depth from an image and, where there is one, its neighbour before it.

    The pose network tells how the camera moved in between. Without a neighbour the pose is all zero, which the network
    takes as a missing frame: its cost volume is empty, and depth comes from the image alone.
    """

    def __init__(
        self,
        network: NetworkCallable,
        posenet: NetworkCallable,
        size: tuple[int, int],
        device: str,
        max_gap_s: float,
    ) -> None:
        """Wrap a network and its pose network.

        Args:
            network: a `networks.manydepth.MultiFrame` for images of `size`.
            posenet: a `PoseNet` of two images.
            size: height, width.
            device: device of both networks.
            max_gap_s: an image farther back in time is no neighbour; 0: every image stands alone.
        """
        self._network, self._posenet, self.size = network, posenet, size
        self._device, self._max_gap_s = device, max_gap_s
        self._previous: PreviousFrame | None = None

    def reset(self) -> None:
        """Forget the image before."""
        self._previous = None

    def __call__(self, network_input: NetworkInput) -> tuple[Array, str]:
        """Predict depth (h, w), as `Predictor`."""
        before, alone = self._neighbour(network_input)
        with torch.inference_mode():
            pixels = to_tensor(network_input.pixels, self._device)
            depth_m = to_array(
                self._network(pixels, self._near(pixels, before, network_input.camera)).depth_m
            )
        if self._max_gap_s:
            self._previous = PreviousFrame(pixels, network_input.context)
        return depth_m, f"depth from one image alone: {alone}" if alone else ""

    def _neighbour(self, network_input: NetworkInput) -> tuple[Tensor | None, str]:
        """The image before, or why it does not count; neither where it is not to be looked at."""
        if not self._max_gap_s:
            return None, ""
        if network_input.camera is None:
            return None, "without a camera it cannot be compared with the one before"
        before = self._previous  # another thread may reset it meanwhile
        if before is None:
            return None, "there is none before it"
        apart = separation(before.context, network_input.context, self._max_gap_s)
        return (None, apart) if apart else (before.pixels, "")

    def _near(self, pixels: Tensor, previous: Tensor | None, camera: PinholeCamera | None) -> Neighbours:
        if previous is None or camera is None:
            missing = torch.zeros(1, 1, 4, 4, device=pixels.device)
            return Neighbours(pixels[:, None], missing, *matching_camera(None, self._device))
        pose = relative_poses(self._posenet, {0: pixels, -1: previous})[-1]
        return Neighbours(previous[:, None], pose[:, None], *matching_camera(camera, self._device))


def separation(before: FrameContext, now: FrameContext, max_gap_s: float) -> str:
    """Why an image is no neighbour of the one before it; empty if it is."""
    if before.size != now.size:
        return "the one before has another size"
    if before.camera != now.camera:
        return "the one before is of another camera"
    if before.stamp_ns is None or now.stamp_ns is None:
        return ""
    gap_s = (now.stamp_ns - before.stamp_ns) * 1e-9
    if gap_s <= 0:
        return "time did not move on"
    return f"the one before is more than {max_gap_s:g} s older" if gap_s > max_gap_s else ""


@lru_cache(maxsize=8)  # the same for every frame of a camera
def matching_camera(camera: PinholeCamera | None, device: str) -> tuple[Tensor, Tensor]:
    """Intrinsics and their inverse as `Neighbours` wants them; units where there is no camera, and nothing to match."""
    K = torch.eye(4)[None]
    if camera is not None:
        K[0, :2, :3] = torch.tensor([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy]])
    return matching_intrinsics(edges_at_zero(K).to(device))


def to_tensor(pixels: Image, device: str) -> Tensor:
    """(h, w, 3) uint8 -> (1, 3, h, w) in 0..1."""
    return torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float() / 255


def to_array(depth_m: Tensor) -> Array:
    """(1, 1, h, w) -> (h, w)."""
    out: Array = depth_m[0, 0].float().cpu().numpy()
    return out


def load_predictor(
    choice: ModelChoice, max_gap_s: float, flip_augmentation: str = OFF, multi_scale: bool = True
) -> tuple[Predictor, dict[str, ModelCard]]:
    """The network of a model folder, and the cards of all models that it uses; its own is "depth".

    Args:
        choice: which.
        max_gap_s: see `MultiFramePredictor`.
        flip_augmentation: on, off, or card: see `TtaOptions`.
        multi_scale: whether to do what the card says: see `TtaOptions`.

    Raises:
        WeightsError: missing, damaged or made for something else; or an entry of the card makes no sense.
        ConfigError: a network of several frames is asked for mirrored images.
    """
    network, card = load_plain("indoor depth", (SINGLE, VIDEO), choice)
    if card.network == SINGLE:
        return load_single(network, card, choice, TtaOptions.of(card, choice, flip_augmentation, multi_scale))
    if flip_augmentation == ON:
        raise ConfigError(
            f"flip_augmentation {ON} is for models of single images, and {choice.model!r} compares several"
        )
    assert isinstance(network, VideoDepth)
    depth, pose = (executed(part, choice) for part in (network.depth, network.pose))
    size = network.config.height, network.config.width
    return MultiFramePredictor(depth, pose, size, choice.device, max_gap_s), {"depth": card}


def load_single(
    network: nn.Module, card: ModelCard, choice: ModelChoice, tta: TtaOptions
) -> tuple[Predictor, dict[str, ModelCard]]:
    """A network of single images, and another for the smaller form where the card names one.

    Raises as `load_predictor`.
    """
    fast = executed(network, choice)
    if tta.small_size is None or not tta.model:
        return SingleFramePredictor(fast, choice.device, tta), {"depth": card}
    other, beside = load_plain("indoor depth's multi_scale", (SINGLE,), replace(choice, model=tta.model))
    focal, own = (one.input.get("canonical_focal") for one in (beside, card))
    if focal != own:
        raise WeightsError(
            f"model {choice.model!r}: its input.multi_scale.model {tta.model!r} is for a canonical focal length "
            f"of {focal}, it for {own}"
        )
    small_network = executed(other, choice)
    return SingleFramePredictor(fast, choice.device, tta, small_network), {
        "depth": card,
        "multi_scale": beside,
    }
