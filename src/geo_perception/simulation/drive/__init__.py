# SPDX-License-Identifier: Apache-2.0
"""A procedural street seen by KITTI's sensors: stereo images, lidar sweeps and exact depth from a seed."""

from geo_perception.simulation.drive.config import STREETS, DriveConfig
from geo_perception.simulation.drive.simulator import DriveSimulator

__all__ = ["STREETS", "DriveConfig", "DriveSimulator"]
