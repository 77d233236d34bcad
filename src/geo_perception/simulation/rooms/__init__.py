# SPDX-License-Identifier: Apache-2.0
"""Procedural homes and offices seen by a handheld stereo camera: images, exact depth and labels from a seed."""

from geo_perception.simulation.rooms.config import SPACES, RoomConfig
from geo_perception.simulation.rooms.simsin import write_simsin
from geo_perception.simulation.rooms.simulator import RANGES, RoomFrame, RoomSimulator

__all__ = ["RANGES", "SPACES", "RoomConfig", "RoomFrame", "RoomSimulator", "write_simsin"]
