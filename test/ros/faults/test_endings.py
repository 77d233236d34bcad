# SPDX-License-Identifier: Apache-2.0
"""How things end: the node by signals in every state, a subscriber by SIGKILL."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import helpers
import pytest
from helpers.fusion_run import FusionRun, complaints_of, start_node
from helpers.processes import Process, local_ros_environment, new_domain
from helpers.ros_peer import FusionPeer

pytestmark = pytest.mark.ros

PATHS = {  # state -> transitions that lead there
    "unconfigured": (),
    "inactive": ("configure",),
    "active": ("configure", "activate"),
    "finalized": ("shutdown",),
}


UNSENT = (  # as rclpy and Python's warnings print it
    "/opt/ros/lib/rclpy/service.py:78: RuntimeWarning: failed to send response (timeout): client will not receive "
    "response, at ./src/rmw_response.cpp:153, at ./src/rcl/service.c:391",
    "  self.__service.service_send_response(response, header.request_id)",
)


def test_only_the_warning_of_an_unsent_response_is_no_complaint() -> None:
    info, warning = "[INFO] [1.0] [node]: ready", "[WARN] [1.0] [node]: no image"
    other = ["x.py:1: RuntimeWarning: mean of empty slice", "  mean(x)"]
    traced = f"  {UNSENT[1]}"  # of a traceback
    assert complaints_of([info, UNSENT[0], warning, UNSENT[1], *other, traced]) == [warning, *other, traced]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("state", PATHS)
def test_signal_ends_the_node_in_every_state(state: str, number: signal.Signals) -> None:
    run = FusionRun(active=False)
    try:
        for transition in PATHS[state]:
            assert run.change_state(transition)
        assert run.state() == state
        if state == "active":
            run.connect()
            for _ in range(20):  # in the middle of work
                run.peer.send(run.next_frame()[0])
        run.process.send(number)
        assert run.process.wait_for_exit() == 0
        assert run.complaints == []
    finally:
        run.close()


def test_signal_while_starting_ends_the_node() -> None:
    """Sent as soon as the process can be seen on the graph, whatever it is doing then."""
    domain_id = new_domain()
    peer = FusionPeer(domain_id)
    process = start_node(domain_id, on_end=lambda: peer.give_up("the node has ended"))
    try:
        peer.wait(lambda: peer.matched.get("/diagnostics"), "the first publisher of the node")
        process.send(signal.SIGINT)
        assert process.wait_for_exit() == 0
        assert not any("Traceback" in line for line in process.lines), process.lines
    finally:
        process.end()
        peer.close()


def test_signals_that_keep_coming_change_nothing() -> None:
    """Ctrl-C comes twice, from the terminal and from ros2 launch, and people are impatient."""
    run = FusionRun()
    try:
        while run.process.alive:
            run.process.send(signal.SIGINT)
            run.process.send(signal.SIGTERM)
            time.sleep(0.01)  # impatient, but leaving the node processor time to leave with
        assert run.process.wait_for_exit() == 0
        assert run.complaints == []
    finally:
        run.close()


def test_transition_that_the_state_does_not_allow_is_refused(fusion: FusionRun) -> None:
    line = len(fusion.process.lines)
    assert not fusion.change_state("configure")
    fusion.process.wait_for_line("[Tt]ransition.* configure .*state active", after=line)
    fusion.expect_good()


def test_every_state_can_be_reached_again(fusion: FusionRun) -> None:
    for _ in range(2):
        fusion.expect_good()
        for transition in ("deactivate", "cleanup", "configure", "activate"):
            assert fusion.change_state(transition)
        fusion.connect()
    fusion.expect_good()


def test_killed_subscriber_does_not_disturb_the_others(fusion: FusionRun) -> None:
    environment = {
        **local_ros_environment(fusion.domain_id),
        "PYTHONPATH": str(Path(helpers.__path__[0]).parent),
    }
    listener = Process("helpers.listener", environment=environment)
    try:
        listener.wait_for_line("listening")
        while "heard" not in listener.lines:  # discovery takes as long as it takes
            fusion.expect_good()
    finally:
        listener.kill()  # SIGKILL: it cannot say good-bye
    for _ in range(20):
        fusion.expect_good()
