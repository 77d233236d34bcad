# SPDX-License-Identifier: Apache-2.0
"""Sensors that stall, return, repeat, hurry or go back in time: what comes out, and what diagnostics say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from helpers.fusion_run import PERIOD_NS, START_NS, FusionRun, check_depth
from helpers.ros_peer import good_frame

from geo_perception.ros import conversions

pytestmark = pytest.mark.ros
WARN = "1"


@pytest.fixture(scope="module")
def fusion(this_machine_only: None) -> Iterator[FusionRun]:
    # a timeout that a busy machine does not reach between the messages of one frame
    run = FusionRun("warn_missing_s:=0.4", "timeout_s:=0.5", listen=("depth", "confidence"))
    yield run
    lines, alive = list(run.process.lines), run.process.alive
    run.close()
    assert alive, "\n".join(lines)
    assert not any("Traceback" in line for line in lines), "\n".join(lines)


@pytest.fixture(params=["hold", "degrade"])
def on_missing(fusion: FusionRun, request: pytest.FixtureRequest) -> str:
    """Both ways of going on without a sensor, switched while the node runs."""
    assert fusion.set_parameter("on_missing", request.param).successful
    fusion.expect_good()
    return str(request.param)


def send_without(fusion: FusionRun, *names: str, count: int = 3) -> list[int]:
    """Frames that lack some messages; gives their stamps."""
    stamps = []
    for _ in range(count):
        frame, stamp_ns = fusion.next_frame()
        fusion.peer.send({name: message for name, message in frame.items() if name not in names})
        stamps.append(stamp_ns)
    return stamps


def confidence(fusion: FusionRun, stamp_ns: int) -> float:
    return float(np.mean(conversions.decode_image(fusion.peer.wait_for_output(stamp_ns, "confidence"))))


@pytest.mark.parametrize(
    ("absent", "says"),
    [
        (("points",), r"points: no message for"),
        (("right",), r"right/image_rect: no message for"),
        (("right", "right_info"), r"right/image_rect: no message for.*right/camera_info: no message for"),
    ],
    ids=["lidar", "right_image", "right_camera"],
)
def test_sensor_that_stalls_and_returns(
    fusion: FusionRun, on_missing: str, absent: tuple[str, ...], says: str
) -> None:
    since = len(fusion.peer.statuses)
    stamps = send_without(fusion, *absent)
    if on_missing == "degrade":
        # the last one is certain: newest wins, and whether the others are begun before it is a matter of speed
        # without the lidar, what stereo does not match is unknown
        check_depth(fusion.peer.wait_for_output(stamps[-1]), unknown=0.05 if "points" in absent else 0.0)
        assert confidence(fusion, stamps[-1]) == (0.0 if "points" in absent else 1.0)
        fusion.peer.wait_for_status("outputs", r"degraded: .*missing", since)
    assert fusion.peer.wait_for_status("inputs", says, since)["level"] >= WARN
    fusion.expect_good(
        0.05
    )  # its image may be ahead of the first sweep, which nobody waits for after a silence
    assert 0.0 < confidence(fusion, fusion.expect_good()) < 1.0
    if on_missing == "hold":
        assert not set(stamps) & set(fusion.peer.outputs["depth"])
    fusion.peer.wait_for_status("outputs", r"outputs/s")


@pytest.mark.parametrize("absent", ["left", "left_info"])
def test_left_camera_is_what_nothing_works_without(fusion: FusionRun, on_missing: str, absent: str) -> None:
    since = len(fusion.peer.statuses)
    topic = {"left": "left/image_rect", "left_info": "left/camera_info"}[absent]
    stamps = send_without(fusion, absent)
    fusion.peer.wait_for_status("inputs", rf"{topic}: no message for", since)
    fusion.expect_good()
    assert not set(stamps) & set(fusion.peer.outputs["depth"])


def test_lidar_that_was_never_there_is_named() -> None:
    run = FusionRun("warn_missing_s:=0.4", active=False)
    try:
        assert run.change_state("configure")
        assert run.change_state("activate")
        run.peer.wait_until_connected()
        send_without(run, "points")
        run.peer.wait_for_status("inputs", r"points: never a message for")
        run.connect()
    finally:
        run.close()


def test_duplicated_stamps_are_answered_once(fusion: FusionRun) -> None:
    frame, stamp_ns = fusion.next_frame()
    for _ in range(3):
        fusion.peer.send(frame)
    fusion.peer.wait_for_output(stamp_ns)
    fusion.expect_good()
    assert fusion.peer.order.count(stamp_ns) == 1
    values = fusion.peer.wait_for_status("inputs", r".")
    assert int(values["dropped messages: duplicate"]) >= 2


def test_frames_out_of_order(fusion: FusionRun) -> None:
    """A frame overtaken by a later one is dropped or answered, never mixed; order of outputs is that of time."""
    frames = [fusion.next_frame() for _ in range(4)]
    start = len(fusion.peer.order)
    for number in (0, 2, 1, 3):
        fusion.peer.send(frames[number][0])
    check_depth(fusion.peer.wait_for_output(frames[3][1]))
    answered = fusion.peer.order[start:]
    assert answered == sorted(answered)
    fusion.expect_good()


def test_bag_that_loops(fusion: FusionRun) -> None:
    """Time jumps back by half an hour; the first frame after that is answered, as is the next loop."""
    for loop in range(2):
        fusion.last_ns = START_NS - 1_800_000_000_000 - loop * 10**12
        for _ in range(3):
            fusion.expect_good()
    values = fusion.peer.wait_for_status("inputs", r".")
    assert int(values["dropped messages: time jumps"]) >= 2


def test_ten_times_the_rate(fusion: FusionRun) -> None:
    """100 frames as fast as they can be sent: the newest wins, what is skipped is counted, memory holds."""
    before_bytes = fusion.process.resident_bytes
    start = len(fusion.peer.order)
    frames = [fusion.next_frame(PERIOD_NS // 10) for _ in range(100)]
    for frame, _ in frames:
        fusion.peer.send(frame)
    stamp_ns = fusion.expect_good()
    answered = fusion.peer.order[start:]
    assert answered == sorted(set(answered))
    assert set(answered) <= {stamp for _, stamp in frames} | {stamp_ns}
    assert fusion.process.resident_bytes < before_bytes + 50 * 2**20


def test_frame_of_another_moment_is_not_mixed_in(fusion: FusionRun, on_missing: str) -> None:
    """A sweep 90 ms off is outside the window: the set is held, or made without it."""
    frame, stamp_ns = fusion.next_frame()
    late = good_frame(stamp_ns + 90_000_000)["points"]
    fusion.last_ns += PERIOD_NS
    fusion.peer.send({**frame, "points": late})
    if on_missing == "degrade":
        assert confidence(fusion, stamp_ns) == 0.0
    fusion.expect_good()
    assert (stamp_ns in fusion.peer.outputs["depth"]) == (on_missing == "degrade")
