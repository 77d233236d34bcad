# SPDX-License-Identifier: Apache-2.0
"""A missing package is one line that says how to get it, or how to do without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from geo_perception.dependencies import cure, missing_dependency, require


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ("torch", "fusion:=confidence"),
        ("torch.nn", "pip install torch"),
        ("open3d", "pip install '.[simulation]'"),
        ("lightning_fabric", "pip install '.[train]'"),
        ("tensorboard", "pip install '.[train]'"),
        ("rclpy", "pip install '.[ros]'"),
        ("sensor_msgs.msg", "/opt/ros/jazzy/setup.bash"),
        ("some_thing", "pip install some-thing"),
    ],
)
def test_the_cure_of_a_package(package: str, says: str) -> None:
    assert says in cure(package)


def test_a_package_that_is_there_and_does_not_load_is_told_apart() -> None:
    absent = missing_dependency("`x`", ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert str(absent).startswith("`x` needs the package torch, which is not installed: install PyTorch")
    broken = missing_dependency("`x`", ImportError("libcudart.so.12:\n cannot open", name="torch"))
    assert str(broken).startswith("`x` needs a package that does not load (libcudart.so.12: cannot open): ")


def test_require_names_what_is_missing() -> None:
    require("json", "os.path")
    with pytest.raises(ImportError, match="no_such_package"):
        require("no_such_package.msg")


@pytest.mark.ros
@pytest.mark.parametrize(
    ("absent", "words", "says"),
    [
        ("rclpy", ("launch", "kitti_fusion"), "`launch` needs the package rclpy"),
        ("rclpy", ("demo",), "`demo` needs the package rclpy"),
        ("torch", ("train", "scadc"), "`train` needs the package torch"),
        ("open3d", ("bag", "simulate", "bag"), "pip install '.[simulation]'"),
    ],
)
def test_the_command_line_without_a_package(
    tmp_path: Path, absent: str, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / f"{absent}.py").write_text(f"raise ModuleNotFoundError('gone', name={absent!r})")
    command = [sys.executable, "-m", "geo_perception.cli", *words]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert says in done.stderr
