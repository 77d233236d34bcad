# SPDX-License-Identifier: Apache-2.0
"""A stream whose clock is wrong, jumps or stands still: the others go on, and it is said what is off."""

from __future__ import annotations

import pytest
from helpers.synchronising import MS, added, items
from hypothesis import given
from hypothesis import strategies as st

from geo_perception.sync import Match, Stream, Synchronizer
from geo_perception.sync.offsets import OffsetMeter

HOUR_MS = 3_600_000
START_MS = 100 * HOUR_MS


class Rig:
    """Streams a (the pivot), b and c, fed by the time of a clock: (ms of arrival, stream, stamp in ms)."""

    def __init__(self, optional: bool = True, **settings: object) -> None:
        self.now_ms = 0.0
        streams = [
            Stream("a", 0.0),
            Stream("b", 0.02, 0.0, optional, "b_window_s", "b_offset_s"),
            Stream("c", 0.05, 0.0, optional, "c_window_s", "c_offset_s"),
        ]
        self.sync = Synchronizer(streams, "a", 0.2, clock=lambda: round(self.now_ms * MS), **settings)

    def feed(self, arrivals: list[tuple[float, str, float]]) -> list[Match]:
        out = []
        for now_ms, name, stamp_ms in sorted(arrivals):
            self.now_ms = now_ms
            out += self.sync.add(name, round(stamp_ms * MS), (name, stamp_ms))
        return out

    def said(self, after_s: float = 3.0) -> str:
        return "; ".join(map(str, self.sync.unmatched(after_s)))


def stream(
    name: str, period_ms: float, ahead_ms: float = 0.0, seconds: float = 6.0, start_ms: float = START_MS
):
    """Regular messages that arrive when their moment is, stamped by a clock that is ahead."""
    return [
        (k * period_ms, name, start_ms + k * period_ms + ahead_ms)
        for k in range(int(seconds * 1e3 / period_ms))
    ]


CLOCKS_MS = st.one_of(
    st.integers(-HOUR_MS, -1000), st.integers(70_000, HOUR_MS)
)  # ahead: beyond what queues hold


@given(CLOCKS_MS, st.sampled_from([33, 50, 100, 1000]))
def test_a_foreign_clock_costs_the_other_streams_nothing(ahead_ms: int, period_ms: int) -> None:
    rig = Rig()
    found = rig.feed(stream("a", 100) + stream("b", 100) + stream("c", period_ms, ahead_ms))
    pairs = [(m["a"][1], m["b"][1]) for m in found if m.get("b")]
    assert pairs == [(START_MS + 100 * k,) * 2 for k in range(len(pairs))]
    assert len(pairs) >= 57  # the last ones still wait for c where its clock is behind
    assert all(m.missing == ("c",) for m in found)


@st.composite
def wild_stream(draw) -> list[tuple[float, str, float]]:
    """Any stamps at any times: clocks that jump, stand still, alternate."""
    times = draw(st.lists(st.integers(0, 5999), max_size=60, unique=True))
    stamps = draw(st.lists(st.integers(-8000, 8000), min_size=len(times), max_size=len(times)))
    return [(t + 0.5, "c", START_MS + stamp) for t, stamp in zip(sorted(times), stamps, strict=True)]


@given(wild_stream())
def test_whatever_an_optional_stream_does_the_others_pair_alike(wild) -> None:
    others = stream("a", 100) + stream("b", 100)
    with_it, without = Rig(), Rig()
    pairs = []
    for rig, arrivals in ((with_it, others + wild), (without, others)):
        found = rig.feed(arrivals) + rig.sync.flush()
        pairs.append([(m["a"], m.get("b")) for m in found])
    assert pairs[0] == pairs[1]


@given(
    st.integers(-HOUR_MS, HOUR_MS),
    st.sampled_from([(100, 100), (33, 100), (100, 33), (50, 50), (100, 25)]),
    st.integers(0, 12),
)
def test_the_offset_is_measured_exactly_for_clocks_in_step(offset_ms, periods, transport_ms) -> None:
    """Whatever the delay on the way below half a period: stamps tell, arrivals only find the neighbour."""
    meter, (ours, theirs) = OffsetMeter(["a", "c"]), periods
    for arrived, name, stamp in stream("a", theirs, seconds=3) + stream("c", ours, offset_ms, seconds=3):
        meter.observe(name, round(stamp * MS), round((arrived + transport_ms * (name == "c")) * MS))
    measured = meter.measure("c", "a", 0)
    assert measured is not None
    tolerance_s = 1e-6 if ours == theirs else 0.5e-3 * min(periods)
    assert measured.offset_s == pytest.approx(offset_ms / 1e3, abs=tolerance_s)
    assert measured.spread_s <= 0.5e-3 * min(periods) + 1e-6
    assert not measured.standing


@pytest.mark.parametrize("optional", [True, False], ids=["degrade", "hold"])
@pytest.mark.parametrize(
    ("ahead_ms", "says"),
    [
        (37_100, "stamped 37.100 s later than a, the window is 0.05 s; set c_offset_s:=37.100"),
        (-37_100, "stamped 37.100 s earlier than a, the window is 0.05 s; set c_offset_s:=-37.100"),
        (-HOUR_MS, "stamped 3600.000 s earlier"),
        (140, "set c_offset_s:=0.140, or if they are of different moments c_window_s:=0.141"),
    ],
)
def test_a_stream_without_a_match_is_named_with_its_offset_and_cure(optional, ahead_ms, says) -> None:
    rig = Rig(optional)
    rig.feed(stream("a", 300) + stream("b", 300) + stream("c", 300, ahead_ms))
    said = rig.said()
    assert says in said and "c: no match for " in said
    assert "b:" not in said  # which is in order, though in hold mode it has no match either


