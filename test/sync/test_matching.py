# SPDX-License-Identifier: Apache-2.0
"""The synchroniser: what it pairs, when a match is final, and what becomes of every message."""

import threading
from itertools import pairwise

import pytest
from helpers.synchronising import MS, added, items, pair

from geo_perception.errors import ConfigError, InputError
from geo_perception.sync import DROP_REASONS, Stream, Synchronizer


def test_hardware_synchronised_streams_match_on_the_last_arrival() -> None:
    names = ("left", "right", "points")
    for pivot in (*names, None):
        for order in (names, names[::-1], ("right", "left", "points")):
            sync = Synchronizer([Stream(name, 0.05) for name in names], pivot)
            for k in range(5):
                *first, last = order
                assert added(sync, *((name, 100 * k) for name in first)) == []
                assert items(added(sync, (last, 100 * k))) == [(100 * k,) * 3]
            assert sum(sync.stats.values()) == 0


def test_first_message_after_the_pivot_is_final_at_once() -> None:
    sync = pair()
    assert added(sync, ("a", 0)) == []
    assert items(added(sync, ("b", 5))) == [(0, 5)]


def test_waits_while_a_nearer_message_can_still_come() -> None:
    sync = pair()
    assert added(sync, ("b", -10), ("a", 0)) == []
    assert items(added(sync, ("b", 6))) == [(0, 6)]
    assert added(sync, ("b", 95), ("a", 100)) == []
    assert items(added(sync, ("b", 130))) == [(100, 95)]


def test_a_regular_stream_is_not_waited_for() -> None:
    """Once the rhythm is known, a sweep 10 ms before the image is final without waiting for the next sweep."""
    sync = pair()
    added(sync, *((name, 100 * k - 10 * (name == "b")) for k in range(10) for name in ("b", "a")))
    assert items(added(sync, ("b", 990), ("a", 1000))) == [(1000, 990)]


def test_the_older_of_two_equally_near_wins() -> None:
    assert items(added(pair(), ("b", -10), ("b", 10), ("a", 0))) == [(0, -10)]


def test_a_message_beyond_the_window_tells_that_nothing_comes() -> None:
    sync = pair()
    assert added(sync, ("a", 0), ("b", 50), ("a", 100), ("b", 90)) == []
    assert sync.counts["a"].dropped["no_partner"] == 1
    assert items(added(sync, ("b", 101))) == [(100, 101)]


def test_without_a_pivot_the_slow_stream_leads() -> None:
    sync = Synchronizer([Stream("camera", 0.05), Stream("lidar", 0.05)])
    camera = [("camera", 30.0 * k) for k in range(40)]
    lidar = [("lidar", 100.0 * k + 3) for k in range(12)]
    found = added(sync, *sorted(camera + lidar, key=lambda message: message[1]))
    assert [match["lidar"] for match in found] == [100.0 * k + 3 for k in range(len(found))]
    assert len(found) >= 11
    assert max(abs(match["lidar"] - match["camera"]) for match in found) <= 15


def test_antiphase_streams_with_jitter_lose_no_set() -> None:
    """Half a period apart, jitter decides which neighbour is nearer; that must not cost matches."""
    jitter = [0, 4, -5, 3, -2, 5, -4, 1, -3, 2]
    messages = [("a", 100.0 * k) for k in range(200)]
    messages += [("b", 100.0 * k + 50 + jitter[k * k % 10]) for k in range(200)]
    found = added(pair(80.0), *sorted(messages, key=lambda message: message[1]))
    assert len(found) >= 196


# optional streams and the timeout


def camera_with_optional_lidar(**settings: object) -> Synchronizer:
    return Synchronizer([Stream("a", 0.04), Stream("b", 0.04, optional=True)], "a", 0.2, **settings)


