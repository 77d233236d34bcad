# SPDX-License-Identifier: Apache-2.0
"""Processes and devices of a training, chosen by options or torchrun alone, whatever else the environment holds."""

from __future__ import annotations

import os

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy

from geo_perception.errors import ConfigError
from training.depth.config import DistDepthRecipeConfig

ACCELERATORS = ("cpu", "cuda", "gpu", "mps", "auto")
STARTED = "GEO_PERCEPTION_TRAINING"  # set for the processes that a training starts itself
LAUNCHED = "LOCAL_RANK"  # set for each of a launcher's processes
SLURM_TASKS = "SLURM_STEP_NUM_TASKS"  # that one srun started


def new_fabric(config: DistDepthRecipeConfig) -> Fabric:
    """Launch the Fabric of this process.

    Raises:
        ConfigError: devices that this machine does not have, or processes started by another launcher than torchrun.
    """
    elastic = "TORCHELASTIC_RUN_ID" in os.environ
    devices = int(os.environ["LOCAL_WORLD_SIZE"]) if elastic else config.devices  # as torchrun sets it
    check_launcher(elastic)
    accelerator = check_devices(config.accelerator, devices, config.precision)
    if config.loader.batch % devices:
        raise ConfigError(
            f"--loader.batch {config.loader.batch} cannot be shared equally by --devices {devices}"
        )
    if config.threads:
        torch.set_num_threads(config.threads)
    # a resting teacher's weights get no gradient, which the others would wait for
    strategy = (
        DDPStrategy(find_unused_parameters=config.multi_frame.enabled) if devices > 1 or elastic else "auto"
    )
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        strategy=strategy,
        precision=config.precision,
        # named, or Fabric would take SLURM's, LSF's or MPI's word for the processes of a plain command
        plugins=[TorchElasticEnvironment() if elastic else LightningEnvironment()],
    )
    if devices > 1 and not elastic:
        os.environ[STARTED] = "1"
    fabric.launch()
    torch.manual_seed(config.seed)
    return fabric


def check_launcher(elastic: bool) -> None:
    """Raise ConfigError if this is one of several processes that would each run a training of its own."""
    if elastic or STARTED in os.environ:
        return
    tasks = os.environ.get(SLURM_TASKS, "1")
    if tasks != "1":
        raise ConfigError(
            f"srun started {tasks} tasks, each of which would be a training of its own: start one (srun --ntasks 1) "
            "and give --devices, or start it with torchrun"
        )
    if LAUNCHED in os.environ:
        raise ConfigError(
            f"the environment holds {LAUNCHED}={os.environ[LAUNCHED]}, as of a process that a launcher started: "
            "start the training with torchrun, or unset it and give --devices"
        )


def check_devices(accelerator: str, devices: int, precision: str) -> str:
    """Return the accelerator's name. Raises ConfigError unless this machine has as many devices as requested."""
    if accelerator not in ACCELERATORS:
        raise ConfigError(f"--accelerator must be one of {', '.join(ACCELERATORS)}, got {accelerator!r}")
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    name = {"gpu": "mps" if counts["mps"] else "cuda"}.get(accelerator, accelerator)
    if name == "auto":
        name = next((kind for kind, count in counts.items() if count), "cpu")
    if name in counts and devices > counts[name]:
        raise ConfigError(
            f"--accelerator {accelerator} with --devices {devices}: PyTorch sees {counts[name]} such devices here"
        )
    if name == "cpu" and precision == "16-mixed":
        raise ConfigError("--precision 16-mixed needs a GPU; processors take 32-true and bf16-mixed")
    return name
