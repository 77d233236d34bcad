# SPDX-License-Identifier: Apache-2.0
"""Train the fusion network on simulated drives: `geo-perception train scadc [--network scadc] [--steps ...]`.

The whole run in view: samples, optimiser, loop, validation, checkpoint, model folder. Interrupt it whenever you
like; the same command continues.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from geo_perception.command import command_name
from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks import build
from geo_perception.networks.scadc import Scadc
from geo_perception.progress import track
from geo_perception.weights import load_model, save_model
from training.checkpoint import (
    Checkpoint,
    Training,
    check_data_same,
    check_options_same,
    check_steps,
    read_checkpoint,
    restore,
    save_checkpoint,
)
from training.command import memory_named, run_recipe
from training.data.fusion import (
    MAX_DEPTH_M,
    FusionBatch,
    prepare_samples,
    random_batches,
    sample_key,
)
from training.distributed import current_ranks
from training.finite import check_finite, check_weights
from training.fusion.model_card import model_card
from training.fusion.validation import forward, validate
from training.losses.ground_truth_weight import truth_weight
from training.losses.scadc import choice_loss, guided_losses, scadc_losses, soft_guidance
from training.optim import channels_last, cosine_with_warmup, freeze_norms
from training.options import COUNT, SEED, SHARE, WEIGHT, Range, check_options, parsed, plain_options
from training.places import alone, check_places
from training.provenance import changed_options, revision

PLACES = ("out", "force", "run", "samples", "workers", "threads")  # fields that leave the result as it is
# Options that a continued training may change.
FREE = (*PLACES, "steps", "validation-frames", "validate-every")


@dataclass(frozen=True)
class ScadcRecipeConfig:
    """Defaults train the shipped model; each says why it is so."""

    network: Literal["scadc_guided", "scadc"] = "scadc_guided"  # the one that ships, or the published one
    out: Path = Path("out/scadc_guided")  # model folder to write
    force: bool = False  # write into the folder of a model that comes with the package, too
    run: Path = Path("out/train-scadc_guided")  # checkpoints and TensorBoard
    samples: Path = Path("out/samples-drive")  # simulated samples, reused by later runs
    frames: Annotated[int, Range(1, 10**6)] = 300  # training frames, each from a street of its own
    validation_frames: Annotated[int, Range(1, 10**4)] = 6  # from streets of their own, never trained on
    first_seed: Annotated[int, SEED] = 1000  # of the simulated streets; validation streets come before it
    smooth_share: Annotated[float, SHARE] = 0.5  # of samples with a learned matcher's kind of stereo error
    workers: Annotated[int, Range(1, 1024)] = 2  # simulation processes
    widths: Annotated[tuple[int, int, int, int], Range(4, 4096)] = (16, 24, 32, 48)  # of the guided variant
    # model name or folder whose weights to start from, e.g. to adapt the shipped one to your data
    init: str = ""
    steps: Annotated[int, COUNT] = 1200  # batches to learn from
    batch: Annotated[int, Range(1, 65536)] = 4  # samples in a batch
    # height, width; a multiple of 16
    crop: Annotated[tuple[int, int], Range(32, 4096, multiple=16)] = (192, 448)
    optimiser: Literal["adamw", "sgd"] = "adamw"  # sgd with lr 0.001 is the published setting, and needs days
    # peak; rises over the first 5 % and then falls to zero as a cosine
    lr: Annotated[float, Range(0, 10, above=True)] = 1e-3
    # shrinks weights by this share of the learning rate a step
    weight_decay: Annotated[float, Range(0, 1)] = 5e-4
    # of the confidence term; the published loss weighs it 1, which beside squared metres is nothing: 50 keeps the
    # branch of the published network alive
    confidence_weight: Annotated[float, WEIGHT] = 0.2
    # of pixels just behind a nearer surface, where real streets have no truth
    behind_edges: Annotated[float, SHARE] = 0.1
    # share of the steps after which batch norm keeps its statistics: with a batch of two those of a batch and of the
    # run differ so much that the published network is metres off when it is used
    freeze_norm: Annotated[float, SHARE] = 1.0
    masked_confidence: bool = False  # True is as published: nothing lowers the confidence away from returns
    seed: Annotated[int, SEED] = 0  # of fresh weights and of the batches
    # steps between checkpoints, each with its figures and images
    validate_every: Annotated[int, COUNT] = 300
    threads: Annotated[int, Range(1, 1024)] = 2  # of PyTorch


def main(args: list[str] | None = None) -> None:
    """Run the command line; every field of ScadcRecipeConfig is an option."""
    read = partial(tyro.cli, prog=f"{command_name()} train scadc", description=__doc__)
    config = parsed(lambda: read(ScadcRecipeConfig, args=args))
    with memory_named("--batch, --crop or --workers"):
        train(config)


def train(config: ScadcRecipeConfig) -> dict[str, float]:
    """Train, or continue, and write the model folder; return the last validation figures."""
    found = check(config)
    with alone(config.run, "--run"):
        return learn(config, found)


def learn(config: ScadcRecipeConfig, found: Checkpoint | None) -> dict[str, float]:
    """Run the training, from a checkpoint on if there is one."""
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    options = network_options(config)
    network = channels_last(new_network(config, options))
    first, count = config.first_seed, config.validation_frames
    held_out = prepare_samples(
        config.samples, range(first - count, first), config.smooth_share, config.workers
    )
    paths = prepare_samples(
        config.samples, range(first, first + config.frames), config.smooth_share, config.workers
    )
    optimiser = new_optimiser(network, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, config.steps))
    start = restore(found, network, optimiser, schedule)
    training = Training(plain_options(config), sample_key(config.smooth_share)).continued(
        found.training if found else None, start, command_line(config), revision()
    )
    writer = SummaryWriter(str(config.run), purge_step=start)
    batches = random_batches(paths, config.crop, config.batch, config.seed, start)
    figures: dict[str, float] = {}
    for step in track(
        range(start, config.steps), f"training {config.network}", config.steps, "step", start=start
    ):
        network.train()
        if step >= config.freeze_norm * config.steps:
            freeze_norms(network)
        losses = train_step(network, optimiser, next(batches), config, step)
        schedule.step()
        for name, value in losses.items():
            writer.add_scalar(f"loss/{name}", value, step)
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            check_weights(network, step + 1)
            figures = validate(network, held_out, writer, step + 1)
            save_checkpoint(config.run, step + 1, network, optimiser, schedule, training)
            save_model(network, config.out, model_card(config, options, step + 1, figures, training))
    if start == config.steps:  # nothing was left to train: the model is written to the present folder
        figures = validate(network, held_out, writer, start)
        save_model(network, config.out, model_card(config, options, start, figures, training))
    writer.close()
    return figures


def check(config: ScadcRecipeConfig) -> Checkpoint | None:
    """Check everything that can be checked before the work; return the checkpoint to continue, if any.

    Raises:
        GeoPerceptionError: a check failed.
    """
    check_options(config)
    if config.first_seed < config.validation_frames:
        raise ConfigError(
            f"--first-seed must be at least --validation-frames {config.validation_frames}, whose streets come before "
            f"it, got {config.first_seed}"
        )
    check_places(config.out, {"--run": config.run, "--samples": config.samples}, force=config.force)
    found = read_checkpoint(config.run, "--run")
    check_options_same(found, plain_options(config), FREE, "--run")
    check_data_same(found, sample_key(config.smooth_share), "--run")
    check_steps(found, config.steps, "--run")
    return found


def command_line(config: ScadcRecipeConfig) -> str:
    """The shortest command that gives this configuration."""
    options = changed_options(config, ScadcRecipeConfig(), PLACES)
    return " ".join(["python -m training.recipes.scadc", *options])


def network_options(config: ScadcRecipeConfig) -> dict[str, Any]:
    """Collect the options that differ from the network's own defaults."""
    if config.network == "scadc":
        return {"confidence_activation": "leaky_relu"}
    return {"widths": config.widths} if config.widths != ScadcRecipeConfig.widths else {}


