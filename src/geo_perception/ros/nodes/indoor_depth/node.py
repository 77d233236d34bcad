# SPDX-License-Identifier: Apache-2.0
"""Node `indoor_depth`: rectified images of one camera in, dense metric depth out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from geo_perception.errors import InputError
from geo_perception.pipelines import DepthEstimate, IndoorDepth
from geo_perception.ros import conversions
from geo_perception.ros.nodes.camera_inputs import DoubtLog
from geo_perception.ros.nodes.depth_outputs import DepthMessageWriter
from geo_perception.ros.nodes.indoor_depth.decoder import ImageDecoder
from geo_perception.ros.nodes.indoor_depth.parameters import IMAGE, INPUTS, OUTPUTS, IndoorSettings
from geo_perception.ros.runtime import process
from geo_perception.ros.runtime.perception_node import FrameResult
from geo_perception.ros.runtime.synchronized_node import SynchronisedNode
from geo_perception.ros.runtime.topics import message_classes
from geo_perception.sync import Match

NAME = "indoor_depth"


def build_pipeline(settings: IndoorSettings) -> Any:
    """The real pipeline; tests put a fake in its place."""
    return IndoorDepth(settings.pipeline())


class IndoorDepthNode(SynchronisedNode[IndoorSettings]):
    """An image and the CameraInfo of its moment make one depth image."""

    def __init__(
        self, build: Callable[[IndoorSettings], Any] = build_pipeline, name: str = NAME, **options: Any
    ) -> None:
        super().__init__(name, IndoorSettings, message_classes(INPUTS), message_classes(OUTPUTS), **options)
        self._build = build
        self._pipeline: Any = None
        self._decode = ImageDecoder()
        self._encode = DepthMessageWriter()
        self._log_doubts = DoubtLog()

    def validate(self, settings: IndoorSettings) -> None:
        settings.pipeline()  # which knows what sizes a network takes

    def load(self, settings: IndoorSettings) -> None:
        self._pipeline = self._build(settings)

    def unload(self) -> None:
        self._pipeline = None
        self._encode = DepthMessageWriter()

    def begin(self, settings: IndoorSettings) -> None:
        super().begin(settings)
        if self._pipeline is not None:
            self._pipeline.reset()

    def diagnostic_values(self) -> Mapping[str, str]:
        if self.settings is None or self._pipeline is None:
            return {}
        keys = ("model", "device", "precision", "scale_by_focal", "on_missing")
        out = {key: str(getattr(self.settings, key)) for key in keys}
        for stage, card in self._pipeline.models.items():
            out |= {f"{stage} model": card.network, f"{stage} model sha256": card.sha256}
        return out

    def process(self, job: Match, wanted: frozenset[str]) -> FrameResult:
        settings, pipeline = self.settings, self._pipeline
        if settings is None or pipeline is None:
            raise InputError("the node is being deactivated")
        start = perf_counter()
        view = self._decode(job)
        if view.fault and settings.on_missing == "hold":
            raise InputError(view.fault)
        self._log_doubts(self.get_logger(), view.doubts)
        decode_ms = (perf_counter() - start) * 1e3
        estimate: DepthEstimate = pipeline(view.rgb, view.camera, job.stamp_ns)
        known = "; ".join(filter(None, (view.fault, *view.doubts)))
        degraded = "; ".join(filter(None, (known, *(note for note in estimate.notes if note not in known))))
        header = conversions.header(job.stamp_ns, job[IMAGE].header.frame_id)  # of every output
        messages = self._encode(estimate.depth_m, view.rgb, view.camera, wanted, settings, header)
        return FrameResult(job.stamp_ns, messages, {"decode": decode_ms, **estimate.stages_ms}, degraded)


def main() -> None:
    """Console script."""
    process.main(IndoorDepthNode)


if __name__ == "__main__":
    main()
