# SPDX-License-Identifier: Apache-2.0
"""Train indoor depth: `geo-perception train distdepth PRESET --data simsin:FOLDER:LIST ...`.

Presets: rooms, supervised, stereo, temporal, both, thesis, public-2024, monodepth2, depth-hints, manydepth,
distdepth-m. The whole run in view: cache, networks, loop, validation, checkpoint, model folder. Interrupt it whenever
you like; the same command continues. Several processes: `--devices 2`, or start it with torchrun.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import torch
import tyro
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from geo_perception.command import command_name
from geo_perception.evaluation.indoor_depth.baselines import MEAN_MAP_FILE
from geo_perception.progress import Progress
from geo_perception.weights import save_model
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
from training.data.depth import Cache, IndoorBatch, Loader, build_cache
from training.depth.config import PRESETS, DistDepthRecipeConfig, check_config, open_data
from training.depth.initialization import laid_out, new_student
from training.depth.mean_depth import mean_depth_map
from training.depth.model_card import command_line, model_card
from training.depth.multi_frame import MultiFrameStudent
from training.depth.student import FRAMES, LossOutput, StepNoise, Student
from training.depth.teacher import Expert, make_expert
from training.depth.validation import validate
from training.distributed import current_ranks
from training.fabric import new_fabric
from training.finite import averaged, check_finite, check_weights
from training.losses.photometric import tampered
from training.optim import cosine_with_warmup, freeze_norms
from training.options import parsed, plain_options
from training.places import alone, check_places
from training.provenance import revision
from training.run_log import RunLog, health, write_health

RUN = "--run-folder"
# Options that a continued training may change: how long, where, how fast, and how it is logged. `data` is compared by
# its content.
FREE = (
    "steps", "data", "validation", "validation-images", "log-every", "validate-every", "out", "force", "run-folder",
    "cache", "accelerator", "devices", "threads", "loader.workers", "channels-last", "half",
)  # fmt: skip
EARLY = (1, 20, 100, 500)  # steps after which the run's health is reported


def main(args: list[str] | None = None) -> None:
    """Run the command line; every field of DistDepthRecipeConfig is an option of every preset."""
    read = partial(
        tyro.extras.overridable_config_cli, prog=f"{command_name()} train distdepth", description=__doc__
    )
    config = parsed(lambda: read(PRESETS, args=args))
    with memory_named("--loader.batch, --loader.size or --loader.workers"):
        train(config)


def train(config: DistDepthRecipeConfig) -> dict[str, float]:
    """Train, or continue, and write the model folder; return the last validation figures."""
    found = check(config)
    with alone(config.run_folder, RUN):
        return learn(config, found)


def learn(config: DistDepthRecipeConfig, found: Checkpoint | None) -> dict[str, float]:
    """Run the training, from a checkpoint on if there is one."""
    fabric = new_fabric(config)
    student = new_student(config).to(fabric.device)
    expert = make_expert(config.expert, fabric.device, config.seed)
    frames = FRAMES[config.objective.mode]
    if fabric.global_rank == 0:  # the others find the caches built
        caches = open_caches(config, frames)
    fabric.barrier()
    cache, held_out = caches if fabric.global_rank == 0 else open_caches(config, frames)
    check_data_same(found, cache.digest, RUN)
    loader = Loader(cache, config.loader, fabric.global_rank, fabric.world_size)
    optimiser = new_optimiser(student, config)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, config))
    mean = running_mean(student, config)
    kept = student if mean is None else nn.ModuleList((student, mean))
    best = student if mean is None else mean.module
    assert isinstance(best, Student | MultiFrameStudent)
    start = restore(found, kept, optimiser, schedule)
    training = Training(plain_options(config), cache.digest).continued(
        found.training if found else None, start, command_line(config), revision()
    )
    model, wrapped = fabric.setup(student, optimiser)
    log = RunLog(config.run_folder, start) if fabric.global_rank == 0 else None
    beside = beside_weights(cache, config) if log else {}
    figures: dict[str, float] = {}
    progress = Progress(
        f"training {config.objective.mode}", config.steps, "step", start=start, hidden=log is None
    )
    clock = time.perf_counter()
    for batch in loader.batches(start):
        step = batch.step
        if step >= config.steps:
            break
        judged = train_step(fabric, model, wrapped, student, batch.to(fabric.device), config, expert)
        schedule.step()
        if mean is not None:
            mean.update_parameters(student)
        progress.update()
        if (step + 1) % config.log_every == 0 or step + 1 in EARLY:
            judged = judged._replace(terms=averaged(judged.terms, current_ranks()))
            if log:
                clock = report(
                    log, step, judged, batch, config, clock, float(schedule.get_last_lr()[0]), cache.remarks
                )
        if (step + 1) % config.validate_every == 0 or step + 1 == config.steps:
            if log:
                check_weights(student, step + 1)
                figures = validate(best, held_out, config, log, step + 1)
                save_checkpoint(config.run_folder, step + 1, kept, optimiser, schedule, training)
                save(best, config, step + 1, figures, beside, training)
            fabric.barrier()
    if log:
        if start == config.steps:  # nothing was left to train: the model is written to the present folder
            figures = validate(best, held_out, config, log, start)
            save(best, config, start, figures, beside, training)
        log.close()
    progress.close()
    return figures


def check(config: DistDepthRecipeConfig) -> Checkpoint | None:
    """Check everything that can be checked before the work; return the checkpoint to continue, if any.

    Raises:
        GeoPerceptionError: a check failed.
    """
    check_config(config)
    for text in (*config.data, *config.validation):
        open_data(text)
    check_places(config.out, {RUN: config.run_folder, "--cache": config.cache}, force=config.force)
    found = read_checkpoint(config.run_folder, RUN)
    check_options_same(found, plain_options(config), FREE, RUN)
    check_steps(found, config.steps, RUN)
    return found


def open_caches(config: DistDepthRecipeConfig, frames: tuple[str, ...]) -> tuple[Cache, Cache | None]:
    """Open the caches of training and validation images."""
    height, width = config.loader.size
    kept = round(height * config.keep), round(width * config.keep)
    training = [open_data(text) for text in config.data]
    cache = build_cache(training, frames, kept, config.cache, hints=config.objective.hints)
    if not config.validation:
        return cache, None
    shown = ("0", "-1") if config.multi_frame.enabled else ("0",)
    held_out = [open_data(text) for text in config.validation]
    return cache, build_cache(held_out, shown, config.loader.size, config.cache)


def new_optimiser(student: nn.Module, config: DistDepthRecipeConfig) -> torch.optim.Optimizer:
    """Make AdamW with the published weight decay, or Adam."""
    trained = [p for p in student.parameters() if p.requires_grad]
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adam
    # fused: one pass over the memory instead of ten; it takes the loss scaler's part, which float16 clips behind
    return kind(trained, lr=config.lr, fused=config.precision != "16-mixed")


def running_mean(student: nn.Module, config: DistDepthRecipeConfig) -> AveragedModel | None:
    """Make the running mean of weights and of batch norms' statistics; None where it is off."""
    if not config.average:
        return None
    return AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(config.average), use_buffers=True)


