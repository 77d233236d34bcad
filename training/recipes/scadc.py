# SPDX-License-Identifier: Apache-2.0
"""Train the fusion network on simulated drives: `geo-perception train scadc [--network scadc] [--steps ...]`.

The whole run in view: samples, optimiser, loop, validation, checkpoint, model folder. Interrupt it whenever you
like; the same command continues.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from geo_perception.command import command_name
from geo_perception.errors import DataError, GeoPerceptionError, WeightsError
from geo_perception.evaluation import depth_metrics
from geo_perception.networks import build
from geo_perception.networks.scadc import Scadc
from geo_perception.progress import track
from geo_perception.weights import ModelCard, load_model, save_model
from training.checkpoint import load_checkpoint, save_checkpoint
from training.data.fusion import MAX_DEPTH_M, FusionBatch, prepare_samples, random_batches, whole_frames
from training.losses import choice_loss, guided_losses, scadc_losses, soft_guidance
from training.revision import revision
from training.truth import truth_weight

PLACES = ("out", "run", "samples", "workers", "threads")  # options that leave the result as it is


@dataclass(frozen=True)
class Config:
    """Defaults train the shipped model; each says why it is so."""

    network: Literal["scadc_guided", "scadc"] = "scadc_guided"  # the one that ships, or the published one
    out: Path = Path("models/scadc_guided_sim")  # model folder to write
    run: Path = Path("out/train-scadc_guided")  # checkpoints and TensorBoard
    samples: Path = Path("out/samples-drive")  # simulated samples, reused by later runs
    frames: int = 300  # training frames, each from a street of its own
    validation_frames: int = 6  # from streets of their own, never trained on
    first_seed: int = 1000  # of the simulated streets; validation streets come before it
    smooth_share: float = 0.5  # of samples with a learned matcher's kind of stereo error
    workers: int = 2  # simulation processes
    widths: tuple[int, int, int, int] = (16, 24, 32, 48)  # of the guided variant
    # model name or folder whose weights to start from, e.g. to adapt the shipped one to your data
    init: str = ""
    steps: int = 1200  # batches to learn from
    batch: int = 4  # samples in a batch
    crop: tuple[int, int] = (192, 448)  # height, width; a multiple of 16
    optimiser: Literal["adamw", "sgd"] = "adamw"  # sgd with lr 0.001 is the published setting, and needs days
    lr: float = 1e-3  # peak; rises over the first 5 % and then falls to zero as a cosine
    weight_decay: float = 5e-4  # shrinks weights by this share of the learning rate a step
    # of the confidence term; the published loss weighs it 1, which beside squared metres is nothing: 50 keeps the
    # branch of the published network alive
    confidence_weight: float = 0.2
    # of pixels just behind a nearer surface, where real streets have no truth
    behind_edges: float = 0.1
    # share of the steps after which batch norm keeps its statistics: with a batch of two those of a batch and of the
    # run differ so much that the published network is metres off when it is used
    freeze_norm: float = 1.0
    masked_confidence: bool = False  # True is as published: nothing lowers the confidence away from returns
    seed: int = 0  # of fresh weights and of the batches
    validate_every: int = 300  # steps between checkpoints, each with its figures and pictures
    threads: int = 2  # of PyTorch


def main(args: list[str] | None = None) -> None:
    """Command line entry; every field of Config is an option."""
    config = tyro.cli(Config, prog=f"{command_name()} train scadc", description=__doc__, args=args)
    train(config)


def train(config: Config) -> dict[str, float]:
    """Train, or continue, and write the model folder; returns the last validation figures."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    first, count = config.first_seed, config.validation_frames
    held_out = prepare_samples(
        config.samples, range(first - count, first), config.smooth_share, config.workers
    )
    paths = prepare_samples(
        config.samples, range(first, first + config.frames), config.smooth_share, config.workers
    )
    options = network_options(config)
    network = new_network(config, options).to(memory_format=torch.channels_last)
    optimiser = new_optimiser(network, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, config.steps))
    start = load_checkpoint(config.run, network, optimiser, schedule)
    writer = SummaryWriter(str(config.run), purge_step=start)
    batches = random_batches(paths, config.crop, config.batch, config.seed, start)
    figures: dict[str, float] = {}
    for step in track(
        range(start, config.steps), f"training {config.network}", config.steps, "step", start=start
    ):
        network.train()
        if step >= config.freeze_norm * config.steps:
            freeze_norm(network)
        losses = train_step(network, optimiser, next(batches), config)
        schedule.step()
        for name, value in losses.items():
            writer.add_scalar(f"loss/{name}", value, step)
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            figures = validate(network, config, held_out, writer, step + 1)
            save_checkpoint(config.run, step + 1, network, optimiser, schedule)
            save_model(network, config.out, model_card(config, options, step + 1, figures))
    writer.close()
    return figures


def freeze_norm(network: nn.Module) -> None:
    """Let every batch norm use the statistics it has, and keep them."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def network_options(config: Config) -> dict[str, Any]:
    """What differs from the network's own defaults."""
    if config.network == "scadc":
        return {"confidence_activation": "leaky_relu"}
    return {"widths": config.widths} if config.widths != Config.widths else {}


def train_step(
    network: nn.Module, optimiser: torch.optim.Optimizer, batch: FusionBatch, config: Config
) -> dict[str, float]:
    """One update; returns the named losses. Raises DataError when the loss is not finite, before any update."""
    losses = compute_losses(network, batch, config)
    total = torch.stack(list(losses.values())).sum()
    if not torch.isfinite(total):
        values = {name: value.item() for name, value in losses.items()}
        raise DataError(f"loss is not finite: {values}; the last checkpoint is kept")
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return {name: value.item() for name, value in losses.items()}


