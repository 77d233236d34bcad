# SPDX-License-Identifier: Apache-2.0
"""What the stock approximate synchroniser was measured to get wrong stays away: a test for each failure."""

import sys
import threading
from collections.abc import Callable

import pytest
from helpers.synchronising import MS, added, items, pair

from geo_perception.sync import Stream, Synchronizer


@pytest.mark.parametrize("pivot", ["lidar", "camera", None])
@pytest.mark.parametrize("phase_ms", [0.0, 7.0, 16.0, 25.0])
@pytest.mark.parametrize("lidar_period_ms", [100.0, 100.3])
def test_late_camera_gets_its_nearest_lidar_sweep(
    pivot: str | None, phase_ms: float, lidar_period_ms: float
) -> None:
    """30 Hz camera arriving 50 ms late, 10 Hz lidar: the error is the available one, not 70.9 ms."""
    camera = [1000 / 30 * k + phase_ms for k in range(300)]
    lidar = [lidar_period_ms * k for k in range(99)]
    arrivals = [(stamp + 50, "camera", stamp) for stamp in camera] + [
        (stamp, "lidar", stamp) for stamp in lidar
    ]
    sync = Synchronizer([Stream("camera", 0.1), Stream("lidar", 0.1)], pivot)
    found = added(sync, *((name, stamp) for _, name, stamp in sorted(arrivals)))[4:]  # rhythm unknown before
    errors_ms = [abs(match["camera"] - match["lidar"]) for match in found]
    available_ms = [min(abs(stamp - match["lidar"]) for stamp in camera) for match in found]
    assert len(found) >= 92
    assert sum(errors_ms) <= 1.1 * sum(available_ms) + 1e-3
    assert lidar_period_ms == 100.0 or sum(errors_ms) / len(errors_ms) <= 10.0  # drifting: all phases occur


def test_constant_offset_of_a_stream_is_taken_out() -> None:
    sync = Synchronizer([Stream("lidar", 0.1), Stream("camera", 0.001, offset_s=0.05)], "lidar")
    found = added(sync, ("lidar", 0), ("camera", 50), ("lidar", 100), ("camera", 150))
    assert items(found) == [(0, 50), (100, 150)]
    assert [match.stamp_ns for match in found] == [0, 100 * MS]
    assert found[1].stamps_ns == {"lidar": 100 * MS, "camera": 150 * MS}


def test_bag_loop_goes_on_pairing() -> None:
    sync = pair()
    lap = [(name, 100.0 * k) for k in range(33) for name in ("a", "b")]
    assert len(added(sync, *lap, *lap, *lap)) == 99
    assert sync.resets == 2


def test_bag_loop_with_streams_that_follow_late() -> None:
    """After one stream jumped, the others still bring the old time for a moment; that costs nothing new."""
    sync = pair()
    added(sync, ("a", 0), ("b", 0), ("a", 9900), ("a", 10000), ("b", 9900))
    assert added(sync, ("a", 0), ("b", 10000), ("a", 100)) == []
    assert items(added(sync, ("b", 0), ("b", 100))) == [(0, 0), (100, 100)]
    assert sync.resets == 1
    assert sync.stats["reset"] == 2  # a at 10000 waited, b at 10000 came late


def test_loop_of_a_bag_shorter_than_the_reset_distance() -> None:
    sync = pair()
    lap = [(name, 50.0 * k) for k in range(6) for name in ("a", "b")]
    matches = [added(sync, *lap) for _ in range(3)]
    assert all(len(lap_matches) >= 3 for lap_matches in matches)


def test_mildly_out_of_order_is_no_jump() -> None:
    sync = pair()
    found = added(sync, ("a", 0), ("a", 200), ("a", 100), ("b", 0), ("b", 100), ("b", 200))
    assert items(found) == [(0, 0), (100, 100), (200, 200)]
    assert sync.resets == 0


def test_equal_stamps_match_at_window_zero() -> None:
    sync = pair(0.0)
    assert items(added(sync, ("a", 0), ("b", 0), ("b", 100), ("a", 100))) == [(0, 0), (100, 100)]
    assert added(sync, ("a", 200), ("b", 200.000001)) == []


def test_exception_in_a_callback_is_logged_and_all_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    sync, heard = pair(), []

    def fail(*_: object) -> None:
        raise ValueError("broken callback")

    sync.registerCallback(fail)
    sync.registerCallback(lambda a, b, tag: heard.append((a, b, tag)), "tag")
    assert len(added(sync, ("a", 0), ("b", 0), ("a", 100), ("b", 100))) == 2
    assert heard == [(0, 0, "tag"), (100, 100, "tag")]
    assert sync.callback_errors == 2
    assert "broken callback" in caplog.text


def test_cost_of_a_message_does_not_grow_with_full_queues() -> None:
    """Executed lines instead of seconds; the stock one searches the product of the queues."""

    def most_lines(queue_size: int) -> int:
        streams = [Stream(name, 0.001) for name in "abcd"]
        sync = Synchronizer(streams, "a", queue_size=queue_size)
        worst = 0
        for k in range(3 * queue_size):
            for name in "abc":  # d stays away, so that the queues fill
                lines = count_lines(lambda name=name, k=k: sync.add(name, k * 10 * MS, k))
                worst = max(worst, lines)
        assert all(count.pending <= queue_size for count in sync.counts.values())
        return worst

    assert most_lines(100) <= min(1.2 * most_lines(5), 400)  # reaching a full rhythm adds a few lines


def count_lines(call: Callable[[], object]) -> int:
    lines = 0

    def trace(_frame: object, event: str, _arg: object) -> object:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


def test_evictions_are_counted() -> None:
    sync = pair(queue_size=10)
    added(sync, *(("a", 100 * k) for k in range(25)))
    assert sync.stats["overflow"] == 15
    assert sync.counts["a"].pending == 10
    assert sync.counts["a"].dropped["overflow"] == 15


def test_callbacks_run_under_no_lock() -> None:
    """A second thread adds while the callback is still running; the stock one would deadlock here."""
    sync, order = pair(), []

    def on_match(a: float, _b: float) -> None:
        order.append(a)
        if a == 0:
            other = threading.Thread(target=lambda: order.append(len(added(sync, ("a", 100), ("b", 100)))))
            other.start()
            other.join(timeout=30)
            assert not other.is_alive()

    sync.registerCallback(on_match)
    added(sync, ("a", 0), ("b", 0))
    assert order == [0, 1, 100]  # the match of the other thread is delivered after this one returns


def test_a_callback_may_add() -> None:
    sync, heard = pair(), []
    sync.registerCallback(
        lambda a, _b: (heard.append(a), added(sync, ("a", a + 100), ("b", a + 100)) if a < 500 else 0)
    )
    added(sync, ("a", 0), ("b", 0))
    assert heard == [0, 100, 200, 300, 400, 500]
