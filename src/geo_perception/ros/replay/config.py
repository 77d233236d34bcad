# SPDX-License-Identifier: Apache-2.0
"""Options of a replay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from geo_perception.errors import ConfigError
from geo_perception.ros.bags.layout import DEFAULT_TOPICS, BagTopics
from geo_perception.ros.bags.windows import MatchWindows


@dataclass(frozen=True)
class ReplayConfig:
    """Options of a replay.

    Raises:
        ConfigError: a value is out of range, or options contradict each other.
    """

    rate: float = 1.0  # 2 = twice as fast; lockstep has no rate
    loops: int = 1  # number of passes; 0 = until interrupted. Stamps jump back each time, unless restamped
    lockstep: bool = False  # publish a frame set, wait for the answer, publish the next
    answer: str = "depth/image_rect"  # lockstep: an Image with the set's stamp is the answer
    answer_timeout_s: float = 30.0  # lockstep: how long an answer may take
    windows: MatchWindows = field(
        default_factory=MatchWindows
    )  # lockstep: how far apart stamps within a set may be
    restamp: bool = False  # header stamps become the time of publication, so that ages are meaningful
    clock: bool = False  # publish /clock, for nodes with use_sim_time
    wait_s: float = 30.0  # how long to wait until every input has a subscriber; 0 = do not wait
    prefix: str = ""  # put before every topic but /clock and /tf_static
    remap: Mapping[str, str] = field(default_factory=dict)  # topic in the bag -> topic published
    topics: BagTopics | None = None  # a node's inputs; None: those that are published under its names

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate) and self.rate > 0):
            raise ConfigError(f"replay rate must be above 0, got {self.rate}")
        if self.loops < 0:
            raise ConfigError(f"replay loops must be 0 (until interrupted) or more, got {self.loops}")
        if self.lockstep and self.rate != 1.0:
            raise ConfigError(
                f"lockstep goes at the pace of the answers; a rate ({self.rate}) cannot be given too"
            )
        if self.restamp and self.clock:
            raise ConfigError("restamping uses the wall clock, /clock the bag's time: choose one")
        for name in ("answer_timeout_s", "wait_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"replay {name} must be 0 s or more, got {value}")

    def renamed(self, topic: str) -> str:
        """Return the published name of a bag's topic, without the prefix."""
        return self.remap.get(topic, topic)

    def published(self, topic: str) -> str:
        """Return the name under which a topic of the bag is published."""
        if topic in self.remap:
            return self.remap[topic]
        own = topic == (self.topics or DEFAULT_TOPICS).tf_static
        return topic if own or not self.prefix else f"{self.prefix.rstrip('/')}/{topic.lstrip('/')}"
