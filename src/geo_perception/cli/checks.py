# SPDX-License-Identifier: Apache-2.0
"""Checks of `geo-perception doctor`. A check is a function that returns one line or several."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from geo_perception import threads
from geo_perception.errors import GeoPerceptionError
from geo_perception.resources import resource
from geo_perception.ros.runtime.transport import (
    PROFILE_VARIABLE,
    SHARED_MEMORY,
    SHARED_MEMORY_CURE,
    abandoned_segments,
    shared_memory_shortage,
)

DEBIAN_PACKAGE = {  # of the shared libraries that wheels expect from the system
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libidn2.so.0": "libidn2-0",
    "libgomp.so.1": "libgomp1",
}


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    status: str  # OK, WARN (something is slower or not available) or FAIL (something will not work)
    name: str
    detail: str
    fix: str = ""


def python_version() -> list[Check]:
    """Check the version: ROS 2 Jazzy's wheels exist for 3.10 to 3.12; its Debian packages are for 3.12."""
    version = platform.python_version()
    if (3, 10) <= sys.version_info[:2] <= (3, 12):
        return [Check("OK", "python", f"{version} at {sys.prefix}")]
    return [Check("FAIL", "python", version, "use Python 3.10, 3.11 or 3.12")]


def import_check(name: str, package: str, describe: Callable[[], str]) -> Check:
    """Import a module and describe it; a missing system library is named with its Debian package."""
    try:
        import_module(name)
        return Check("OK", name, describe())
    except (ImportError, OSError) as error:
        library = re.search(r"(lib[\w.+-]+\.so[.\d]*): cannot open", str(error))
        if library is None:
            return Check("FAIL", name, str(error).splitlines()[0], f"pip install {package}")
        wanted = DEBIAN_PACKAGE.get(library[1], f"the package that holds {library[1]}")
        return Check(
            "FAIL", name, f"system library {library[1]} is missing", f"sudo apt-get install {wanted}"
        )


def numeric_packages() -> list[Check]:
    """Check NumPy, OpenCV and torch, and the device that torch can use."""
    torch = import_check("torch", "torch", _describe_torch)
    if torch.status == "FAIL":  # nothing else of this package needs it
        torch = Check(
            "WARN", "torch", f"{torch.detail} (needed by networks)", f"{torch.fix}, or fusion:=confidence"
        )
    return [
        import_check("numpy", "numpy", lambda: str(import_module("numpy").__version__)),
        import_check("cv2", "opencv-python-headless", lambda: str(import_module("cv2").__version__)),
        torch,
        *opencv_pair(),
    ]


def opencv_pair() -> list[Check]:
    """Check the pair: cv_bridge from PyPI (1.13) cannot read rgb8 with OpenCV 5, which changed its type numbers."""
    try:
        bridge, opencv = version("cv-bridge"), str(import_module("cv2").__version__)
    except (ImportError, OSError):  # PackageNotFoundError is an ImportError; ROS from apt has no such package
        return []
    if bridge.startswith("1.13") and int(opencv.split(".", maxsplit=1)[0]) >= 5:
        detail = f"cv-bridge {bridge} cannot read images beside OpenCV {opencv}"
        return [Check("FAIL", "cv_bridge", detail, "pip install 'opencv-python-headless<5'")]
    return [Check("OK", "cv_bridge", f"{bridge} beside OpenCV {opencv}")]


def processor() -> list[Check]:
    """Compare the cores that other processes leave free with the threads that networks will have."""
    cores = threads.allowed_cores()
    free = min(measured_free_cores(), float(cores))
    said = f"{free:.1f} of {cores} cores are free, load {os.getloadavg()[0]:.1f}"
    chosen = threads.chosen_number()
    number = int(chosen.split("=")[1].split(",")[0]) if chosen[-1:].isdigit() else cores
    if number <= max(1.0, free + 0.5):
        return [Check("OK", "processor", said)]
    if chosen:
        fix = f"unset {chosen.split('=')[0]}: nodes then take as many threads as cores are free"
        return [
            Check(
                "WARN", "processor", f"{said}, fewer than {chosen} threads, which wait for one another", fix
            )
        ]
    fix = "see with top what else runs; nodes follow with fewer threads, and take longer for an image"
    return [Check("WARN", "processor", f"{said}, fewer than the {number} threads of a network", fix)]


def measured_free_cores() -> float:
    """Measure the free cores over half a second."""
    free = threads.FreeCores()
    free()
    time.sleep(0.5)
    return free()


def _describe_torch() -> str:
    import torch

    threads = f"{torch.get_num_threads()} threads"
    if not torch.cuda.is_available():
        return f"{torch.__version__}, cpu only, {threads}"
    return f"{torch.__version__}, cuda ({torch.cuda.get_device_name(0)}), {threads}"


def open3d_package() -> list[Check]:
    """Check open3d. Only the simulator and PLY export need it, so that its absence is a warning."""
    check = import_check(
        "open3d", "'geo_perception[simulation]'", lambda: import_module("open3d").__version__
    )
    if check.status == "OK":
        return [check]
    return [Check("WARN", check.name, f"{check.detail} (needed by the simulator)", check.fix)]


