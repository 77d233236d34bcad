# SPDX-License-Identifier: Apache-2.0
"""Test-time augmentation of networks of single images, by their cards and the user's options."""

from __future__ import annotations

from dataclasses import dataclass

from geo_perception.errors import WeightsError
from geo_perception.pipelines.common import ModelChoice
from geo_perception.pipelines.indoor_depth.resizing import CARD, ON, is_network_size
from geo_perception.weights import ModelCard


@dataclass(frozen=True)
class TtaOptions:
    """Depth is the weighted geometric mean of the answers."""

    # Errors that depend on the side average out, for twice the time (as the post-processing of arXiv 1609.03677).
    flip: bool = False
    # Height and width of a second, smaller form of the image: it shows a network how a room is laid out, the larger one
    # where things end. Left out where the first is not larger.
    small_size: tuple[int, int] | None = None
    share: float = 0.5  # of the smaller form
    model: str = ""  # that takes the smaller form, a name in models/ or a folder; empty: the same

    @classmethod
    def of(
        cls, card: ModelCard, choice: ModelChoice, flip_augmentation: str, multi_scale: bool
    ) -> TtaOptions:
        """Options of the card, as far as the user wants them.

        Args:
            card: of the model.
            choice: which model that is, for errors.
            flip_augmentation: on, off or card.
            multi_scale: whether to do what the card says about it.

        Raises:
            WeightsError: an entry of the card makes no sense.
        """
        origin, entry = f"model {choice.model!r}: input", card.input.get("multi_scale", {})
        flip, size = card.input.get("flip", False), entry.get("size")
        share, model = entry.get("share", cls.share), entry.get("model", cls.model)
        if not isinstance(flip, bool):
            raise WeightsError(f"{origin}.flip of its card must be true or false: {flip!r}")
        if size is not None and not is_network_size(size):
            raise WeightsError(f"{origin}.multi_scale.size of its card is no network size: {size!r}")
        if not (isinstance(share, float) and 0 < share < 1):
            raise WeightsError(f"{origin}.multi_scale.share of its card must lie between 0 and 1: {share!r}")
        if not isinstance(model, str):
            raise WeightsError(f"{origin}.multi_scale.model of its card must name a model: {model!r}")
        small_size = (size[0], size[1]) if multi_scale and size is not None else None
        return cls(flip if flip_augmentation == CARD else flip_augmentation == ON, small_size, share, model)
