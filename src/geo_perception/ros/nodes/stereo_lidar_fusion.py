# SPDX-License-Identifier: Apache-2.0
"""Node `stereo_lidar_fusion`: rectified stereo images and lidar sweeps in, dense metric depth out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from geo_perception.errors import InputError
from geo_perception.geometry import PinholeCamera
from geo_perception.pipelines import FusedDepth, StereoLidarFusion
from geo_perception.preview import colourise_depth
from geo_perception.ros import conversions
from geo_perception.ros.nodes.consistency import disagreement
from geo_perception.ros.nodes.fusion_inputs import InputDecoder, Sensors
from geo_perception.ros.nodes.fusion_settings import (
    CLOUD,
    COLOUR,
    CONFIDENCE,
    DEPTH,
    DEPTH_INFO,
    LEFT,
    LEFT_INFO,
    POINTS,
    RIGHT,
    RIGHT_INFO,
    FusionSettings,
)
from geo_perception.ros.runtime import process
from geo_perception.ros.runtime.extrinsics import Extrinsics, tf_message_type
from geo_perception.ros.runtime.node import Answer, PerceptionNode
from geo_perception.sync import Match, Synchronizer

NAME = "stereo_lidar_fusion"
INPUTS: dict[str, Any] = {
    LEFT: Image,
    RIGHT: Image,
    LEFT_INFO: CameraInfo,
    RIGHT_INFO: CameraInfo,
    POINTS: PointCloud2,
}
OUTPUTS: dict[str, Any] = {
    DEPTH: Image,
    DEPTH_INFO: CameraInfo,
    CONFIDENCE: Image,
    COLOUR: Image,
    CLOUD: PointCloud2,
}
POLL_SHARE = 0.25  # of the timeout: how late a degraded set may be noticed
MIN_POLL_S = 0.01


def build_pipeline(settings: FusionSettings) -> Any:
    """The real pipeline; tests put a fake in its place."""
    return StereoLidarFusion(settings.pipeline())


class StereoLidarFusionNode(PerceptionNode[FusionSettings, Match]):
    """Left image, right image, their CameraInfos and a sweep of one moment make one depth image."""

    def __init__(
        self, build: Callable[[FusionSettings], Any] = build_pipeline, name: str = NAME, **options: Any
    ) -> None:
        super().__init__(name, FusionSettings, INPUTS, OUTPUTS, **options)
        self._build = build
        self._pipeline: Any = None
        self._sync: Synchronizer | None = None
        self._extrinsics: Extrinsics | None = None
        self._poll: Any = None
        self._decode: InputDecoder | None = None
        self._cloud_encoder: Any = None

    def accept(self, settings: FusionSettings) -> None:
        if not settings.camera_from_lidar:
            tf_message_type()  # better to fail now than when the first sweep comes

    def load(self, settings: FusionSettings) -> None:
        self._pipeline = self._build(settings)

    def unload(self) -> None:
        self._pipeline = self._cloud_encoder = None

    def begin(self, settings: FusionSettings) -> None:
        self._extrinsics = Extrinsics(self, settings.camera_from_lidar)
        self._decode = InputDecoder(self._extrinsics)
        self._synchronise(settings)

    def end(self) -> None:
        if self._poll is not None:
            self.destroy_timer(self._poll)
        if self._extrinsics is not None:
            self._extrinsics.close()
        self._poll = self._extrinsics = self._decode = self._sync = None

    def renew(self, settings: FusionSettings) -> None:
        self.end()
        self.begin(settings)

    def _synchronise(self, settings: FusionSettings) -> None:
        """A synchroniser by the present settings, and a timer for when no message tells the time."""
        self._sync = sync = Synchronizer(settings.streams(), pivot=LEFT, timeout_s=settings.timeout_s)
        period_s = max(settings.timeout_s * POLL_SHARE, MIN_POLL_S)
        self._poll = self.create_timer(period_s, lambda: self.submit(sync.poll()), clock=self.steady_clock)

    def store(self, topic: str, message: Any) -> Iterable[Match]:
        if self._sync is None:
            return []
        return self._sync.add(topic, conversions.stamp_ns(message), message)

    def dropped_messages(self) -> Mapping[str, int]:
        return {} if self._sync is None else {**self._sync.stats, "time jumps": self._sync.resets}

    def facts(self) -> Mapping[str, str]:
        if self.settings is None or self._pipeline is None:
            return {}
        keys = ("stereo", "completion", "fusion", "device", "precision", "on_missing")
        out = {key: str(getattr(self.settings, key)) for key in keys}
        for stage, card in self._pipeline.models.items():
            out |= {f"{stage} model": card.network, f"{stage} model sha256": card.sha256}
        return out

    def process(self, job: Match, wanted: frozenset[str]) -> Answer:
        settings, decode, pipeline = self.settings, self._decode, self._pipeline
        if settings is None or decode is None or pipeline is None:
            raise InputError("the node is being deactivated")
        start = perf_counter()
        sensors = decode(job)
        self._hold(settings, sensors.faults)
        decode_ms = (perf_counter() - start) * 1e3
        fused: FusedDepth = pipeline(
            sensors.left, sensors.right, sensors.points_lidar, sensors.rig, sensors.camera_from_lidar
        )
        faults = sensors.faults
        if sensors.points_lidar is not None and fused.lidar_depth_m is None:
            faults = (*faults, f"{POINTS}: no return falls into the image")
            self._hold(settings, faults)
        degraded = "; ".join(filter(None, (*faults, disagreement(fused))))
        messages = self._encode(job, sensors, fused, wanted, settings)
        return Answer(job.stamp_ns, messages, {"decode": decode_ms, **fused.stages_ms}, degraded)

    @staticmethod
    def _hold(settings: FusionSettings, faults: tuple[str, ...]) -> None:
        if faults and settings.on_missing == "hold":
            raise InputError("; ".join(faults))

    def _encode(
        self,
        match: Match,
        sensors: Sensors,
        fused: FusedDepth,
        wanted: frozenset[str],
        settings: FusionSettings,
    ) -> Iterator[tuple[str, Any]]:
        """The wanted outputs, stamped as the left image, in its frame."""
        header = conversions.header(match.stamp_ns, match[LEFT].header.frame_id)
        height, width = fused.depth_m.shape
        camera = sensors.rig.left
        if camera.size != (height, width):
            camera = camera.scaled(width, height)
        if DEPTH_INFO in wanted:
            yield DEPTH_INFO, conversions.info_from_camera(camera, header)
        if DEPTH in wanted:
            yield DEPTH, conversions.encode_depth(fused.depth_m, header, settings.depth_encoding)
        if CONFIDENCE in wanted:
            yield CONFIDENCE, conversions.encode_image(fused.confidence, "32FC1", header)
        if COLOUR in wanted:
            preview = colourise_depth(fused.depth_m, settings.preview_min_m, settings.preview_max_m)
            yield COLOUR, conversions.encode_image(preview, "rgb8", header)
        if CLOUD in wanted:
            yield CLOUD, self._cloud(fused.depth_m, sensors.left, camera, header)

    def _cloud(
        self, depth_m: NDArray[np.float32], rgb: NDArray[np.uint8], camera: PinholeCamera, header: Any
    ) -> Any:
        if self._cloud_encoder is None or self._cloud_encoder.camera != camera:
            self._cloud_encoder = conversions.DepthCloudEncoder(camera)
        if rgb.shape[:2] != camera.size:
            rgb = np.asarray(cv2.resize(rgb, (camera.width, camera.height), interpolation=cv2.INTER_AREA))
        return self._cloud_encoder(depth_m, rgb, header)


def main() -> None:
    """Console script."""
    process.main(StereoLidarFusionNode)


if __name__ == "__main__":
    main()
