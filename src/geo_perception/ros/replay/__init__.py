# SPDX-License-Identifier: Apache-2.0
"""Replay of a bag on its topics, without `ros2 bag play`: in real time, scaled, looped or in lockstep."""

from geo_perception.ros.replay.config import ReplayConfig
from geo_perception.ros.replay.player import Replay, Sent, replay, replay_each

__all__ = ["Replay", "ReplayConfig", "Sent", "replay", "replay_each"]
