# SPDX-License-Identifier: Apache-2.0
"""Model card of a trained indoor depth network, as known at the end of training."""

from __future__ import annotations

from collections.abc import Mapping

from geo_perception.weights import ModelCard
from training.checkpoint import Training
from training.depth.config import PRESETS, DistDepthRecipeConfig
from training.depth.student import Saved
from training.provenance import changed_options

# Fields that leave the result as it is.
PLACES = (
    "out",
    "force",
    "run_folder",
    "cache",
    "threads",
    "accelerator",
    "devices",
    "log_every",
    "validate_every",
)


def model_card(
    config: DistDepthRecipeConfig, saved: Saved, step: int, figures: Mapping[str, float], training: Training
) -> ModelCard:
    """Make the card; figures on real frames are added by `geo-perception eval`."""
    expert = f"; expert: {config.expert}" if config.expert else ""
    return ModelCard(
        network=saved.network,
        config=saved.config,
        licence="Apache-2.0",
        trained_on=f"{', '.join(config.data)} ({config.objective.mode}{expert})",
        command=training.recipe,
        commit=training.commits,
        input={
            "type": "rgb",
            "size": list(config.loader.size),
            "layout": "NCHW",
            "range": [0.0, 1.0],
            "mean": [0.0, 0.0, 0.0],  # the network normalises by itself
            "std": [1.0, 1.0, 1.0],
            "canonical_focal": config.objective.canonical_focal,
            **multi_scale(config),
            "description": description(config),
        },
        output={
            "type": "depth",
            "layout": "NCHW",
            "unit": "see limits" if limits(config) else "m",
            "range": [
                saved.config["numerator"] * saved.config[end] for end in ("min_depth_m", "max_depth_m")
            ],
            "description": "metres, times (fx/width * fy/height)^0.5 / canonical_focal where that is not 0",
        },
        metrics={
            "held_out": {name: round(float(value), 4) for name, value in figures.items()},
            "step": step,
        },
        metrics_command=command_line(config),
        limits=limits(config),
    )


def multi_scale(config: DistDepthRecipeConfig) -> dict[str, dict[str, list[int]]]:
    """The second size in which a network of single images is to be asked: the smallest that it was trained in."""
    smallest = config.loader.sized(config.loader.shrink)
    if config.loader.shrink == 1 or smallest == config.loader.size:
        return {}
    return {"multi_scale": {"size": list(smallest)}}


def description(config: DistDepthRecipeConfig) -> str:
    """Describe the images that the network takes."""
    if config.multi_frame.enabled:
        return "RGB in 0..1 of this size, the frame before it (black = none), and intrinsics"
    return "RGB in 0..1, any size that divides by 32; trained at this one"


def limits(config: DistDepthRecipeConfig) -> tuple[str, ...]:
    """List the limits that follow from the way of training."""
    found = []
    if config.objective.mode == "temporal":
        found.append("depth has no metric scale: trained on video of one camera")
    if config.objective.mode in ("stereo", "both") and config.objective.baseline_m:
        found.append(f"depth is in units in which the stereo baseline is {config.objective.baseline_m}")
    return tuple(found)


def command_line(config: DistDepthRecipeConfig) -> str:
    """The shortest command that gives this configuration."""
    options = {name: changed_options(config, preset, PLACES) for name, (_, preset) in PRESETS.items()}
    best = min(options, key=lambda name: len(options[name]))
    return " ".join(["python -m training.recipes.distdepth", best, *options[best]])