def middleware() -> list[Check]:
    """Check rclpy, and the middleware it would use."""
    check = import_check(
        "rclpy", "'geo_perception[ros]', or source /opt/ros/jazzy/setup.bash", _describe_rclpy
    )
    if check.status != "OK" and platform.machine() != "x86_64":
        fix = "ROS 2's wheels are for x86_64: install ROS from apt on Ubuntu 24.04, or use a container (ros:jazzy)"
        return [Check("FAIL", "rclpy", check.detail, fix)]
    if check.status != "OK":
        return [check]
    if "rmw_fastrtps" not in check.detail:
        fix = "export RMW_IMPLEMENTATION=rmw_fastrtps_cpp, or tune the other one for messages of 8 MB"
        return [Check("WARN", "rclpy", f"{check.detail}: its large-message settings are not ours", fix)]
    return [check]


def _describe_rclpy() -> str:
    from rclpy.utilities import get_rmw_implementation_identifier

    domain = os.environ.get("ROS_DOMAIN_ID", "0")
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    return f"{get_rmw_implementation_identifier()}, domain {domain}, discovery {reach}"


def fastdds_profile() -> list[Check]:
    """Check the profile that lets large best-effort messages through."""
    ours = resource("config/fastdds.xml")
    path = os.environ.get(PROFILE_VARIABLE)
    if not path:
        detail = f"{PROFILE_VARIABLE} is not set (our launch files and commands set it for themselves)"
        return [Check("WARN", "Fast DDS profile", detail, f"export {PROFILE_VARIABLE}={ours}")]
    if not Path(path).is_file():
        return [
            Check("FAIL", "Fast DDS profile", f"{path} does not exist", f"export {PROFILE_VARIABLE}={ours}")
        ]
    return [Check("OK", "Fast DDS profile", path)]


def shared_memory() -> list[Check]:
    """Check the size of /dev/shm, where Fast DDS keeps its segments; containers often give it only 64 MB."""
    shortage = shared_memory_shortage()
    if shortage:
        return [Check("WARN", "shared memory", f"{shortage}; our graphs do without", SHARED_MEMORY_CURE)]
    free_mb = shutil.disk_usage(SHARED_MEMORY).free / 2**20
    return [Check("OK", "shared memory", f"{free_mb:.0f} MB free in {SHARED_MEMORY}")]


def abandoned_memory() -> list[Check]:
    """Check for segments of killed processes, which take memory until the next start."""
    sizes = [path.stat().st_size for path in abandoned_segments() if path.exists()]
    if not sizes:
        return [Check("OK", "shared memory", "none abandoned")]
    detail = f"{len(sizes)} segments of killed processes hold {sum(sizes) / 2**20:.0f} MB"
    return [Check("WARN", "shared memory", detail, "fastdds shm clean")]


def delivery(seconds: float) -> list[Check]:
    """Measure delivery with the environment as it is and, if that loses messages, with the package's profile."""
    from geo_perception.ros.delivery import measure_delivery

    count = max(1, round(10 * seconds))
    found = measure_delivery(count)
    said = f"{found.received} of {found.sent} best-effort clouds of 7.4 MB arrived"
    if found.complete:
        return [Check("OK", "delivery", f"{said}, {found.median_latency_ms:.0f} ms median")]
    ours = str(resource("config/fastdds.xml"))
    before = os.environ.get(PROFILE_VARIABLE)
    os.environ[PROFILE_VARIABLE] = ours
    try:
        better = measure_delivery(count)
    finally:
        del os.environ[PROFILE_VARIABLE]
        if before is not None:
            os.environ[PROFILE_VARIABLE] = before
    if better.complete:
        detail = f"{said}; with our profile {better.received} of {better.sent}"
        return [Check("WARN", "delivery", detail, f"export {PROFILE_VARIABLE}={ours}")]
    detail = f"{said}; with our profile {better.received} of {better.sent}, so something else is short"
    return [Check("FAIL", "delivery", detail, "free /dev/shm and the processor, then repeat")]


def models() -> list[Check]:
    """Check that every model folder loads: valid card, right sha256, weights of its network."""
    from geo_perception.weights import list_models, load_model, read_card

    checks = []
    for name, folder in list_models().items():
        try:
            load_model(folder)
            checks.append(Check("OK", "model", f"{name}: sha256 {read_card(folder).sha256[:12]}…"))
        except GeoPerceptionError as error:
            checks.append(
                Check("FAIL", "model", f"{name}: {error}", "restore the folder, or import it again")
            )
    return checks or [Check("WARN", "model", "no trained model is installed", "geo-perception weights list")]


def launch_tools() -> list[Check]:
    """Check ros2cli and launch_ros, which a robot has; elsewhere `geo-perception launch` starts the same graphs."""
    if shutil.which("ros2"):
        return [Check("OK", "launch", f"{shutil.which('ros2')}")]
    return [Check("OK", "launch", "no ros2 command here; `geo-perception launch` starts the same graphs")]
