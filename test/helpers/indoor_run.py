# SPDX-License-Identifier: Apache-2.0
"""The indoor depth node in this process, around a stand-in pipeline or a real one, with a peer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from helpers.indoor_model import CAMERA, picture
from helpers.node_run import NodeRun
from helpers.ros_peer import IndoorPeer, NodePeer

from geo_perception.pipelines import DepthEstimate
from geo_perception.ros import conversions

FRAME_ID = "camera_optical_frame"


@dataclass
class StandIn:
    """A pipeline that answers at once, or fails if told to."""

    fault: Exception | None = None
    notes: tuple[str, ...] = ()
    calls: list[SimpleNamespace] = field(default_factory=list)
    models: dict[str, Any] = field(
        default_factory=lambda: {"depth": SimpleNamespace(network="distdepth", sha256="abc")}
    )

    resets: int = 0

    def reset(self) -> None:
        self.resets += 1

    def __call__(self, image: Any, camera: Any, stamp_ns: int) -> DepthEstimate:
        self.calls.append(SimpleNamespace(image=np.array(image), camera=camera, stamp_ns=stamp_ns))
        if self.fault is not None:
            raise self.fault
        return DepthEstimate(np.full(image.shape[:2], 2.0, np.float32), 1.0, self.notes, {"network": 1.0})


class IndoorRun(NodeRun):
    """The node on an executor's thread of this process, and a peer."""

    peer_type: type[NodePeer] = IndoorPeer

    def stand_in(self) -> Any:
        return StandIn()

    def node_type(self) -> Any:
        from geo_perception.ros.nodes.indoor_depth.node import IndoorDepthNode

        return IndoorDepthNode

    def parameters(self, given: dict[str, Any]) -> Iterable[tuple[str, Any]]:
        return given.items()

    def frame(self, stamp_ns: int) -> dict[str, Any]:
        return indoor_frame(stamp_ns)


def indoor_frame(stamp_ns: int) -> dict[str, Any]:
    """Messages of a complete frame."""
    header = conversions.header(stamp_ns, FRAME_ID)
    image = conversions.encode_image(picture(), "rgb8", header)
    return {"image": image, "info": conversions.info_from_camera(CAMERA, header)}
