# SPDX-License-Identifier: Apache-2.0
"""What a node says of its surroundings: silent inputs, wrong clocks, quality of service, namesakes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from helpers.node_run import STEP_NS, NodeRun
from helpers.processes import local_ros_environment
from helpers.ros_peer import LIMIT_S, Peer

from geo_perception.ros import conversions

pytestmark = pytest.mark.ros
PERIOD_S = 0.05
SHORT = {"error_missing_s": 0.3, "warn_missing_s": 0.2, "warn_age_s": 1e10, "error_age_s": 2e10}


@pytest.fixture(autouse=True)
def this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_ros_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def run() -> Iterator[Any]:
    """Starts nodes; keyword arguments are parameters."""
    started: list[NodeRun] = []

    def start(listen: tuple[str, ...] | None = ("depth",), **parameters: Any) -> NodeRun:
        started.append(NodeRun(listen, **{**SHORT, **parameters}).start())
        return started[-1]

    yield start
    for each in started:
        each.close()


def input_lines(run: NodeRun) -> list[str]:
    return [s.message for s in run.peer.statuses if s.name.endswith(": inputs")]


def wait_for_input_line(run: NodeRun, pattern: str) -> str:
    """The first message of the inputs' status that matches."""

    def found() -> str | None:
        return next((line for line in input_lines(run) if re.search(pattern, line)), None)

    line: str = run.peer.wait(found, f"{pattern!r} among {set(input_lines(run))}")
    return line


def send_one(run: NodeRun, ahead_ns: dict[str, int]) -> int:
    """A frame half a step after the last one, of which some messages are stamped by another clock; gives its stamp."""
    run.stamp_ns += STEP_NS // 2
    frame = run.frame(run.stamp_ns)
    for name, ahead in ahead_ns.items():
        header = frame[name].header  # may be another message's, too
        frame[name].header = conversions.header(run.stamp_ns + ahead, header.frame_id)
    run.peer.send(frame)
    time.sleep(PERIOD_S)  # the rate of a sensor, which is what is tested
    return run.stamp_ns


def send_for(run: NodeRun, seconds: float, ahead_ns: dict[str, int]) -> list[int]:
    """Frames at 20 Hz at most; gives their stamps."""
    stamps, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        stamps.append(send_one(run, ahead_ns))
    return stamps


@pytest.mark.parametrize("ahead_s", [37.1, -37.1])
def test_a_lidar_of_another_clock_costs_its_own_depth_only(run: Any, ahead_s: float) -> None:
    node = run(on_missing="degrade", timeout_s=0.05)
    stamps = send_for(node, 5.0, {"points": round(ahead_s * 1e9)})
    node.peer.wait_for_output(stamps[-1])  # which nothing newer can supersede
    heard = [stamp for stamp in stamps if stamp in node.peer.outputs["depth"]]
    assert len(heard) >= 0.8 * len(stamps)
    line = wait_for_input_line(node, "points: no match for")
    side = "later" if ahead_s > 0 else "earlier"
    assert f"stamped 37.100 s {side} than left/image_rect, the window is 0.06 s" in line
    assert f"set lidar_offset_s:={ahead_s:.3f}" in line
    assert node.node.set_parameters_atomically([parameter("lidar_offset_s", ahead_s)]).successful
    calls = len(node.pipeline.calls)
    send_for(node, 1.0, {"points": round(ahead_s * 1e9)})
    node.peer.wait(lambda: any(call.points is not None for call in node.pipeline.calls[calls:]), "a match")


def unmatched(line: str) -> set[str]:
    """The streams that a message of the inputs' status says find no match."""
    return set(re.findall(r"(\S+): no match for", line))


@pytest.mark.parametrize(
    ("names", "parameter_name"),
    [
        (("points",), "lidar_offset_s"),
        (("right", "right_info"), "right_offset_s"),
        (("left_info",), "driver"),
    ],
)
def test_in_hold_mode_the_stream_at_fault_is_named_and_no_other(
    run: Any, names: tuple[str, ...], parameter_name: str
) -> None:
    node = run(on_missing="hold")
    send_for(node, 5.0, dict.fromkeys(names, 20 * 10**9))
    topics = {"points": "points", "right": "right/image_rect", "right_info": "right/camera_info"}
    expected = {topics.get(name, "left/camera_info") for name in names}
    node.peer.wait(lambda: expected in map(unmatched, input_lines(node)), f"{expected} among the unmatched")
    for line in filter(
        unmatched, input_lines(node)
    ):  # of two the first line may name the one that came first
        assert unmatched(line) <= expected
        assert parameter_name in line
    assert not node.peer.outputs["depth"]


