# SPDX-License-Identifier: Apache-2.0
"""Detection of jumps of time, as when a bag loops, apart from messages that are merely out of order; by stream."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto

RUN_LENGTH = 3  # so many messages in a row behind the newest, in rising order, are a jump at any distance
LEAD = 2  # a stream that jumped so few leader messages ago jumped with the leader, and only arrived first


class Arrival(Enum):
    """Classification of a message by its time."""

    PRESENT = auto()  # belongs to its stream's time, in order or not
    RESTART = auto()  # its stream alone jumped back: that stream's earlier messages are of no use
    JUMP = auto()  # the leader jumped back: a new epoch begins for all
    PAST = auto()  # its stream has not followed the leader's jump yet and still brings the old time


@dataclass
class _StreamState:
    first: int | None = None  # oldest time since the stream's last jump
    newest: int | None = None  # newest time since the stream's last jump
    arrived_ns: int = 0  # when the newest came
    run: int = 0  # consecutive messages not newer than the newest, in rising order
    run_time: int = 0
    leader_messages: int = LEAD + 1  # since the stream's own last jump
    old_newest: int | None = None  # at the leader's last jump, until the stream follows or proves not to
    old_since_ns: int = 0


class Epochs:
    """Follows the time of each stream.

    Time jumps back where a message is more than `reset_ns` behind its own stream's newest, counting also the time
    on the caller's clock since that newest one came; or where it is back at the first one, with others in between,
    so that a bag of any length may start again; or where it is the RUN_LENGTHth behind it in rising order.

    A jump concerns its own stream, so that no stream's clock can disturb the others; only that of a leader, whose
    moments all others are matched to, begins a new epoch. The others then follow one by one: until it does, a
    stream's messages of the old time are past, for as long as messages may be under way (`reset_ns`).
    """

    def __init__(self, names: Collection[str], leaders: Collection[str], reset_ns: int) -> None:
        self.reset_ns = reset_ns
        self.jumps = 0
        self.kept: tuple[str, ...] = ()  # streams that jumped ahead of the leader, as of the last JUMP
        self._leaders = frozenset(leaders)
        self._leader_newest: int | None = None
        self._streams = {name: _StreamState() for name in names}

    def judge(self, name: str, time: int, now_ns: int = 0) -> Arrival:
        """Place a message of stream `name` that came at `now_ns`, and remember its time."""
        state = self._streams[name]
        arrival = self._follow(state, time, now_ns)
        if arrival is None:
            arrival = self._jump(name, now_ns) if self._jumps_back(state, time, now_ns) else Arrival.PRESENT
        if arrival is Arrival.PAST:
            return arrival
        if arrival is not Arrival.PRESENT or state.newest is None or state.first is None:
            state.first, state.newest, state.arrived_ns = time, time, now_ns
        elif time > state.newest:
            state.newest, state.arrived_ns = time, now_ns
        else:
            state.first = min(state.first, time)
        if name in self._leaders:
            self._leader_newest = time if self._leader_newest is None else max(self._leader_newest, time)
            for each in self._streams.values():
                each.leader_messages += 1
        return arrival

    def _follow(self, state: _StreamState, time: int, now_ns: int) -> Arrival | None:
        """Classify a message of a stream that the leader left behind; None for any other stream."""
        if state.old_newest is None:
            return None
        ahead_ns = time - (time if self._leader_newest is None else self._leader_newest)
        behind, state.old_newest = state.old_newest, None
        if time < behind or ahead_ns <= self.reset_ns:
            return Arrival.PRESENT
        if time - behind > self.reset_ns or now_ns - state.old_since_ns > self.reset_ns:
            return Arrival.PRESENT  # nothing is under way for so long: this stream's time did not jump
        state.old_newest = behind
        return Arrival.PAST

    def _jumps_back(self, state: _StreamState, time: int, now_ns: int) -> bool:
        if state.newest is None or time > state.newest:
            state.run = 0
            return False
        late_ns = state.newest - time + now_ns - state.arrived_ns
        if time < state.newest:
            state.run = state.run + 1 if state.run and time > state.run_time else 1
            state.run_time = time
        back_at_start = state.first is not None and time <= state.first < state.newest
        return late_ns > self.reset_ns or state.run >= RUN_LENGTH or back_at_start

    def _jump(self, name: str, now_ns: int) -> Arrival:
        self.jumps += 1
        state = self._streams[name]
        state.run = state.leader_messages = 0
        if name not in self._leaders:
            return Arrival.RESTART
        kept = [each for each, other in self._streams.items() if other.leader_messages <= LEAD]
        self.kept = tuple(each for each in kept if each != name)
        self._leader_newest = None
        for each, other in self._streams.items():
            if each != name and each not in kept and other.newest is not None:
                other.old_newest, other.old_since_ns = other.newest, now_ns
                other.first, other.newest, other.run = None, None, 0
        return Arrival.JUMP