def test_nothing_is_said_while_matches_come_or_a_stream_is_silent() -> None:
    rig = Rig()
    rig.feed(stream("a", 100) + stream("b", 100) + stream("c", 300, 40))
    assert rig.said() == ""
    rig = Rig()
    rig.feed(stream("a", 100) + stream("b", 100, 90)[:1])
    assert rig.said() == ""


def test_a_wrong_offset_setting_is_told_from_the_right_one() -> None:
    rig = Rig()
    rig.sync = Synchronizer(
        [Stream("a", 0.0), Stream("c", 0.05, -37.0, True, "c_window_s", "c_offset_s")],
        "a",
        0.2,
        clock=lambda: round(rig.now_ms * MS),
    )
    rig.feed(stream("a", 100) + stream("c", 100, 37_000))
    assert "the window is 0.05 s around an offset of -37 s; set c_offset_s:=37.000" in rig.said()


def test_streams_out_of_step_need_a_window_too() -> None:
    rig = Rig(optional=False)
    uneven = [(100 * k, "b", START_MS + 100 * k + 5000 + (37 * k) % 61) for k in range(60)]
    rig.feed(stream("a", 100) + uneven)
    assert (
        "give or take 0.0" in rig.said()
        and "b_offset_s:=5.0" in rig.said()
        and "b_window_s:=0.0" in rig.said()
    )


def test_a_stamp_that_stands_still_is_its_drivers_fault() -> None:
    rig = Rig(optional=False)
    rig.feed(stream("a", 100) + stream("b", 100) + [(100 * k, "c", START_MS) for k in range(60)])
    assert (
        "c: no match for 6 s: every message bears the same stamp; its driver must stamp it as a" in rig.said()
    )


# jumps of time


def lap(start_ms: float, count: int, period_ms: float = 100, from_ms: float = 0.0) -> list:
    """All three streams, in the order c, b, a within each moment."""
    return [
        (from_ms + k * period_ms + i, name, start_ms + k * period_ms)
        for k in range(count)
        for i, name in enumerate("cba")
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("optional", [True, False])
def test_a_bag_of_any_length_may_start_again(count: int, optional: bool) -> None:
    rig = Rig(optional)
    for turn in range(3):
        found = rig.feed(lap(START_MS, count, from_ms=turn * 5000))
        assert [m.stamp_ns // MS for m in found] == [START_MS + 100 * k for k in range(count)]
        assert not any(m.missing for m in found)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_short_bag_may_start_again_at_once(count: int) -> None:
    """As a lockstep replay that loops: no pause tells the laps apart, only that the first stamps come again."""
    rig = Rig(optional=False)
    for turn in range(3):
        found = rig.feed(lap(START_MS, count, period_ms=60, from_ms=turn * 60 * count))
        assert [m.stamp_ns // MS for m in found] == [START_MS + 60 * k for k in range(count)]


def test_a_frame_overtaken_at_the_start_is_no_new_start() -> None:
    rig = Rig(optional=False)
    found = rig.feed(
        lap(START_MS + 100, 1, from_ms=0) + lap(START_MS, 1, from_ms=10) + lap(START_MS + 200, 1, from_ms=20)
    )
    assert rig.sync.resets == 0
    assert [m.stamp_ns // MS for m in found] == [START_MS + 100, START_MS + 200]


def test_a_repeated_frame_is_no_new_start() -> None:
    rig = Rig()
    rig.feed(lap(START_MS, 3))
    assert rig.feed(lap(START_MS + 200, 1, from_ms=210)) == []
    assert rig.sync.resets == 0


@pytest.mark.parametrize("jump_ms", [-37_000, -700, 37_000])
@pytest.mark.parametrize("name", ["b", "c"])
def test_a_clock_that_jumps_is_its_own_affair(name: str, jump_ms: float) -> None:
    rig = Rig()
    arrivals = stream("a", 100) + stream("b", 100) + stream("c", 100)
    arrivals = [(t, n, s + jump_ms * (n == name and t > 3000)) for t, n, s in arrivals]
    found = rig.feed(arrivals) + rig.sync.flush()
    assert [m["a"][1] for m in found] == [START_MS + 100 * k for k in range(60)]
    assert [m.missing for m in found] == [()] * 31 + [(name,)] * 29


def test_the_pivots_clock_is_corrected_and_all_goes_on() -> None:
    """It jumps back by itself, into step with the others, which must not be taken for old messages for long."""
    rig = Rig()
    arrivals = stream("b", 100) + stream("c", 100)
    arrivals += [(t, n, s + 37_000 * (t < 3000)) for t, n, s in stream("a", 100)]
    found = rig.feed(arrivals)
    complete = [m for m in found if not m.missing]
    assert len(complete) >= 23  # of 30; half a second is taken for messages under way
    assert all(m["a"][1] == m["b"][1] == m["c"][1] for m in complete)


def test_without_a_clock_the_result_is_that_of_the_messages() -> None:
    streams = [Stream("a", 0.0), Stream("b", 0.01)]
    laps = [("a", 0.0), ("b", 0.0), ("a", 100.0), ("b", 100.0)] * 2
    assert items(added(Synchronizer(streams, "a"), *laps)) == [(0, 0), (100, 100)] * 2
    one = [("a", 0.0), ("b", 0.0)] * 2  # a lap, or the same messages twice: nothing tells
    assert items(added(Synchronizer(streams, "a"), *one)) == [(0, 0)]