def test_streams_that_match_in_the_future_are_noticed(run: Any) -> None:
    """Two seconds ahead, which the queues bridge: by their stamps all is well, and the depth mixes moments."""
    node = run()
    said = "in the future of this machine's clock: "
    end = time.monotonic() + LIMIT_S
    while not any(said in line for line in input_lines(node)) and time.monotonic() < end:
        node.stamp_ns = max(
            node.stamp_ns, time.time_ns() + 3 * 10**9
        )  # also where frames take longer than 50 ms
        send_one(node, {})
    line = wait_for_input_line(node, said)
    assert re.search(r"points [23]\.\d+ s", line)


def parameter(name: str, value: Any) -> Any:
    from rclpy.parameter import Parameter

    return Parameter(name, value=value)


def test_unstamped_messages_are_refused_by_name(run: Any) -> None:
    node = run()
    node.stamp_ns = -STEP_NS
    node.send()  # stamp 0
    node.wait_for_status(
        "trouble: points: the stamp is 0, so the message is not stamped; its driver must stamp what it sends",
        lambda count: int(count) == 1,
    )
    node.stamp_ns = 10**18
    node.peer.wait_for_output(node.send())


def test_inputs_without_a_publisher_are_named_with_what_there_is(run: Any) -> None:
    from sensor_msgs.msg import CompressedImage, Image

    node = run()
    for name in ("left", "right"):
        node.peer.node.destroy_publisher(node.peer.inputs.pop(name))
    node.peer.publisher(Image, "camera/left/image_raw")
    other = Peer(node.peer.node.context.get_domain_id())  # one participant has one type a topic
    other.publisher(CompressedImage, "right/image_rect")
    wait_for_input_line(
        node, r"no publisher on /left/image_rect \(of these types there is /camera/left/image_raw: "
    )
    wait_for_input_line(
        node, "/right/image_rect is published as sensor_msgs/msg/CompressedImage, this node reads"
    )
    wait_for_input_line(node, r"nothing arrives on /left/camera_info \(published by /peer_")
    other.close()


def test_a_second_node_of_the_name_is_noticed(run: Any) -> None:
    node = run()
    import rclpy

    other = rclpy.create_node("stereo_lidar_fusion", context=node.context, enable_rosout=False)
    try:
        wait_for_input_line(node, "1 more node named /stereo_lidar_fusion: outputs and services mix")
    finally:
        other.destroy_node()


def test_nodes_of_two_namespaces_have_two_identities() -> None:
    from geo_perception.ros.runtime.diagnostics import Status, to_message

    status, stamp = [Status("inputs", 0, "")], conversions.time_from_ns(0)
    (front,), (rear,), (alone,) = (
        to_message(name, status, stamp).status for name in ("/front/depth", "/rear/depth", "/depth")
    )
    assert (front.name, front.hardware_id) == ("front/depth: inputs", "/front/depth")
    assert (rear.name, rear.hardware_id) == ("rear/depth: inputs", "/rear/depth")
    assert (alone.name, alone.hardware_id) == ("depth: inputs", "/depth")


def test_incompatible_quality_of_service_is_named_by_policy_and_parameter(run: Any) -> None:
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image, PointCloud2

    node = run(**{"qos_overrides./points.subscription.reliability": "reliable"})
    node.peer.publisher(PointCloud2, "points", QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
    line = wait_for_input_line(node, "points: a publisher of /points offers another reliability")
    assert "qos_overrides./points.subscription.reliability" in line
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.peer.subscription(Image, "depth/image_color", lambda message: None, latched)
    line = wait_for_input_line(node, "depth/image_color: a subscriber of /depth/image_color asks for another")
    assert "durability" in line and "qos_overrides./depth/image_color.publisher.durability" in line
