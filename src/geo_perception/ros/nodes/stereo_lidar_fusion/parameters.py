# SPDX-License-Identifier: Apache-2.0
"""Topics and parameters of the node `stereo_lidar_fusion`."""

from __future__ import annotations

from dataclasses import dataclass

from geo_perception.pipelines import StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.agreement import MAX_DROPPED
from geo_perception.ros.nodes.depth_parameters import (
    CLOUD_TYPE,
    DEPTH_OUTPUTS,
    IMAGE_TYPE,
    INFO_TYPE,
    DepthSettings,
)
from geo_perception.ros.runtime.extrinsics import matrix_from_parameter
from geo_perception.ros.runtime.parameters import param
from geo_perception.ros.runtime.topics import Topic
from geo_perception.sync import Stream

LEFT, RIGHT, POINTS = "left/image_rect", "right/image_rect", "points"
LEFT_INFO, RIGHT_INFO = "left/camera_info", "right/camera_info"
CONFIDENCE, UNCERTAINTY = "depth/confidence", "depth/uncertainty"
INPUTS = (
    Topic(LEFT, IMAGE_TYPE, "rectified left image; the outputs have its stamp and frame"),
    Topic(RIGHT, IMAGE_TYPE, "rectified right image"),
    Topic(LEFT_INFO, INFO_TYPE, "calibration of the left camera"),
    Topic(RIGHT_INFO, INFO_TYPE, "calibration of the right camera; its P holds the baseline"),
    Topic(POINTS, CLOUD_TYPE, "one lidar sweep; any order of fields, intensity is optional"),
)
OUTPUTS = (
    *DEPTH_OUTPUTS,
    Topic(CONFIDENCE, IMAGE_TYPE, "32FC1, how far the lidar is trusted at each pixel, 0 to 1"),
    Topic(
        UNCERTAINTY, IMAGE_TYPE, "32FC1, relative standard deviation of the depth; NaN where the depth is NaN"
    ),
)


@dataclass(frozen=True)
class FusionSettings(DepthSettings):
    """Stages, calibration and matching."""

    stereo: str = param(
        "sgbm",
        "stereo matcher; sgbm_fast matches half the columns, psmnet is a network and needs stereo_model",
        choices=("sgbm", "sgbm_fast", "psmnet"),
    )
    completion: str = param(
        "morphology",
        "lidar completion; ssdc is a network and needs completion_model",
        choices=("morphology", "ssdc"),
    )
    fusion: str = param(
        "scadc",
        "fusion of both depth maps; scadc is a trained network, confidence needs neither weights nor PyTorch",
        choices=("scadc", "confidence"),
    )
    stereo_model: str = param("", "model of psmnet: a name in models/ or a folder")
    completion_model: str = param("", "model of ssdc: a name in models/ or a folder")
    fusion_model: str = param("", "model of scadc: a name in models/ or a folder; empty: the shipped one")
    max_depth_m: float = param(80.0, "depth is limited to this", low=1.0, high=1000.0)
    min_depth_m: float = param(
        3.0,
        "stereo searches as near as this, in a time that grows with 1 / min_depth_m; nearer is unknown unless the "
        "lidar sees it",
        low=0.1,
        high=1000.0,
    )
    unknown: str = param(
        "nan",
        "depth of what nothing measured, such as the sky: nan; or limit, a guess of at most max_depth_m",
        choices=("nan", "limit"),
    )
    align_stereo: bool = param(True, "correct each frame's stereo by its lidar returns before fusing")
    check_returns: bool = param(True, "drop returns far behind a surface that stereo matched (glass, roofs)")
    warn_dropped_returns: float = param(
        MAX_DROPPED,
        "WARN when stereo refutes more than this share of the returns",
        low=0.0,
        live=True,
    )
    camera_from_lidar: tuple[float, ...] = param(
        (),
        "transform from lidar to left camera, 4x4 row major (16 values); empty: from tf2 or /tf_static",
        live=True,
    )
    on_missing: str = param(
        "hold",
        "when the right camera or the lidar is silent: hold outputs, or degrade to the other sensor",
        choices=("hold", "degrade"),
        live=True,
    )
    stereo_window_s: float = param(
        0.01, "largest time between left image and right image or CameraInfos", low=0.0, live=True
    )
    lidar_window_s: float = param(
        0.06,
        "largest time between left image and sweep; the default is a little over half a 10 Hz period",
        low=0.0,
        live=True,
    )
    right_offset_s: float = param(0.0, "how much later the right camera stamps the same moment", live=True)
    lidar_offset_s: float = param(0.0, "how much later the lidar stamps the same moment", live=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        matrix_from_parameter(self.camera_from_lidar)

    def streams(self) -> list[Stream]:
        """Return the streams of the synchroniser; the left camera is the pivot and never optional."""
        optional = self.on_missing == "degrade"
        right = (self.stereo_window_s, self.right_offset_s, optional, "stereo_window_s", "right_offset_s")
        lidar = (self.lidar_window_s, self.lidar_offset_s, optional, "lidar_window_s", "lidar_offset_s")
        return [
            Stream(LEFT, 0.0),
            Stream(LEFT_INFO, self.stereo_window_s, window_parameter="stereo_window_s"),
            Stream(RIGHT, *right),
            Stream(RIGHT_INFO, *right),
            Stream(POINTS, *lidar),
        ]

    def pipeline(self) -> StereoLidarFusionConfig:
        """The part that chooses backends."""
        names = StereoLidarFusionConfig.__dataclass_fields__
        return StereoLidarFusionConfig(**{name: getattr(self, name) for name in names})