def rate(step: int, config: DistDepthRecipeConfig) -> float:
    """Compute the share of the learning rate: a step to a tenth after 70 %, or a short rise and half a cosine."""
    if config.schedule == "step":
        return 1.0 if step < 0.7 * config.steps else 0.1
    return cosine_with_warmup(step, config.steps, max(1, min(500, config.steps // 20)), floor=0.02)


def train_step(
    fabric: Fabric,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    student: Student | MultiFrameStudent,
    batch: IndoorBatch,
    config: DistDepthRecipeConfig,
    expert: Expert | None,
) -> LossOutput:
    """Do one update. Raises DataError, before any update, when a term is not finite."""
    student.set_progress(batch.step / config.steps)
    if config.freeze_norms:
        freeze_norms(student)
    ranks = current_ranks()
    step_noise = draw(batch, config, fabric)
    prediction = model(*(laid_out(value, config) for value in student.inputs(batch, step_noise)))
    target = expert(batch) if expert else None
    judged = student.compute_losses(prediction, batch, config.objective, target, step_noise, ranks)
    check_finite(judged.terms, batch.step, ranks)
    optimiser.zero_grad(set_to_none=True)
    fabric.backward(torch.stack(list(judged.terms.values())).sum())
    if config.clip:
        fabric.clip_gradients(model, optimiser, max_norm=config.clip, error_if_nonfinite=False)
    optimiser.step()
    return judged


def draw(batch: IndoorBatch, config: DistDepthRecipeConfig, fabric: Fabric) -> StepNoise:
    """Draw this process's part of the step's noise."""
    generator = torch.Generator().manual_seed(config.seed * 1_000_003 + batch.step)
    share, whole = len(batch.K), config.loader.batch
    own, device = slice(fabric.global_rank * share, (fabric.global_rank + 1) * share), batch.K.device
    noise = None
    if config.tie_break:
        shape = (max(1, len(batch.true) - 1), whole, 1, *config.loader.size)
        noise = torch.randn(shape, generator=generator)[:, own].to(device)
    still, withheld = tampered(whole, generator, config.multi_frame.tampered)
    return StepNoise(noise, still[own].to(device), withheld[own].to(device))


def beside_weights(cache: Cache, config: DistDepthRecipeConfig) -> dict[str, NDArray[np.float16]]:
    """Compute the arrays that go into the model folder with the weights."""
    mean_m = mean_depth_map(cache, config.objective.canonical_focal)
    return {} if mean_m is None else {MEAN_MAP_FILE: mean_m}


def save(
    student: Student | MultiFrameStudent,
    config: DistDepthRecipeConfig,
    step: int,
    figures: Mapping[str, float],
    beside: Mapping[str, NDArray[np.float16]],
    training: Training,
) -> None:
    """Replace the model folder."""
    saved = student.saved()
    card = model_card(config, saved, step, figures, training)
    save_model(saved.module, config.out, card, beside, half=config.half)


def report(
    log: RunLog,
    step: int,
    judged: LossOutput,
    batch: IndoorBatch,
    config: DistDepthRecipeConfig,
    since: float,
    lr: float,
    remarks: Sequence[str] = (),
) -> float:
    """Log the curves of the step and, at some early steps, the run's health; return the time for the next call."""
    now = time.perf_counter()
    values = {f"loss/{name}": float(value.detach()) for name, value in judged.terms.items()}
    values |= {"loss/total": sum(values.values()), "lr": lr}
    values |= {"samples_per_s": config.loader.batch * config.log_every / max(now - since, 1e-9)}
    if torch.isfinite(judged.warped_share):
        values["warped_share"] = float(judged.warped_share)
    log.add(step, values)
    if step + 1 in EARLY:
        near_m, far_m = config.depth.min_depth_m, config.depth.max_depth_m
        limits_m = config.depth.numerator * near_m, config.depth.numerator * far_m
        found = health(judged.depth_m, batch.depth_m, judged.warped_share, limits_m)
        found["warnings"] = [*remarks, *found["warnings"]]  # what is odd about the data first
        write_health(log.path.parent, step + 1, found)
        for warning in found["warnings"]:
            tqdm.write(f"step {step + 1}: {warning}")
        rows = {"seen": batch.seen["0"], "depth": judged.depth_m}
        log.picture("training", rows | ({"truth": batch.depth_m} if batch.depth_m.numel() else {}), step)
    return now


if __name__ == "__main__":
    run_recipe(main)