def compute_losses(network: nn.Module, batch: FusionBatch, config: Config) -> dict[str, Tensor]:
    """Named, weighted loss terms of a batch."""
    guidance = soft_guidance(batch.true_return)
    weight = truth_weight(batch.truth_m, share=config.behind_edges)
    output = forward(network, batch)
    if config.network == "scadc":
        losses = scadc_losses(
            output,
            trusted(batch.truth_m, weight),
            guidance,
            masked_confidence=config.masked_confidence,
        )
    else:
        losses = guided_losses(output, batch.truth_m, guidance, weight, MAX_DEPTH_M)
        known_m = torch.where(batch.truth_m > MAX_DEPTH_M, 0.0, batch.truth_m)
        losses["choice"] = choice_loss(
            output.lidar_confidence, batch.stereo_m, batch.lidar_m, known_m, weight
        )
    return {**losses, "confidence": config.confidence_weight * losses["confidence"]}


def forward(network: nn.Module, batch: FusionBatch) -> Any:
    """Run either network on a batch."""
    if hasattr(network, "scores"):
        return network(batch.features.contiguous(memory_format=torch.channels_last))
    return network(batch.stereo_m, batch.lidar_m, batch.sparse_m, batch.channel("return_mask"))


def trusted(truth_m: Tensor, weight: Tensor) -> Tensor:
    """Truth for the published loss, which knows no weights: 0 (unknown) beyond the limit and behind edges."""
    return torch.where((truth_m > MAX_DEPTH_M) | (weight < 1), torch.zeros_like(truth_m), truth_m)


def new_network(config: Config, options: dict[str, Any]) -> nn.Module:
    """A fresh network, or one with the weights of `init`. Raises WeightsError if those belong to another network."""
    network = build(config.network, **options)
    if isinstance(network, Scadc):
        start_at_depth(network)
    if config.init:
        start = load_model(config.init)
        if type(start) is not type(network):
            raise WeightsError(
                f"--init {config.init} holds {type(start).__name__}, not {type(network).__name__}"
            )
        network.load_state_dict(start.state_dict())
    return network


def start_at_depth(network: Scadc, depth_m: float = 15.0) -> None:
    """Let the first stage answer a typical depth from the start: Adam would take hundreds of steps to get there."""
    head = network.classif1[-1]
    assert isinstance(head, nn.Conv2d) and head.bias is not None
    nn.init.constant_(head.bias, depth_m)


def new_optimiser(network: nn.Module, config: Config) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum 0.9 as published."""
    if config.optimiser == "sgd":
        return torch.optim.SGD(
            network.parameters(), lr=config.lr, momentum=0.9, weight_decay=config.weight_decay
        )
    return torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear rise over 5 %, then half a cosine to zero."""
    rise = max(1, steps // 20)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


def validate(
    network: nn.Module, config: Config, paths: list[Path], writer: SummaryWriter, step: int
) -> dict[str, float]:
    """Mean RMSE and MAE over held-out frames, for the network and both inputs; a picture of the first frame."""
    network.eval()
    rows: list[dict[str, float]] = []
    with torch.inference_mode():
        for index, batch in enumerate(whole_frames(paths, 16)):
            output = forward(network, batch)
            depths = {"fused": output.depth_m, "stereo": batch.stereo_m, "lidar": batch.lidar_m}
            rows.append(errors(depths, batch.truth_m))
            if index == 0:
                add_pictures(writer, output, batch, step)
    figures = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    for name, value in figures.items():
        writer.add_scalar(f"validation/{name}", value, step)
    tqdm.write(f"step {step}: " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    return figures


def errors(depths: dict[str, Tensor], truth_m: Tensor) -> dict[str, float]:
    """RMSE and MAE of each depth map up to the cap."""
    truth = torch.where(truth_m > 0, truth_m, torch.nan)[0, 0].numpy()
    out = {}
    for name, depth in depths.items():
        metrics = depth_metrics(depth[0, 0].float().numpy(), truth, cap_m=MAX_DEPTH_M)
        out[f"{name}_rmse_m"], out[f"{name}_mae_m"] = metrics.rmse_m, metrics.mae_m
    return out


def add_pictures(writer: SummaryWriter, output: Any, batch: FusionBatch, step: int) -> None:
    """Grey image, inputs, result and confidence, one above another."""
    nearness: Iterable[Tensor] = (4 / depth for depth in (batch.stereo_m, batch.lidar_m, output.depth_m))
    rows = [batch.channel("grey"), *nearness, output.lidar_confidence]
    writer.add_image("validation", torch.cat(rows, dim=2)[0].clamp(0, 1), step)


def model_card(config: Config, options: dict[str, Any], step: int, figures: dict[str, float]) -> ModelCard:
    """What is known at the end of training; figures on real frames are added by `geo-perception eval`."""
    own = {field.name: getattr(config, field.name) for field in fields(config) if field.name not in PLACES}
    changed = {name: value for name, value in own.items() if value != getattr(Config, name)}
    settings = "".join(f" --{name.replace('_', '-')} {_words(value)}" for name, value in changed.items())
    command = f"python -m training.recipes.scadc{settings}"
    return ModelCard(
        network=config.network,
        config=dict(options),
        licence="Apache-2.0",
        trained_on=f"{config.frames} simulated street frames (simulation.drive, seeds from {config.first_seed})",
        recipe=command,
        commit=revision(),
        metrics={
            "simulated_held_out": {name: round(value, 4) for name, value in figures.items()},
            "step": step,
        },
        metrics_command=command,
        inputs="stereo depth (SGBM), completed lidar depth (morphology), visible returns; see networks/",
        outputs="depth in metres up to 80 m, lidar confidence 0..1",
    )


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    try:
        main()
    except GeoPerceptionError as error:
        sys.exit(f"error: {error}")
