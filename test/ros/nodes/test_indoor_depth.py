# SPDX-License-Identifier: Apache-2.0
"""The indoor depth node over DDS: around a stand-in pipeline, with a network, and started as a graph."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from helpers.indoor_model import (
    CAMERA,
    HEIGHT,
    WIDTH,
    picture,
    untrained_model,
    untrained_multi_frame_model,
)
from helpers.indoor_run import FRAME_ID, IndoorRun, indoor_frame
from helpers.node_run import STEP_NS
from helpers.processes import Process, local_ros_environment, new_domain
from helpers.ros_peer import DEPTH_OUTPUTS, IndoorPeer

from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.ros import conversions
from geo_perception.ros.nodes.indoor_depth.node import build_pipeline

pytestmark = pytest.mark.ros
STAMP_NS = 1_700_000_000 * 10**9


@pytest.fixture(autouse=True, scope="module")
def this_machine_only() -> None:
    os.environ.update(local_ros_environment())


@pytest.fixture
def make() -> Iterator[Callable[..., IndoorRun]]:
    runs: list[IndoorRun] = []

    def build(*args: Any, **options: Any) -> IndoorRun:
        runs.append(IndoorRun(*args, **options))
        return runs[-1]

    yield build
    for run in runs:
        run.close()


def test_outputs_have_the_images_stamp_frame_and_calibration(make: Callable[..., IndoorRun]) -> None:
    run = make().start()
    stamp_ns = run.send()
    for name in DEPTH_OUTPUTS:
        message = run.peer.wait_for_output(stamp_ns, name)
        assert message.header.frame_id == FRAME_ID
        assert (message.height, message.width) == (HEIGHT, WIDTH)
    assert conversions.camera_from_info(run.peer.outputs["info"][stamp_ns]) == CAMERA
    assert np.all(conversions.decode_depth(run.peer.outputs["depth"][stamp_ns]) == 2.0)
    points = conversions.decode_points(run.peer.outputs["cloud"][stamp_ns])
    assert len(points) == HEIGHT * WIDTH and np.all(points[:, 2] == 2.0)
    (call,) = run.pipeline.calls
    assert call.camera == CAMERA
    np.testing.assert_array_equal(call.image, picture())


def test_without_subscriber_nothing_is_computed(make: Callable[..., IndoorRun]) -> None:
    run = make(listen=()).start()
    run.send()
    run.wait_for_drop("no_subscriber")
    assert not run.pipeline.calls


def test_what_the_pipeline_notes_is_in_the_diagnostics(make: Callable[..., IndoorRun]) -> None:
    run = make(listen=("depth",)).start()
    run.pipeline.notes = ("the image is uniform",)
    run.peer.wait_for_output(run.send())
    run.wait_for_status("degraded", lambda what: what == "the image is uniform")
    values = run.wait_for_status("state", lambda state: state == "active")
    assert (values["depth model"], values["depth model sha256"]) == ("distdepth", "abc")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("max_gap_s", 2.0, "takes effect when the node is configured"),
        ("max_gap_s", -1.0, "out of range Min: 0.0"),
        ("model", "other", "takes effect when the node is configured"),
        ("aspect", "squash", "one of card, stretch, pad, crop"),
        ("preview_max_m", 0.2, "is not below preview_max_m"),
    ],
)
def test_changes_that_cannot_be_are_refused_with_the_reason(
    make: Callable[..., IndoorRun], name: str, value: Any, reason: str
) -> None:
    from rclpy.parameter import Parameter

    run = make()
    assert run.node.autostart()
    result = run.node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful
    assert reason in result.reason


def test_a_size_no_network_takes_leaves_the_node_unconfigured(make: Callable[..., IndoorRun]) -> None:
    run = make(network_width=100)
    assert not run.node.autostart()
    assert run.node.state == "unconfigured"


def test_with_a_network_it_publishes_what_the_pipeline_gives(tmp_path: Path) -> None:
    """The graph as `geo-perception launch` starts it, in a process of its own."""
    model, domain = untrained_model(tmp_path / "indoor"), new_domain()
    words = (f"model:={model}", "precision:=float32", "image:=cam/image", "camera_info:=cam/info")

    class Peer(IndoorPeer):
        INPUTS: ClassVar = {"info": ("CameraInfo", "cam/info"), "image": ("Image", "cam/image")}

    peer = Peer(domain)
    launch = Process(
        *("geo_perception.cli", "launch", "indoor_depth", *words),
        environment=local_ros_environment(domain),
        on_end=lambda: peer.give_up("the graph has ended"),
    )
    try:
        launch.wait_for_line(r"\[indoor_depth\]: active")
        peer.wait_until_connected()
        stamp_ns = STAMP_NS
        for _ in range(30):  # both sides of every topic must have found the other, each in its own time
            stamp_ns += 10**8
            peer.send(indoor_frame(stamp_ns))
            if peer.answered(stamp_ns, limit_s=1.0):
                break
        got = conversions.decode_depth(peer.wait_for_output(stamp_ns))
        want = IndoorDepth(IndoorDepthConfig(model=model, precision="float32"))(picture(), CAMERA).depth_m
        np.testing.assert_allclose(got, want, rtol=1e-4)
        launch.send(signal.SIGINT)
        assert launch.wait_for_exit() == 0
    finally:
        launch.end()
        peer.close()


def test_a_sequence_is_compared_in_time_until_time_jumps_back(
    make: Callable[..., IndoorRun], tmp_path: Path
) -> None:
    model = untrained_multi_frame_model(tmp_path / "multi", canonical_focal=0.5)
    run = make(listen=("depth",), model=model, precision="float32", max_gap_s=0.3)
    run.build = build_pipeline
    run.start()
    direct = IndoorDepth(IndoorDepthConfig(model=model, precision="float32", max_gap_s=0.3))

    def answer(seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Depth as received, and as the pipeline gives it for the same images at the same times."""
        header = conversions.header(run.stamp_ns + STEP_NS, FRAME_ID)
        stamp_ns = run.send(image=conversions.encode_image(picture(seed=seed), "rgb8", header))
        want = direct(picture(seed=seed), CAMERA, stamp_ns).depth_m
        return conversions.decode_depth(run.peer.wait_for_output(stamp_ns)), want

    for seed in range(3):
        got, want = answer(seed)
        np.testing.assert_allclose(got, want, rtol=1e-4)
    in_sequence = want
    run.stamp_ns -= 10**10
    got, want = answer(2)
    np.testing.assert_allclose(got, want, rtol=1e-4)
    assert np.abs(want / in_sequence - 1).max() > 0.01  # the image before made a difference
    run.wait_for_status("degraded", lambda what: "depth from one image alone" in what)
    run.wait_for_status("depth model", lambda network: network == "video_depth")


def test_a_node_that_was_inactive_starts_a_new_sequence(make: Callable[..., IndoorRun]) -> None:
    run = make(listen=("depth",)).start()
    before = run.pipeline.resets
    run.node.trigger_deactivate()
    run.node.trigger_activate()
    assert run.pipeline.resets == before + 1


def test_the_pipeline_is_told_the_time_of_the_image(make: Callable[..., IndoorRun]) -> None:
    run = make(listen=("depth",)).start()
    stamp_ns = run.send()
    run.peer.wait_for_output(stamp_ns)
    assert run.pipeline.calls[-1].stamp_ns == stamp_ns


def test_a_missing_model_ends_the_graph_with_one_line() -> None:
    launch = Process(
        *("geo_perception.cli", "launch", "indoor_depth", "model:=nowhere"),
        environment=local_ros_environment(),
    )
    assert launch.wait_for_exit() == 2
    assert len(launch.lines) == 1, launch.lines
    assert "cannot configure: no model 'nowhere'; there are" in launch.lines[0]
