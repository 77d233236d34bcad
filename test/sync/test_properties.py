# SPDX-License-Identifier: Apache-2.0
"""What holds for the synchroniser whatever arrives: found by search, not by example."""

import heapq
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from geo_perception.sync import Match, Stream, Synchronizer

NAMES = ("a", "b", "c")
MS = 1_000_000
CAPACITY = 6

messages = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(-50, 1500)), max_size=120)
windows_ms = st.tuples(*[st.integers(0, 80)] * 3)
offsets_ms = st.tuples(*[st.integers(-40, 40)] * 3)
pivots = st.sampled_from([None, "a"])
timeouts_s = st.sampled_from([None, 0.0, 0.1])
optionals = st.tuples(st.just(False), st.booleans(), st.booleans())


def synchroniser(windows, offsets, optional, pivot, timeout_s, capacity=CAPACITY) -> Synchronizer:
    settings = zip(NAMES, windows, offsets, optional, strict=True)
    streams = [Stream(name, window / 1e3, offset / 1e3, opt) for name, window, offset, opt in settings]
    return Synchronizer(streams, pivot, timeout_s, queue_size=capacity, clock=lambda: 0)


@given(messages, windows_ms, offsets_ms, optionals, pivots, timeouts_s, st.booleans())
def test_whatever_arrives(arrivals, windows, offsets, optional, pivot, timeout_s, flush) -> None:
    """No message is used twice or lost, windows hold, memory is bounded, matches are ordered between resets."""
    sync = synchroniser(windows, offsets, optional, pivot, timeout_s)
    epochs: dict[int, list[Match]] = {}
    for number, (name, stamp_ms) in enumerate(arrivals):
        found = sync.add(name, stamp_ms * MS, number)
        epochs.setdefault(sync.resets, []).extend(found)
        assert all(count.pending <= CAPACITY for count in sync.counts.values())
    if flush:
        epochs.setdefault(sync.resets, []).extend(sync.flush())
        assert all(count.pending == 0 for count in sync.counts.values())
    check_use(sync, [match for matches in epochs.values() for match in matches], arrivals)
    for matches in epochs.values():
        check_order(matches)
        for match in matches:
            check_windows(
                match, dict(zip(NAMES, windows, strict=True)), dict(zip(NAMES, offsets, strict=True))
            )


def check_use(sync: Synchronizer, matches: list[Match], arrivals: list[tuple[str, int]]) -> None:
    used = [item for match in matches for item in match.items.values()]
    assert len(used) == len(set(used))
    for match in matches:
        assert all(
            arrivals[item] == (name, match.stamps_ns[name] // MS) for name, item in match.items.items()
        )
    counts = sync.counts
    assert sum(count.matched for count in counts.values()) == len(used)
    for name, count in counts.items():
        assert count.added == sum(arrival[0] == name for arrival in arrivals)
        assert count.added == count.matched + count.pending + sum(count.dropped.values())
    assert sum(sync.stats.values()) == sum(sum(count.dropped.values()) for count in counts.values())


def check_order(matches: list[Match]) -> None:
    for name in NAMES:
        stamps = [match.stamps_ns[name] for match in matches if name in match.stamps_ns]
        assert all(first < second for first, second in pairwise(stamps))


def check_windows(match: Match, windows: dict[str, int], offsets: dict[str, int]) -> None:
    pivot = match.stamp_ns - offsets[match.pivot] * MS
    assert match.stamps_ns[match.pivot] == match.stamp_ns
    for name, stamp_ns in match.stamps_ns.items():
        assert abs(stamp_ns - offsets[name] * MS - pivot) <= windows[name] * MS
    assert set(match.missing) | set(match.items) == set(NAMES)


@st.composite
def regular_streams(draw) -> dict[str, list[int]]:
    """Streams of fixed rates with jitter of a tenth, any phase, and losses; stamps in ms, rising."""
    streams = {}
    for name in NAMES:
        period = draw(st.sampled_from([30, 50, 100]))
        phase = draw(st.integers(0, period))
        jitter = draw(st.lists(st.integers(-period // 10, period // 10), min_size=12, max_size=12))
        lost = draw(st.sets(st.integers(0, 40), max_size=6))
        count = 1500 // period
        streams[name] = [phase + k * period + jitter[k % 12] for k in range(count) if k not in lost]
    return streams


@given(regular_streams(), st.tuples(*[st.integers(0, 60)] * 3), pivots, st.data())
def test_arrival_order_of_the_streams_does_not_matter(streams, windows, pivot, data) -> None:
    """However the streams interleave on their way, the matches are the same."""
    delays = data.draw(st.lists(st.tuples(*[st.integers(0, 90)] * 3), min_size=2, max_size=2))
    results = []
    for delay in delays:
        sync = synchroniser(windows, (0, 0, 0), (False,) * 3, pivot, None, capacity=100)
        late = [
            [(stamp + d, name, stamp) for stamp in streams[name]]
            for name, d in zip(NAMES, delay, strict=True)
        ]
        found = [
            match for _, name, stamp in heapq.merge(*late) for match in sync.add(name, stamp * MS, stamp)
        ]
        results.append([match.stamps_ns for match in found + sync.flush()])
    assert results[0] == results[1]


@given(st.lists(st.integers(0, 300), unique=True, max_size=25), st.permutations(range(75)), pivots)
def test_equal_stamps_pair_whatever_the_order_between_streams(stamps, ranks, pivot) -> None:
    """Hardware-synchronised streams: every set is found, each on the arrival of its last message."""
    sync = synchroniser((0, 0, 0), (0, 0, 0), (False,) * 3, pivot, None, capacity=100)
    waiting = {name: iter(sorted(stamps)) for name in NAMES}
    seen = dict.fromkeys(stamps, 0)
    for rank in ranks:
        stamp = next(waiting[NAMES[rank % 3]], None)
        if stamp is None:
            continue
        seen[stamp] += 1
        found = sync.add(NAMES[rank % 3], stamp * MS, None)
        assert [match.stamp_ns // MS for match in found] == ([stamp] if seen[stamp] == 3 else [])


@given(regular_streams(), st.integers(1, 60))
def test_partners_are_the_nearest_there_were(streams, window) -> None:
    """Against every unused message of the stream, within the rule that the pivot's next message may claim it."""
    sync = synchroniser((window,) * 3, (0, 0, 0), (False, True, True), "a", None, capacity=100)
    arrivals = heapq.merge(*([(stamp, name) for stamp in streams[name]] for name in NAMES))
    found = [match for stamp, name in arrivals for match in sync.add(name, stamp * MS, stamp)] + sync.flush()
    pivots_ms = streams["a"]
    last = dict.fromkeys(NAMES, -1000)
    for match in found:
        when = match["a"]
        following = [stamp for stamp in pivots_ms if stamp > when][:1]
        for name in ("b", "c"):
            free = [stamp for stamp in streams[name] if stamp > last[name] and abs(stamp - when) <= window]
            nearest = min((abs(stamp - when) for stamp in free), default=None)
            got = match.get(name)
            if got is not None:
                last[name] = got
            if nearest is None:
                assert got is None
            elif got is None or abs(got - when) != nearest:
                left = next(stamp for stamp in free if abs(stamp - when) == nearest)
                assert left > when and abs(following[0] - left) < nearest
