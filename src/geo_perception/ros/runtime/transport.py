# SPDX-License-Identifier: Apache-2.0
"""The environment a graph runs in: Fast DDS profile for large messages, ament prefix, this-machine-only mode.

No rclpy here: launch files and the command line read it before any node exists.
"""

from __future__ import annotations

import fcntl
import os
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from geo_perception.resources import resource

PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"  # the name that Fast DDS 2.x of ROS 2 Jazzy reads
PROFILES = {False: "config/fastdds.xml", True: "config/fastdds_localhost.xml"}
# Without shared memory. On a robot by UDP, which drivers with any profile understand; among our own processes by TCP.
SMALL_PROFILES = {False: "config/fastdds_udp.xml", True: "config/fastdds_tcp_localhost.xml"}
SHARED_MEMORY = Path("/dev/shm")
SHARED_MEMORY_NEEDED_MB = 256  # a node, its drivers or replay, and a listener: segments of 64 MB each
SHARED_MEMORY_CURE = "docker run --shm-size=1g, or mount -o remount,size=1g /dev/shm"
DOMAINS = (1, 101)  # the ids whose ports are free of the ephemeral range on Linux


def transport_environment(
    base: Mapping[str, str], *, localhost: bool = False, said: Callable[[str], None] | None = None
) -> dict[str, str]:
    """Variables to add so that large messages arrive; a profile the user has set is left alone.

    Where shared memory is short, Fast DDS could not make its segments, or would run out of them between messages: then
    the profile is one without, and `said` gets a warning (by default it is written to stderr).

    Raises:
        ConfigError: the profile is not installed.
    """
    if base.get(PROFILE_VARIABLE):
        return {}
    shortage = shared_memory_shortage()
    if shortage:
        way = "by TCP, which is slower" if localhost else "by UDP, which may lose large ones"
        (said or _warn)(f"{shortage}: messages go {way}. Cure: {SHARED_MEMORY_CURE}")
    return {PROFILE_VARIABLE: str(resource((SMALL_PROFILES if shortage else PROFILES)[localhost]))}


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr, flush=True)


def shared_memory_shortage(folder: Path = SHARED_MEMORY) -> str:
    """Describe a shortage of shared memory; empty where there is enough for the graphs of this package."""
    try:
        status = os.statvfs(folder)
    except OSError as error:
        return f"{folder}: {error.strerror}"
    free_mb = status.f_bavail * status.f_frsize / 2**20
    if free_mb >= SHARED_MEMORY_NEEDED_MB:
        return ""
    return f"{folder} has {free_mb:.0f} MB free, {SHARED_MEMORY_NEEDED_MB} MB are needed"


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
