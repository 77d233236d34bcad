# SPDX-License-Identifier: Apache-2.0
"""The node around a stand-in pipeline, over DDS: what it computes when, what it publishes, every transition."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers.node_run import NodeRun
from helpers.processes import local_ros_environment
from helpers.ros_peer import OUTPUTS
from helpers.stereo_scene import HEIGHT, RIG, WIDTH

from geo_perception.errors import WeightsError
from geo_perception.ros import conversions

pytestmark = pytest.mark.ros
TRANSITIONS = ("configure", "activate", "deactivate", "cleanup", "shutdown")


@pytest.fixture(autouse=True, scope="module")
def this_machine_only() -> None:
    os.environ.update(local_ros_environment())


@pytest.fixture
def make() -> Iterator[Callable[..., NodeRun]]:
    runs: list[NodeRun] = []

    def build(*args: Any, **options: Any) -> NodeRun:
        runs.append(NodeRun(*args, **options))
        return runs[-1]

    yield build
    for run in runs:
        run.close()


def test_outputs_have_the_left_images_stamp_frame_and_calibration(make: Callable[..., NodeRun]) -> None:
    run = make().start()
    stamp_ns = run.send()
    for name in OUTPUTS:
        message = run.peer.wait_for_output(stamp_ns, name)
        assert message.header.frame_id == "camera_left_optical_frame"
        assert (message.height, message.width) == (HEIGHT, WIDTH)
    assert conversions.camera_from_info(run.peer.outputs["info"][stamp_ns]) == RIG.left
    assert np.all(conversions.decode_depth(run.peer.outputs["depth"][stamp_ns]) == 7.0)
    assert np.all(conversions.decode_image(run.peer.outputs["confidence"][stamp_ns]) == 0.5)
    (call,) = run.pipeline.calls
    assert call.rig == RIG
    assert call.left.shape == (HEIGHT, WIDTH, 3)


def test_an_output_of_another_size_has_its_own_calibration(make: Callable[..., NodeRun]) -> None:
    run = make().start()
    run.pipeline.scale = 0.5
    stamp_ns = run.send()
    info = run.peer.wait_for_output(stamp_ns, "info")
    assert conversions.camera_from_info(info) == RIG.left.scaled(WIDTH // 2, HEIGHT // 2)
    cloud = run.peer.wait_for_output(stamp_ns, "cloud")
    assert (cloud.height, cloud.width) == (HEIGHT // 2, WIDTH // 2)


def test_depth_in_millimetres_is_a_live_choice(make: Callable[..., NodeRun]) -> None:
    from rclpy.parameter import Parameter

    run = make().start()
    assert run.node.set_parameters([Parameter("depth_encoding", value="16UC1")])[0].successful
    message = run.peer.wait_for_output(run.send())
    assert message.encoding == "16UC1"
    assert np.allclose(conversions.decode_depth(message), 7.0)


def test_without_subscriber_nothing_is_computed(make: Callable[..., NodeRun]) -> None:
    run = make(listen=()).start()
    run.send()
    run.wait_for_drop("no_subscriber")
    assert not run.pipeline.calls


def test_of_what_comes_while_it_computes_only_the_newest_counts(make: Callable[..., NodeRun]) -> None:
    run = make(listen=("depth",)).start()
    run.peer.wait_for_output(run.send())
    run.pipeline.go.clear()
    stamps = [run.send() for _ in range(4)]
    run.wait_for_drop("superseded")
    run.pipeline.go.set()
    run.peer.wait_for_output(stamps[-1])
    answered = [stamp for stamp in stamps if stamp in run.peer.outputs["depth"]]
    assert len(answered) + run.drops()["superseded"] == len(stamps)


def test_a_failing_frame_is_counted_and_the_next_one_served(make: Callable[..., NodeRun]) -> None:
    run = make(listen=("depth",)).start()
    run.pipeline.fault = RuntimeError("out of memory")
    run.send()
    run.wait_for_drop("failed")
    run.pipeline.fault = None
    run.peer.wait_for_output(run.send())
    ((text, count),) = run.node.health.report().troubles.items()
    assert "RuntimeError: out of memory" in text
    assert count == 1


@pytest.mark.parametrize(
    ("missing", "sensor"), [("right", "right"), ("right_info", "right"), ("points", "points")]
)
def test_degraded_the_other_sensor_goes_on(make: Callable[..., NodeRun], missing: str, sensor: str) -> None:
    run = make(listen=("depth",), on_missing="degrade").start()
    stamp_ns = run.send(without=missing)
    run.peer.wait_for_output(stamp_ns)
    (call,) = run.pipeline.calls
    assert getattr(call, sensor) is None
    run.wait_for_status("degraded", lambda what: "missing" in what)


def test_held_nothing_goes_out_without_the_other_sensor(make: Callable[..., NodeRun]) -> None:
    run = make(listen=("depth",)).start()
    run.send(without="points")
    stamp_ns = run.send()
    run.peer.wait_for_output(stamp_ns)
    assert list(run.peer.outputs["depth"]) == [stamp_ns]


def test_every_transition_from_every_state_works_or_is_refused(make: Callable[..., NodeRun]) -> None:
    from lifecycle_msgs.srv import ChangeState

    run = make(listen=("depth",))
    run.thread.start()
    reached = {
        ("unconfigured", "configure"): "inactive",
        ("inactive", "activate"): "active",
        ("active", "deactivate"): "inactive",
        ("inactive", "cleanup"): "unconfigured",
    }

    def ask(label: str) -> bool:
        request, before = ChangeState.Request(), run.node.state
        request.transition.label = label
        try:
            return bool(
                run.peer.call(ChangeState, "stereo_lidar_fusion/change_state", request, tries=1).success
            )
        except TimeoutError:  # the first response was lost; the state tells what it was
            return bool(run.node.state != before)

    walk = [
        "configure",
        "activate",
        "deactivate",
        "activate",
        "deactivate",
        "cleanup",
        "configure",
        "activate",
    ]
    for step in walk:
        state = run.node.state
        for label in set(TRANSITIONS) - {"shutdown"} - {t for s, t in reached if s == state}:
            assert not ask(label)
            assert run.node.state == state
        assert ask(step)
        assert run.node.state == reached[state, step]
    # after all that it still works, as soon as the new endpoints of both sides have found each other
    assert any(run.peer.answered(run.send(), limit_s=1.0) for _ in range(30))
    assert ask("shutdown")
    assert run.node.state == "finalized"


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_shutdown_from_every_state(make: Callable[..., NodeRun], steps: int) -> None:
    from rclpy.lifecycle import TransitionCallbackReturn

    run = make()
    for step in (run.node.trigger_configure, run.node.trigger_activate)[:steps]:
        step()
    assert run.node.trigger_shutdown() == TransitionCallbackReturn.SUCCESS
    assert run.node.state == "finalized"


def test_a_model_that_does_not_load_leaves_the_node_unconfigured_until_it_does(
    make: Callable[..., NodeRun],
) -> None:
    run = make()
    good = run.build

    def bad(settings: Any) -> Any:
        raise WeightsError("models/x: sha256 differs")

    run.build = bad
    assert not run.node.autostart()
    assert run.node.state == "unconfigured"
    run.build = good
    assert run.node.autostart()


def test_an_unforeseen_error_while_loading_leaves_it_unconfigured_too(make: Callable[..., NodeRun]) -> None:
    run = make()
    run.build = lambda settings: 1 / 0
    assert not run.node.autostart()
    assert run.node.state == "unconfigured"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("stereo", "psmnet", "takes effect when the node is configured"),
        ("max_rate_hz", -1.0, "max_rate_hz out of range"),
        ("on_missing", "guess", "one of hold, degrade"),
        ("camera_from_lidar", [1.0], "16 values"),
        ("timeout_s", "soon", "must be float"),
    ],
)
def test_changes_that_cannot_be_are_refused_with_the_reason(
    make: Callable[..., NodeRun], name: str, value: Any, reason: str
) -> None:
    from rclpy.parameter import Parameter

    run = make()
    assert run.node.autostart()
    before = run.node.settings
    result = run.node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful
    assert reason in result.reason
    assert run.node.settings == before


def test_after_clean_up_what_is_fixed_may_change(make: Callable[..., NodeRun]) -> None:
    from rclpy.parameter import Parameter

    run = make()
    run.node.trigger_configure()
    run.node.trigger_cleanup()
    assert run.node.set_parameters([Parameter("precision", value="bfloat16")])[0].successful
    run.node.trigger_configure()
    assert run.node.settings.precision == "bfloat16"


def test_quality_of_service_can_be_overridden(make: Callable[..., NodeRun]) -> None:
    from rclpy.qos import ReliabilityPolicy

    run = make(
        **{
            "qos_overrides./points.subscription.reliability": "reliable",
            "qos_overrides./depth/points.publisher.reliability": "best_effort",
            "qos_overrides./depth/points.publisher.depth": 3,
        }
    )
    assert run.node.autostart()
    (points,) = run.node.get_subscriptions_info_by_topic("/points")
    (image,) = run.node.get_subscriptions_info_by_topic("/left/image_rect")
    (cloud,) = run.node.get_publishers_info_by_topic("/depth/points")
    (depth,) = run.node.get_publishers_info_by_topic("/depth/image_rect")
    got = [info.qos_profile.reliability for info in (points, image, cloud, depth)]
    best_effort, reliable = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE
    assert got == [reliable, best_effort, best_effort, reliable]


def test_diagnostics_name_the_model_and_the_memory(make: Callable[..., NodeRun]) -> None:
    run = make(listen=("depth",)).start()
    run.peer.wait_for_output(run.send())
    values = run.wait_for_status("state", lambda state: state == "active")
    assert values["fusion model"] == "scadc"
    assert values["fusion model sha256"] == "abc"
    assert float(values["resident memory [MiB]"]) > 1