def train_step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: FusionBatch,
    config: ScadcRecipeConfig,
    step: int,
) -> dict[str, float]:
    """Do one update; return the named losses. Raises DataError, before any update, when a term is not finite."""
    losses = compute_losses(network, batch, config)
    check_finite(losses, step, current_ranks())
    optimiser.zero_grad(set_to_none=True)
    torch.stack(list(losses.values())).sum().backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return {name: value.item() for name, value in losses.items()}


def compute_losses(network: nn.Module, batch: FusionBatch, config: ScadcRecipeConfig) -> dict[str, Tensor]:
    """Compute the named, weighted loss terms of a batch."""
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


def trusted(truth_m: Tensor, weight: Tensor) -> Tensor:
    """Mask truth for the published loss, which has no weights: 0 (unknown) beyond the limit and behind edges."""
    return torch.where((truth_m > MAX_DEPTH_M) | (weight < 1), torch.zeros_like(truth_m), truth_m)


def new_network(config: ScadcRecipeConfig, options: dict[str, Any]) -> nn.Module:
    """Make a fresh network, or one with the weights of `init`. Raises WeightsError for those of another network."""
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
    """Let the first stage predict a typical depth from the start: Adam would take hundreds of steps to get there."""
    head = network.classif1[-1]
    assert isinstance(head, nn.Conv2d) and head.bias is not None
    nn.init.constant_(head.bias, depth_m)


def new_optimiser(network: nn.Module, config: ScadcRecipeConfig) -> torch.optim.Optimizer:
    """Make AdamW, or SGD with momentum 0.9 as published."""
    if config.optimiser == "sgd":
        return torch.optim.SGD(
            network.parameters(), lr=config.lr, momentum=0.9, weight_decay=config.weight_decay
        )
    return torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)


def rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear rise over 5 %, then half a cosine to zero."""
    return cosine_with_warmup(step, steps, max(1, steps // 20))


if __name__ == "__main__":
    run_recipe(main)