def test_stalled_optional_stream_degrades_and_comes_back() -> None:
    sync = camera_with_optional_lidar()
    assert not added(sync, ("a", 0), ("b", 0))[0].degraded
    found = added(sync, ("a", 100), ("a", 200), ("a", 300), ("a", 400))
    # 100 is given up when 400 arrives, more than 0.2 s later; from then on nobody waits for b
    assert [match.stamp_ns // MS for match in found] == [100, 200, 300, 400]
    assert all(match.missing == ("b",) and match.get("b") is None for match in found)
    assert len(added(sync, ("a", 500))) == 1
    assert added(sync, ("b", 590), ("a", 600)) == []  # b speaks again and is waited for
    assert items(added(sync, ("b", 601))) == [(600, 601)]


def test_optional_stream_that_moved_on_is_not_waited_for() -> None:
    sync = camera_with_optional_lidar()
    found = added(sync, ("a", 0), ("b", 60))
    assert [match.missing for match in found] == [("b",)]


def test_required_streams_are_waited_for_beyond_the_timeout() -> None:
    sync = pair(timeout_s=0.2)
    assert added(sync, *(("a", 100 * k) for k in range(10))) == []
    assert items(added(sync, ("b", 900))) == [(900, 900)]
    assert sync.stats["no_partner"] == 9


def test_timeout_takes_the_candidate_at_hand() -> None:
    sync = pair(timeout_s=0.2)
    assert items(added(sync, ("b", -10), ("a", 0), ("a", 100), ("a", 201))) == [(0, -10)]


def test_poll_applies_the_timeout_when_nobody_speaks() -> None:
    now = [0]
    sync = camera_with_optional_lidar(clock=lambda: now[0])
    assert added(sync, ("a", 0)) == []
    now[0] = 200 * MS
    assert sync.poll() == []
    assert sync.poll(now_ns=201 * MS)[0].missing == ("b",)
    assert sync.poll(now_ns=10**12) == []


def test_flush_matches_what_waits_and_drops_the_rest() -> None:
    sync = pair()
    assert added(sync, ("b", -10), ("a", 0), ("a", 100)) == []
    assert items(sync.flush()) == [(0, -10)]
    assert sync.stats["no_partner"] == 1
    assert all(count.pending == 0 for count in sync.counts.values())


# every dropped message has its reason


def test_reasons() -> None:
    sync = pair(10.0)
    added(sync, ("a", 0), ("b", -9), ("b", -4), ("b", 3), ("b", 3), ("b", -4.5))
    assert sync.stats == {**dict.fromkeys(DROP_REASONS, 0), "not_nearest": 2, "duplicate": 1, "late": 1}
    assert sync.counts["b"].matched == 1
    assert sync.counts["b"].newest_stamp_ns == 3 * MS


def test_connects_to_and_looks_like_message_filters() -> None:
    class Filter:
        def registerCallback(self, cb: object, *args: object) -> None:
            self.call = cb

    class Message:
        def __init__(self, sec: int, nanosec: int) -> None:
            self.header = type("Header", (), {"stamp": type("Time", (), {"sec": sec, "nanosec": nanosec})})

    source, sync, heard = Filter(), pair(), []
    sync.connect("a", source)
    sync.registerCallback(lambda *got: heard.append(got), 7)
    message = Message(2, 5)
    source.call(message)
    sync.add("b", 2_000_000_005, "b")
    assert heard == [(message, "b", 7)]


def test_many_threads_lose_nothing() -> None:
    sync, heard = Synchronizer([Stream(name, 0.0) for name in "abc"], queue_size=1000), []
    sync.registerCallback(lambda *got: heard.append(got))
    threads = [
        threading.Thread(target=lambda name=name: added(sync, *((name, 10 * k) for k in range(500))))
        for name in "abc"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [(10 * k,) * 3 for k in range(500)]


# settings


@pytest.mark.parametrize(
    ("streams", "settings", "says"),
    [
        ([Stream("a", 0), Stream("a", 0)], {}, "must differ"),
        ([Stream("a", 0, optional=True)], {}, "at least one"),
        ([], {}, "at least one"),
        ([Stream("a", 0)], {"pivot": "x"}, "pivot 'x'"),
        ([Stream("a", 0), Stream("b", 0, optional=True)], {"pivot": "b"}, "allowed: a"),
        ([Stream("a", 0)], {"timeout_s": -1}, "-1"),
        ([Stream("a", 0)], {"timeout_s": float("nan")}, "nan"),
        ([Stream("a", 0)], {"queue_size": 0}, "queue_size is 0"),
        ([Stream("a", 0)], {"reset_s": 0}, "reset_s is 0"),
    ],
)
def test_contradictory_settings_are_refused(
    streams: list[Stream], settings: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        Synchronizer(streams, **settings)


@pytest.mark.parametrize("settings", [("", 0), ("a", -1), ("a", float("inf")), ("a", 0, float("nan"))])
def test_impossible_streams_are_refused(settings: tuple[object, ...]) -> None:
    with pytest.raises(ConfigError):
        Stream(*settings)


def test_unknown_stream_and_broken_stamp_are_refused() -> None:
    with pytest.raises(InputError, match="has: a, b"):
        pair().add("c", 0, None)
    with pytest.raises(InputError, match="integer"):
        pair().add("a", 0.5, None)


def test_stamps_rise_from_match_to_match() -> None:
    sync = pair()
    found = added(sync, *(("a", 33 * k) for k in range(30)), *(("b", 50 * k) for k in range(20)))
    assert all(first.stamp_ns < second.stamp_ns for first, second in pairwise(found))
