# SPDX-License-Identifier: Apache-2.0
"""Settings, drop reasons and counters of the synchroniser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from geo_perception.errors import ConfigError

DROP_REASONS: Final = {
    "no_partner": "no message of a required stream came within its window",
    "not_nearest": "another message of the same stream was nearer to the pivot; normal when rates differ",
    "late": "arrived after its moment had been decided",
    "duplicate": "the stream had already brought this stamp",
    "overflow": "the queue was full, the oldest message made room",
    "reset": "time jumped back, as when a bag loops, and the message belongs to the time before",
}


MOST_S: Final = 1e9  # of a window or offset, 31 years: more are no seconds, and beyond what stamps count


@dataclass(frozen=True)
class Stream:
    """Settings of one stream.

    Attributes:
        name: the stream's name.
        window_s: largest distance to the pivot message, inclusive; 0 matches equal stamps only.
        offset_s: how much later than the pivot this stream stamps the same moment; subtracted before comparing.
        optional: a match may do without it once the timeout is over, or as soon as nothing can come any more.
        window_parameter: the user's option for `window_s`, for messages; empty: none.
        offset_parameter: the same for `offset_s`.
    """

    name: str
    window_s: float
    offset_s: float = 0.0
    optional: bool = False
    window_parameter: str = ""
    offset_parameter: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a stream needs a name, got an empty one")
        if not 0 <= self.window_s <= MOST_S:
            raise ConfigError(
                f"window_s of stream '{self.name}' is {self.window_s}; allowed: 0 to {MOST_S:g} s"
            )
        if not abs(self.offset_s) <= MOST_S:
            raise ConfigError(
                f"offset_s of stream '{self.name}' is {self.offset_s}; allowed: up to {MOST_S:g} s either way"
            )


@dataclass(frozen=True)
class StreamCounts:
    """Messages of one stream so far: added == matched + pending + sum(dropped.values())."""

    added: int
    matched: int
    pending: int
    dropped: dict[str, int]  # reason -> messages, every reason listed
    newest_stamp_ns: int | None  # since the last reset


def check_settings(
    streams: Sequence[Stream], pivot: str | None, timeout_s: float | None, queue_size: int, reset_s: float
) -> None:
    """Raise ConfigError for settings that contradict each other or are out of range."""
    names = [stream.name for stream in streams]
    required = [stream.name for stream in streams if not stream.optional]
    if len(set(names)) != len(names):
        raise ConfigError(f"stream names must differ, got: {', '.join(names)}")
    if not required:
        raise ConfigError(f"at least one stream must be required; streams: {', '.join(names) or 'none'}")
    if pivot is not None and pivot not in required:
        raise ConfigError(f"pivot '{pivot}' is not a required stream; allowed: {', '.join(required)}")
    if timeout_s is not None and not (math.isfinite(timeout_s) and timeout_s >= 0):
        raise ConfigError(f"timeout_s is {timeout_s}; allowed: None, or 0 s and more")
    if queue_size < 1:
        raise ConfigError(f"queue_size is {queue_size}; allowed: 1 message and more")
    if not (math.isfinite(reset_s) and reset_s > 0):
        raise ConfigError(f"reset_s is {reset_s}; allowed: more than 0 s")
