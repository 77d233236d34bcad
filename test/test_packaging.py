# SPDX-License-Identifier: Apache-2.0
"""What is installed, by pip and by colcon (which calls setup.py in the two ways shown here)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("src", "training", "launch", "config", "models", "resource")
FILES = ("setup.py", "setup.cfg", "pyproject.toml", "package.xml", "README.md", "LICENSE")
NODES = ("stereo_lidar_fusion", "indoor_depth")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that build folders do not land in this checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in SOURCES:
        shutil.copytree(
            ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for file in FILES:
        shutil.copy(ROOT / file, copy / file)
    return copy


def run(checkout: Path, *command: str, **environment: str) -> str:
    """Output of a command of this interpreter, run in the checkout."""
    variables = {**os.environ, **environment}
    result = subprocess.run(
        [sys.executable, *command], cwd=checkout, capture_output=True, text=True, check=False, env=variables
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def manifest_version() -> str | None:
    return ElementTree.parse(ROOT / "package.xml").findtext("version")


def shipped(folder: str) -> set[str]:
    """Files that must be installed under share/geo_perception."""
    files = (
        path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_wheel_holds_code_data_and_commands(checkout: Path, tmp_path: Path) -> None:
    build = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), ".")
    run(checkout, *build)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        commands = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    modules |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "training").rglob("*.py")}
    assert modules - names == set()
    assert "geo_perception/py.typed" in names
    data = {name.split(".data/data/share/geo_perception/")[-1] for name in names}
    assert (shipped("config") | shipped("launch") | shipped("models") | {"package.xml"}) - data == set()
    assert {"geo-perception", *NODES} <= {line.split(" = ")[0] for line in commands.splitlines()}


def test_colcon_build_layout(checkout: Path, tmp_path: Path) -> None:
    record = str(tmp_path / "record")
    options = ("--prefix", str(tmp_path), "--single-version-externally-managed", "--record", record)
    run(checkout, "setup.py", "-q", "install", *options)
    assert all((tmp_path / "lib" / "geo_perception" / node).is_file() for node in NODES)
    share = tmp_path / "share" / "geo_perception"
    expected = shipped("config") | shipped("launch") | shipped("models") | {"package.xml"}
    assert [name for name in expected if not (share / name).is_file()] == []
    assert (tmp_path / "share/ament_index/resource_index/packages/geo_perception").is_file()
    (libraries,) = tmp_path.glob("lib/python*/site-packages")
    where = "import geo_perception, training; print(geo_perception.__file__, training.__file__)"
    for path in run(tmp_path, "-c", where, PYTHONPATH=str(libraries)).split():
        assert Path(path).is_relative_to(libraries)
    version = "import geo_perception; print(geo_perception.__version__)"
    assert run(tmp_path, "-c", version, PYTHONPATH=str(libraries)).strip() == manifest_version()


def test_colcon_symlink_install_layout(checkout: Path, tmp_path: Path) -> None:
    """`--symlink-install` is `develop` in a folder that links to the sources, package by package."""
    build = tmp_path / "build"
    build.mkdir()
    for name in (
        "setup.py",
        "setup.cfg",
        "package.xml",
        "resource",
        "training",
        "config",
        "launch",
        "models",
        "src",
    ):
        (build / name).symlink_to(checkout / name)
    (build / "geo_perception").symlink_to(checkout / "src" / "geo_perception")
    libraries = tmp_path / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    libraries.mkdir(parents=True)
    options = ("--prefix", str(tmp_path), "--no-deps", "--editable", "--build-directory", str(tmp_path / "b"))
    run(build, "setup.py", "-q", "develop", *options, PYTHONPATH=str(libraries))
    assert all((tmp_path / "lib" / "geo_perception" / node).is_file() for node in NODES)
    where = "import geo_perception, training; print(geo_perception.__file__, training.__file__)"
    for path in run(tmp_path, "-c", where, PYTHONPATH=str(build)).split():
        assert Path(path).is_relative_to(build)


def test_make_says_on_arm_where_ros_comes_from(tmp_path: Path) -> None:
    for name in ("Makefile", "setup.py", "setup.cfg", "pyproject.toml", "package.xml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    uname = tmp_path / "bin" / "uname"
    uname.parent.mkdir()
    uname.write_text("#!/bin/sh\necho aarch64\n")
    uname.chmod(0o755)
    path = f"{uname.parent}:{os.environ['PATH']}"
    result = subprocess.run(
        ["make", "--no-print-directory", "setup"],  # which a make inside another one does
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    assert result.returncode == 2
    (line,) = result.stdout.splitlines()
    assert "aarch64" in line and "apt" in line and "container" in line
    assert not (tmp_path / ".venv").exists()
