# SPDX-License-Identifier: Apache-2.0
"""The backends of each stage by name. A new one is one function here and one line in its table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image
from geo_perception.errors import ConfigError
from geo_perception.pipelines.common import ModelChoice
from geo_perception.pipelines.stereo_lidar_fusion.confidence_fusion import confidence_fusion
from geo_perception.pipelines.stereo_lidar_fusion.estimates import FusionInputs
from geo_perception.pipelines.stereo_lidar_fusion.morphological_completion import complete_morphology
from geo_perception.pipelines.stereo_lidar_fusion.sgbm import Sgbm, SgbmConfig

if TYPE_CHECKING:  # weights need torch, which the classical backends do without
    from geo_perception.weights import ModelCard


class StereoMatcher(Protocol):
    """Rectified RGB pair -> dense disparity (H, W) px and matched mask (H, W)."""

    def search(self, wanted_px: int) -> int:
        """Disparities that it tries when asked for `wanted_px`."""

    def __call__(self, left: Image, right: Image, search_px: int) -> tuple[Array, NDArray[np.bool_]]:
        """Disparity and what of it was matched; `search_px` as `search` takes it."""


# visible returns (H, W) m and left RGB image -> dense depth (H, W) m, NaN everywhere without returns
LidarCompleter = Callable[[Array, Image], Array]
# both estimates -> depth (H, W) m and lidar confidence (H, W)
Fuser = Callable[[FusionInputs], tuple[Array, Array]]


def _sgbm(choice: ModelChoice) -> tuple[StereoMatcher, ModelCard | None]:
    return Sgbm(), None


def _sgbm_fast(choice: ModelChoice) -> tuple[StereoMatcher, ModelCard | None]:
    return Sgbm(SgbmConfig(column_step=2)), None


def _psmnet(choice: ModelChoice) -> tuple[StereoMatcher, ModelCard | None]:
    from geo_perception.pipelines.stereo_lidar_fusion.learned_stages import LearnedStereo

    backend = LearnedStereo(choice)
    return backend, backend.card


def _morphology(choice: ModelChoice) -> tuple[LidarCompleter, ModelCard | None]:
    return lambda sparse_depth_m, left: complete_morphology(sparse_depth_m), None


def _ssdc(choice: ModelChoice) -> tuple[LidarCompleter, ModelCard | None]:
    from geo_perception.pipelines.stereo_lidar_fusion.learned_stages import LearnedCompletion

    backend = LearnedCompletion(choice)
    return backend, backend.card


def _confidence(choice: ModelChoice) -> tuple[Fuser, ModelCard | None]:
    return confidence_fusion, None


def _scadc(choice: ModelChoice) -> tuple[Fuser, ModelCard | None]:
    from geo_perception.pipelines.stereo_lidar_fusion.learned_fusion import LearnedFusion

    backend = LearnedFusion(choice)
    return backend, backend.card


STEREO: dict[str, Callable[[ModelChoice], tuple[StereoMatcher, ModelCard | None]]] = {
    "sgbm": _sgbm,
    "sgbm_fast": _sgbm_fast,
    "psmnet": _psmnet,
}
COMPLETION: dict[str, Callable[[ModelChoice], tuple[LidarCompleter, ModelCard | None]]] = {
    "morphology": _morphology,
    "ssdc": _ssdc,
}
FUSION: dict[str, Callable[[ModelChoice], tuple[Fuser, ModelCard | None]]] = {
    "confidence": _confidence,
    "scadc": _scadc,
}


def check_choice(stage: str, name: str, table: dict[str, object]) -> None:
    """Raise ConfigError, listing what exists, unless `name` is in the table."""
    if name not in table:
        raise ConfigError(f"{stage} must be one of {sorted(table)}, got {name!r}")
