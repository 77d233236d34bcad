# SPDX-License-Identifier: Apache-2.0
"""How often a network of single images is asked about each, as its card and the user say."""

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
    mirror: bool = False
    # Height and width of a second, smaller form of the image: it shows a network how a room is laid out, the larger one
    # where things end. Left out where the first is not larger.
    glance: tuple[int, int] | None = None
    share: float = 0.5  # of the glance
    model: str = ""  # that takes the glance, a name in models/ or a folder; empty: the same

    @classmethod
    def of(cls, card: ModelCard, choice: ModelChoice, mirror: str, glance: bool) -> TtaOptions:
        """What the user wants (`mirror` on, off or card), and the card. Raises WeightsError if that makes no sense."""
        origin = f"model {choice.model!r}: metrics"
        mirrored, size = card.metrics.get("mirror", False), card.metrics.get("glance")
        share, model = (
            card.metrics.get("glance_share", cls.share),
            card.metrics.get("glance_model", cls.model),
        )
        if not isinstance(mirrored, bool):
            raise WeightsError(f"{origin}.mirror of its card must be true or false: {mirrored!r}")
        if size is not None and not is_network_size(size):
            raise WeightsError(f"{origin}.glance of its card is no network size: {size!r}")
        if not (isinstance(share, float) and 0 < share < 1):
            raise WeightsError(f"{origin}.glance_share of its card must lie between 0 and 1: {share!r}")
        if not isinstance(model, str):
            raise WeightsError(f"{origin}.glance_model of its card must name a model: {model!r}")
        wanted = (size[0], size[1]) if glance and size is not None else None
        return cls(mirrored if mirror == CARD else mirror == ON, wanted, share, model)
