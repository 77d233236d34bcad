# SPDX-License-Identifier: Apache-2.0
"""Telling a jump of time, as when a bag loops, from a message that is merely out of order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

RUN_LENGTH = 3  # so many messages in a row behind the newest, in rising order, are a jump at any distance


class Arrival(Enum):
    """What a message's time says about it."""

    PRESENT = auto()  # belongs to the current epoch, in order or not
    JUMP = auto()  # time jumped back: a new epoch begins with this message
    PAST = auto()  # its stream has not followed the jump yet and still brings the old time


@dataclass
class _StreamState:
    newest: int | None = None  # in the current epoch
    old_newest: int | None = None  # before the last jump
    joined: bool = True  # has spoken since the last jump
    run: int = 0  # consecutive messages not newer than the newest, in rising order
    run_time: int = 0


class Epochs:
    """Follows the time of each stream and of all together; an epoch ends where time jumps back.

    A message more than `reset_ns` behind its own stream's newest begins a new epoch; so does a run of RUN_LENGTH
    messages behind it in rising order, for bags shorter than that. Streams follow one by one: one that has not
    spoken since, and speaks more than `reset_ns` ahead of the epoch's newest time, is still in the past.
    """

    def __init__(self, names: list[str], reset_ns: int) -> None:
        self.reset_ns = reset_ns
        self.newest: int | None = None  # newest time of any stream in this epoch
        self.jumps = 0
        self._streams = {name: _StreamState() for name in names}

    def judge(self, name: str, time: int) -> Arrival:
        """Place a message of stream `name`, and remember its time."""
        state = self._streams[name]
        if self._jumps_back(state, time):
            self._begin()
            arrival = Arrival.JUMP
        elif self._is_past(state, time):
            return Arrival.PAST
        else:
            arrival = Arrival.PRESENT
        state.joined = True
        state.newest = time if state.newest is None else max(state.newest, time)
        self.newest = time if self.newest is None else max(self.newest, time)
        return arrival

    def _jumps_back(self, state: _StreamState, time: int) -> bool:
        if state.newest is None or time > state.newest:
            state.run = 0
            return False
        state.run = state.run + 1 if state.run and time > state.run_time else 1
        state.run_time = time
        return state.newest - time > self.reset_ns or state.run >= RUN_LENGTH

    def _is_past(self, state: _StreamState, time: int) -> bool:
        if state.joined or self.newest is None or time - self.newest <= self.reset_ns:
            return False
        return state.old_newest is None or time >= state.old_newest

    def _begin(self) -> None:
        self.jumps += 1
        self.newest = None
        for state in self._streams.values():
            state.old_newest = state.newest if state.newest is not None else state.old_newest
            state.newest, state.joined, state.run = None, False, 0
