# SPDX-License-Identifier: Apache-2.0
"""The environment a graph runs in: Fast DDS profile for large messages, ament prefix, this-machine-only mode.

No rclpy here: launch files and the command line read it before any node exists.
"""

from __future__ import annotations

import fcntl
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path

from geo_perception.resources import resource

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"  # the name that Fast DDS 2.x of ROS 2 Jazzy reads
PROFILES = {False: "config/fastdds.xml", True: "config/fastdds_localhost.xml"}
SHARED_MEMORY = Path("/dev/shm")
DOMAINS = (1, 101)  # the ids whose ports are free of the ephemeral range on Linux


def transport_environment(base: Mapping[str, str], *, localhost: bool = False) -> dict[str, str]:
    """Variables to add so that large messages arrive; a profile the user has set is left alone.

    Raises:
        ConfigError: the profile is not installed.
    """
    if base.get(PROFILE_VARIABLE):
        return {}
    return {PROFILE_VARIABLE: str(resource(PROFILES[localhost]))}


def abandoned_segments(folder: Path = SHARED_MEMORY) -> list[Path]:
    """Shared memory that killed processes left behind; Fast DDS locks a file beside each segment while it is used."""
    locks = folder.glob("fastrtps_[0-9a-f]*_el")
    return [lock.with_name(lock.name.removesuffix("_el")) for lock in locks if not _locked(lock)]


def _locked(path: Path) -> bool:
    try:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held, gone meanwhile, or another user's: nothing to be said of it
        return True
    return False


def environment(base: Mapping[str, str] | None = None, *, localhost: bool = False) -> dict[str, str]:
    """A complete environment for a node process.

    Args:
        base: what to start from, by default this process's environment.
        localhost: keep discovery and data on this machine, on a ROS domain of its own: for tests, demo and
            benchmarks. A ROS_DOMAIN_ID set by the user is kept.
    """
    env = dict(os.environ if base is None else base)
    env.update(transport_environment(env, localhost=localhost))
    if not env.get("AMENT_PREFIX_PATH") and (Path(sys.prefix) / "share" / "ament_index").is_dir():
        env["AMENT_PREFIX_PATH"] = sys.prefix  # rclpy from wheels finds its middleware there
    if localhost:
        env["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        env.setdefault("ROS_DOMAIN_ID", str(random.SystemRandom().randint(*DOMAINS)))
    return env
