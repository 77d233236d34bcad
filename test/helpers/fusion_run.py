# SPDX-License-Identifier: Apache-2.0
"""The fusion node in a process of its own, with a peer that feeds it; what the fault tests are made of."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from helpers import stereo_scene
from helpers.processes import Process, local_ros_environment, new_domain
from helpers.ros_peer import NODE, FusionPeer, good_frame

from geo_perception.ros import conversions

REACHED = {  # transition -> state after it
    "configure": "inactive",
    "activate": "active",
    "deactivate": "inactive",
    "cleanup": "unconfigured",
    "shutdown": "finalized",
}
MODULE = "geo_perception.ros.nodes.stereo_lidar_fusion.node"
PERIOD_NS = 100_000_000
START_NS = 1_700_000_000 * 10**9
EXTRINSICS = (
    "camera_from_lidar:=[" + ",".join(f"{v:.1f}" for v in stereo_scene.CAMERA_FROM_LIDAR.ravel()) + "]"
)

UNSENT_RESPONSE = re.compile(  # the warning and, where a traceback has four spaces, the line that it is about
    r"rclpy/service\.py:\d+: RuntimeWarning: failed to send response \(timeout\)"
    r"|^  self\.__service\.service_send_response\("
)
LIGHT = ("fusion:=confidence",)  # without a network to load; a later parameter of the same name wins
ANY_AGE = ("warn_age_s:=1e10", "error_age_s:=2e10")  # crafted stamps are not of this day


def start_node(domain_id: int, *parameters: str, **options: Any) -> Process:
    """The node's process; parameters as `name:=value`."""
    arguments = ["--ros-args"]
    for parameter in (EXTRINSICS, *LIGHT, *ANY_AGE, *parameters):
        arguments += ["-p", parameter]
    return Process(MODULE, *arguments, environment=local_ros_environment(domain_id), **options)


class FusionRun:
    """A running node and its peer. Stamps go on from frame to frame, so that cases can follow each other."""

    def __init__(self, *parameters: str, listen: tuple[str, ...] = ("depth",), active: bool = True) -> None:
        """With `active` false the node stays unconfigured until `change_state`."""
        parameters = parameters if active else (*parameters, "autostart:=false")
        self.domain_id = new_domain()
        self.peer = FusionPeer(self.domain_id, listen)
        self.process = start_node(
            self.domain_id, *parameters, on_end=lambda: self.peer.give_up("the node has ended")
        )
        self._numbers = itertools.count()
        self.last_ns = START_NS
        try:
            if active:
                self.connect()
        except AssertionError as error:
            self.close()
            raise AssertionError("\n".join([str(error), *self.process.lines])) from None

    def connect(self) -> None:
        """Until frames get through: both sides of every topic must have found the other, each in its own time."""
        self.peer.wait_until_connected()
        for _ in range(30):
            frame, stamp_ns = self.next_frame()
            self.peer.send(frame)
            if self.peer.answered(stamp_ns, limit_s=1.0):
                return
        raise AssertionError("no complete answer to any of 30 frames")

    def close(self) -> None:
        self.process.end()
        self.peer.close()

    @property
    def complaints(self) -> list[str]:
        """What the node has printed beyond information."""
        return complaints_of(self.process.lines)

    def next_frame(self, gap_ns: int = PERIOD_NS) -> tuple[dict[str, Any], int]:
        """A complete frame with the next stamp."""
        self.last_ns += gap_ns
        return good_frame(self.last_ns, next(self._numbers) % 8), self.last_ns

    def expect_good(self, unknown: float = 0.0) -> int:
        """A complete frame is answered, with the right depth but for a share; gives its stamp."""
        frame, stamp_ns = self.next_frame()
        self.peer.send(frame)
        check_depth(self.peer.wait_for_output(stamp_ns), unknown)
        return stamp_ns

    def change_state(self, label: str) -> bool:
        """Whether the transition (configure, activate, deactivate, cleanup, shutdown) succeeded."""
        from lifecycle_msgs.srv import ChangeState

        request = ChangeState.Request()
        request.transition.label = label
        try:
            return bool(self.peer.call(ChangeState, f"{NODE}/change_state", request, tries=1).success)
        except TimeoutError:  # the response was lost, or the node is stuck; its state tells which
            return self.state() == REACHED[label]

    def state(self) -> str:
        """Label of the node's life-cycle state."""
        from lifecycle_msgs.srv import GetState

        return str(self.peer.call(GetState, f"{NODE}/get_state", GetState.Request()).current_state.label)

    def set_parameter(self, name: str, value: Any) -> Any:
        """Result of asking the running node for another value."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter

        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        return self.peer.call(SetParameters, f"{NODE}/set_parameters", request).results[0]


def complaints_of(lines: Sequence[str]) -> list[str]:
    """Lines beyond information, without a service's warning that its client was not yet found.

    The middleware finds a new client's reader after its request may have come; on a busy machine not within the 100 ms
    that it lets the response wait. rclpy warns, Python adds the line of rclpy that did it, and the peer asks again:
    nothing that the node could do otherwise.
    """
    return [line for line in lines if not (line.startswith("[INFO]") or UNSENT_RESPONSE.search(line))]


def check_depth(message: Any, unknown: float = 0.0) -> None:
    """The wall where it is: nearly every pixel within 5%, and at most this share unknown."""
    depth_m = conversions.decode_depth(message)
    assert depth_m.shape == (stereo_scene.HEIGHT, stereo_scene.WIDTH)
    known_m = depth_m[~np.isnan(depth_m)]
    off = np.abs(known_m / stereo_scene.DEPTH_M - 1) > 0.05
    assert known_m.size >= (1 - unknown) * depth_m.size, f"only {known_m.size} of {depth_m.size} are known"
    assert off.mean() < 0.05, f"{off.mean():.1%} of the pixels are wrong"
