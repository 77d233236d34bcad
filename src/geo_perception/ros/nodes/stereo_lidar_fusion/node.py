# SPDX-License-Identifier: Apache-2.0
"""Node `stereo_lidar_fusion`: rectified stereo images and lidar sweeps in, dense metric depth out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

from geo_perception.errors import InputError
from geo_perception.pipelines import FusedDepth, StereoLidarFusion
from geo_perception.pipelines.stereo_lidar_fusion.search_range import SearchRange
from geo_perception.ros import conversions
from geo_perception.ros.nodes.camera_inputs import DoubtLog
from geo_perception.ros.nodes.stereo_lidar_fusion.decoder import FusionDecoder, Sensors
from geo_perception.ros.nodes.stereo_lidar_fusion.encoder import OutputEncoder
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import (
    INPUTS,
    LEFT,
    OUTPUTS,
    POINTS,
    FusionSettings,
)
from geo_perception.ros.runtime import process
from geo_perception.ros.runtime.extrinsics import Extrinsics
from geo_perception.ros.runtime.perception_node import FrameResult
from geo_perception.ros.runtime.synchronized_node import SynchronisedNode
from geo_perception.ros.runtime.topics import message_classes
from geo_perception.sync import Match

NAME = "stereo_lidar_fusion"


def build_pipeline(settings: FusionSettings) -> Any:
    """The real pipeline; tests put a fake in its place."""
    return StereoLidarFusion(settings.pipeline())


class StereoLidarFusionNode(SynchronisedNode[FusionSettings]):
    """Left image, right image, their CameraInfos and a sweep of one moment make one depth image."""

    def __init__(
        self, build: Callable[[FusionSettings], Any] = build_pipeline, name: str = NAME, **options: Any
    ) -> None:
        super().__init__(name, FusionSettings, message_classes(INPUTS), message_classes(OUTPUTS), **options)
        self._build = build
        self._pipeline: Any = None
        self._extrinsics: Extrinsics | None = None
        self._decode: FusionDecoder | None = None
        self._encode = OutputEncoder()
        self._log_doubts = DoubtLog()
        self._search_range: SearchRange | None = None
        self._last: dict[str, str] = {}  # what the latest frame showed, for diagnostics
        self._suspected = False

    def load(self, settings: FusionSettings) -> None:
        self._pipeline = self._build(settings)

    def unload(self) -> None:
        self._pipeline = None
        self._encode = OutputEncoder()

    def begin(self, settings: FusionSettings) -> None:
        self._extrinsics = Extrinsics(self, settings.camera_from_lidar)
        self._decode = FusionDecoder(self._extrinsics)
        self._search_range, self._last, self._suspected = None, {}, False
        super().begin(settings)

    def end(self) -> None:
        super().end()
        if self._extrinsics is not None:
            self._extrinsics.close()
        self._extrinsics = self._decode = None

    def diagnostic_values(self) -> Mapping[str, str]:
        if self.settings is None or self._pipeline is None:
            return {}
        keys = ("stereo", "completion", "fusion", "device", "precision", "on_missing")
        out = {key: str(getattr(self.settings, key)) for key in keys}
        for stage, card in self._pipeline.models.items():
            out |= {f"{stage} model": card.network, f"{stage} model sha256": card.sha256}
        out |= self._last
        return out if self._extrinsics is None else {**out, **self._extrinsics.diagnostic_values()}

    def process(self, job: Match, wanted: frozenset[str]) -> FrameResult:
        settings, decode, pipeline = self.settings, self._decode, self._pipeline
        if settings is None or decode is None or pipeline is None:
            raise InputError("the node is being deactivated")
        start = perf_counter()
        sensors = decode(job)
        self._hold(settings, sensors.faults)
        self._log_doubts(self.get_logger(), sensors.doubts)
        decode_ms = (perf_counter() - start) * 1e3
        fused: FusedDepth = pipeline(
            sensors.left, sensors.right, sensors.points_lidar, sensors.rig, sensors.camera_from_lidar
        )
        faults = sensors.faults
        if sensors.points_lidar is not None and fused.lidar_depth_m is None:
            faults = (*faults, f"{POINTS}: no return falls into the image")
            self._hold(settings, faults)
        self._note(fused, sensors)
        suspicion = fused.suspicion(settings.warn_dropped_returns)
        if suspicion and not self._suspected:
            self.get_logger().warning(suspicion)
            self._suspected = True
        degraded = "; ".join(filter(None, (*faults, *sensors.doubts, suspicion)))
        header = conversions.header(
            job.stamp_ns, job[LEFT].header.frame_id
        )  # of every output, as the left image's
        messages = self._encode(sensors, fused, wanted, settings, header)
        return FrameResult(job.stamp_ns, messages, {"decode": decode_ms, **fused.stages_ms}, degraded)

    def _note(self, fused: FusedDepth, sensors: Sensors) -> None:
        """Keep what diagnostics shows of a frame; log how near stereo sees whenever that changes."""
        search, agreement = fused.search_range, fused.agreement
        if search is not None and search != self._search_range:
            log = self.get_logger().warning if search.is_short else self.get_logger().info
            log(str(search))
            self._search_range = search
        last: dict[str, str] = {}
        if search is not None:
            last |= {"disparities searched [px]": str(search.disparities_px)}
            last |= {"nearest stereo depth [m]": f"{search.nearest_m:.2f}"}
        if sensors.points_lidar is not None:
            last |= {"points without return": str(sensors.no_returns)}
        if agreement is not None:
            last |= {"returns dropped by stereo [%]": f"{100 * agreement.dropped:.1f}"}
            last |= {"stereo depth over lidar depth": f"{agreement.depth_ratio:.3f}"}
        self._last = last

    @staticmethod
    def _hold(settings: FusionSettings, faults: tuple[str, ...]) -> None:
        if faults and settings.on_missing == "hold":
            raise InputError("; ".join(faults))


def main() -> None:
    """Console script."""
    process.main(StereoLidarFusionNode)


if __name__ == "__main__":
    main()
