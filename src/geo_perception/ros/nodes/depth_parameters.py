# SPDX-License-Identifier: Apache-2.0
"""Topics and parameters of every node that publishes depth images."""

from __future__ import annotations

from dataclasses import dataclass

from geo_perception.errors import ConfigError
from geo_perception.preview import FAR_M, NEAR_M
from geo_perception.ros.runtime.parameters import MatchedSettings, param
from geo_perception.ros.runtime.topics import Topic

DEPTH, DEPTH_INFO, CLOUD = "depth/image_rect", "depth/camera_info", "depth/points"
COLOUR = "depth/image_color"
IMAGE_TYPE, INFO_TYPE, CLOUD_TYPE = (
    f"sensor_msgs/msg/{name}" for name in ("Image", "CameraInfo", "PointCloud2")
)
DEPTH_OUTPUTS = (
    Topic(DEPTH, IMAGE_TYPE, "depth along the optical axis: 32FC1 metres, NaN where unknown (REP 118)"),
    Topic(DEPTH_INFO, INFO_TYPE, "camera of the depth image"),
    Topic(CLOUD, CLOUD_TYPE, "organised coloured cloud with the fields x, y, z and rgb"),
    Topic(COLOUR, IMAGE_TYPE, "rgb8 preview of the depth; unknown pixels are grey"),
)


@dataclass(frozen=True)
class DepthSettings(MatchedSettings):
    """Device and outputs."""

    device: str = param("cpu", "PyTorch device of the networks, such as cpu or cuda:0")
    precision: str = param(
        "auto",
        "arithmetic of the networks; auto: bfloat16 where the processor has it, else float32",
        choices=("auto", "float32", "bfloat16"),
    )
    preview_min_m: float = param(NEAR_M, "nearest depth of the colour preview", low=0.01, live=True)
    preview_max_m: float = param(FAR_M, "farthest depth of the colour preview", low=0.1, live=True)
    depth_encoding: str = param(
        "32FC1",
        "32FC1 metres (NaN unknown) or 16UC1 millimetres (0 unknown), REP 118",
        choices=("32FC1", "16UC1"),
        live=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.preview_min_m >= self.preview_max_m:
            raise ConfigError(
                f"parameter preview_min_m {self.preview_min_m} is not below preview_max_m {self.preview_max_m}"
            )
