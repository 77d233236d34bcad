# SPDX-License-Identifier: Apache-2.0
"""Synchroniser: groups messages of several sensors that belong to the same moment."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from geo_perception.errors import InputError
from geo_perception.sync.delivery import Delivery
from geo_perception.sync.epochs import Arrival, Epochs
from geo_perception.sync.queues import Patience, StreamQueue, Verdict
from geo_perception.sync.settings import DROP_REASONS, Stream, StreamCounts, check_settings
from geo_perception.sync.unmatched import MatchWatch, Unmatched

QUEUE_SIZE = 64  # messages per stream: two seconds of a 30 Hz camera
RESET_S = 0.5  # a stamp this far behind its stream's newest is a new start, not a message out of order
YIELD_SHARE = (
    0.6  # of the pivot's gap: a message further behind the pivot than this may be left to the next one
)


class Source(Protocol):
    """Interface of message_filters, e.g. of message_filters.Subscriber."""

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> Any: ...


@dataclass(frozen=True)
class Match:
    """Messages of one moment. Stamps are as given, offsets not applied."""

    stamp_ns: int  # of the pivot message
    pivot: str
    items: dict[str, Any]  # stream -> message, in the order of the streams; those in `missing` are absent
    stamps_ns: dict[str, int]
    missing: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.items[name]

    def get(self, name: str) -> Any | None:
        """Return the message of the stream, None when it is missing."""
        return self.items.get(name)

    @property
    def degraded(self) -> bool:
        """True if an optional stream is missing."""
        return bool(self.missing)


class Synchronizer:
    """Nearest-neighbour synchroniser; thread safe.

    Each message of the pivot stream takes, from every other stream, the unused message nearest to it within that
    stream's window, the older of two equally near. Without a pivot the reference is the newest of the required
    streams' oldest unused messages, the first instant all of them have reached: the slowest stream leads.
    A message is used at most once; matches come in the order of time.

    A match is final as soon as no nearer message can still come. Equal stamps are final on the last arrival;
    otherwise each stream must have passed the pivot, or be so regular that its next message cannot be nearer.
    A message clearly nearer to the pivot's next message is left to that one. Given streams that arrive in order
    and keep their rhythm within a quarter, the matches do not depend on how the streams interleave.

    `timeout_s` ends the waiting: for nearer candidates, and for optional streams, which are then missing from the
    match. It counts the reference stream's own message time in `add`, so that no other stream's clock can cut the
    waiting short, and in `poll` also time on `clock` since the reference message arrived, for when that stream is
    silent. A stream that ran into it is not waited for again until it speaks. None: wait for as long as the queues
    hold. Required streams are always waited for.

    A stamp more than `reset_s` behind its stream's newest (with `clock`, behind where that stream must be by now),
    or a run of messages behind it, means that time jumped back. A jump of the pivot begins anew for all: what waits
    is dropped, and streams still bringing the old time are ignored until they follow. A jump of another stream is
    that stream's own affair. Other stamps behind are messages out of order: used if their moment is undecided, else
    dropped as late.

    Without `clock` the result depends on the messages and their order alone.

    Raises:
        ConfigError: contradictory settings.
        InputError: an unknown stream, or a stamp that is no integer.
    """

    def __init__(
        self,
        streams: Sequence[Stream],
        pivot: str | None = None,
        timeout_s: float | None = None,
        *,
        queue_size: int = QUEUE_SIZE,
        reset_s: float = RESET_S,
        clock: Callable[[], int] | None = None,
    ) -> None:
        check_settings(streams, pivot, timeout_s, queue_size, reset_s)
        self._queues = {stream.name: StreamQueue(stream, queue_size) for stream in streams}
        self._required = [queue for queue in self._queues.values() if not queue.stream.optional]
        self._pivot = None if pivot is None else self._queues[pivot]
        self._timeout_ns = None if timeout_s is None else round(timeout_s * 1e9)
        widest_ns = max(queue.window_ns for queue in self._queues.values())
        # stamps two windows apart may belong to one match, so they must never pass for a jump
        leaders = [queue.stream.name for queue in self._required] if pivot is None else [pivot]
        self._epochs = Epochs(list(self._queues), leaders, max(round(reset_s * 1e9), 2 * widest_ns))
        self._clock = clock or (lambda: 0)
        leader = self._pivot or self._required[0]
        self._watch = MatchWatch(streams, leader.stream)
        self._lock = threading.Lock()
        self._delivery = Delivery()

    def add(self, name: str, stamp_ns: int, item: Any) -> list[Match]:
        """Take a message of stream `name`; return the matches it completes, oldest first."""
        queue, stamp_ns = self._queue(name), _integer(stamp_ns, name)
        when = stamp_ns - queue.offset_ns
        with self._lock:
            now_ns = self._clock()
            queue.added += 1
            self._watch.arrived(name, stamp_ns, now_ns)
            arrival = self._epochs.judge(name, when, now_ns)
            if arrival is Arrival.PAST:
                queue.dropped["reset"] += 1
                return []
            for each in self._restarting(queue, arrival):
                each.restart()
            queue.push(when, stamp_ns, item, now_ns)
            matches = self._advance()
        self._delivery.run()
        return matches

    def poll(self, now_ns: int | None = None) -> list[Match]:
        """Apply the timeout by `clock` (or `now_ns` on it), for when no messages arrive that would tell the time."""
        with self._lock:
            matches = self._advance(now_ns=self._clock() if now_ns is None else now_ns)
        self._delivery.run()
        return matches

    def flush(self) -> list[Match]:
        """Match what can be matched, as if no more messages would come, and drop the rest."""
        with self._lock:
            matches = self._advance(Patience.FLUSHED)
            for queue in self._queues.values():
                queue.drop_oldest(len(queue.times), "no_partner")
        self._delivery.run()
        return matches

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> int:
        """Call `cb(*items, *args)` for each match, in order, under no lock; None stands for a missing stream.

        A callback that raises is logged and counted in `callback_errors`; the others, and later matches, go on.
        """
        return self._delivery.register(cb, args)

    def connect(self, name: str, source: Source) -> None:
        """Feed stream `name` from an object with message_filters' interface; stamps come from the header."""
        self._queue(name)
        source.registerCallback(lambda message: self.add(name, _header_stamp_ns(message), message))

    @property
    def stats(self) -> dict[str, int]:
        """Count the messages dropped so far by reason, over all streams; DROP_REASONS explains each."""
        counts = self.counts.values()
        return {reason: sum(count.dropped[reason] for count in counts) for reason in DROP_REASONS}

    @property
    def counts(self) -> dict[str, StreamCounts]:
        """Return the counters of each stream, all taken at one moment."""
        with self._lock:
            return {name: queue.counts() for name, queue in self._queues.items()}

    def unmatched(self, after_s: float) -> list[Unmatched]:
        """List streams that have found no partner for `after_s` on `clock` though they and the pivot arrive.

        Only those are listed whose own stamps are the cause: beyond their window, or standing still.
        """
        with self._lock:
            return self._watch.unmatched(self._clock(), after_s)

    @property
    def resets(self) -> int:
        """Number of times a stream's time jumped back; jumps that followed the pivot's are not counted."""
        return self._epochs.jumps

    @property
    def callback_errors(self) -> int:
        """Number of callbacks that raised."""
        return self._delivery.errors

    def _restarting(self, queue: StreamQueue, arrival: Arrival) -> list[StreamQueue]:
        """Return the queues whose messages are of a time before the jump."""
        if arrival is Arrival.JUMP:
            return [each for name, each in self._queues.items() if name not in self._epochs.kept]
        return [queue] if arrival is Arrival.RESTART else []

    def _queue(self, name: str) -> StreamQueue:
        if name not in self._queues:
            raise InputError(f"no stream '{name}'; this synchroniser has: {', '.join(self._queues)}")
        return self._queues[name]

    def _advance(self, patience: Patience = Patience.OPEN, now_ns: int | None = None) -> list[Match]:
        """Decide reference messages, oldest first, until one must wait."""
        matches = []
        while (reference := self._reference()) is not None:
            chosen = self._choose(reference, max(patience, self._patience(reference, now_ns)))
            if chosen is None:
                break
            match = self._settle(reference, chosen)
            if match is not None:
                matches.append(match)
                self._watch.matched(tuple(match.items), self._clock())
        self._delivery.post(tuple(match.get(name) for name in self._queues) for match in matches)
        return matches

    def _reference(self) -> StreamQueue | None:
        """Return the queue whose oldest message is to be decided next."""
        if self._pivot is not None:
            return self._pivot if self._pivot.times else None
        if not all(queue.times for queue in self._required):
            return None
        return max(self._required, key=lambda queue: queue.times[0])

    def _patience(self, reference: StreamQueue, now_ns: int | None) -> Patience:
        if self._timeout_ns is None or reference.newest is None:
            return Patience.OPEN
        waited_ns = reference.newest - reference.times[0]
        if now_ns is not None:
            waited_ns = max(waited_ns, now_ns - reference.messages[0].arrived_ns)
        return Patience.TIMED_OUT if waited_ns > self._timeout_ns else Patience.OPEN

    def _choose(self, reference: StreamQueue, patience: Patience) -> dict[str, int] | None:
        """Find each stream's partner for the oldest reference message: its index or MISSING; None: wait."""
        chosen = {
            name: 0 if queue is reference else self._partner(reference, queue, patience)
            for name, queue in self._queues.items()
        }
        if any(chosen[queue.stream.name] == Verdict.MISSING for queue in self._required):
            return chosen  # this moment cannot be completed, whatever the others bring
        return None if Verdict.WAIT in chosen.values() else chosen

    def _partner(self, reference: StreamQueue, queue: StreamQueue, patience: Patience) -> int:
        """Find the nearest message, unless it is clearly nearer to the pivot's next message."""
        when, gap_ns = reference.times[0], reference.messages[0].gap_ns
        index = queue.nearest(when, patience)
        if index < 0 or reference is not self._pivot or gap_ns is None:
            return index
        distance_ns = queue.times[index] - when
        if distance_ns <= YIELD_SHARE * gap_ns:
            return index
        if len(reference.times) == 1:  # what comes next is not known yet
            return Verdict.WAIT if patience is Patience.OPEN else index
        better_claim = abs(reference.times[1] - queue.times[index]) < distance_ns
        return queue.before(when) if better_claim else index

    def _settle(self, reference: StreamQueue, chosen: dict[str, int]) -> Match | None:
        """Carry the decision out: a match, or the reference message dropped."""
        when, pivot = reference.times[0], reference.stream.name
        missing = tuple(name for name, index in chosen.items() if index < 0)
        match = None
        if any(queue.stream.name in missing for queue in self._required):
            reference.drop_oldest(1, "no_partner")
        else:
            taken = {name: self._queues[name].take(index) for name, index in chosen.items() if index >= 0}
            items = {name: message.item for name, message in taken.items()}
            stamps_ns = {name: message.stamp_ns for name, message in taken.items()}
            match = Match(stamps_ns[pivot], pivot, items, stamps_ns, missing)
        for queue in self._queues.values():  # later references are later in time: these cannot match any more
            if queue is not reference:
                queue.close_until(when - queue.window_ns, "no_partner")
        return match


def _integer(stamp_ns: int, name: str) -> int:
    try:
        return operator.index(stamp_ns)
    except TypeError:
        message = f"stamp_ns of stream '{name}' is {stamp_ns!r}; allowed: an integer number of nanoseconds"
        raise InputError(message) from None


def _header_stamp_ns(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
