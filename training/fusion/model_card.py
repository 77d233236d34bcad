# SPDX-License-Identifier: Apache-2.0
"""Model card of a trained fusion network, as known at the end of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from geo_perception.weights import ModelCard
from training.checkpoint import Training
from training.data.fusion import MAX_DEPTH_M


class Trained(Protocol):
    """Part of a recipe's configuration that the card states."""

    @property
    def network(self) -> str: ...
    @property
    def frames(self) -> int: ...
    @property
    def first_seed(self) -> int: ...


def model_card(
    config: Trained, options: Mapping[str, Any], step: int, figures: Mapping[str, float], training: Training
) -> ModelCard:
    """Make the card; figures on real frames are added by `geo-perception eval`."""
    return ModelCard(
        network=config.network,
        config=dict(options),
        licence="Apache-2.0",
        trained_on=f"{config.frames} simulated street frames (simulation.drive, seeds from {config.first_seed})",
        command=training.recipe,
        commit=training.commits,
        input={
            "layout": "NCHW",
            "description": "stereo depth (SGBM), completed lidar depth (morphology), visible returns; see networks/",
        },
        output={
            "type": "depth",
            "layout": "NCHW",
            "unit": "m",
            "range": [0.0, MAX_DEPTH_M],
            "description": "depth in metres up to 80 m, lidar confidence 0..1",
        },
        metrics={
            "simulated_held_out": {name: round(value, 4) for name, value in figures.items()},
            "step": step,
        },
        metrics_command=training.parts[-1].command,
    )
