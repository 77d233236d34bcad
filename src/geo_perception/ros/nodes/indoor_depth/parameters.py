# SPDX-License-Identifier: Apache-2.0
"""Topics and parameters of the node `indoor_depth`."""

from __future__ import annotations

from dataclasses import dataclass

from geo_perception.pipelines import IndoorDepthConfig
from geo_perception.ros.nodes.depth_parameters import DEPTH_OUTPUTS, IMAGE_TYPE, INFO_TYPE, DepthSettings
from geo_perception.ros.runtime.parameters import param
from geo_perception.ros.runtime.topics import Topic
from geo_perception.sync import Stream

IMAGE, INFO = "image_rect", "camera_info"
INPUTS = (
    Topic(
        IMAGE, IMAGE_TYPE, "rectified colour or grey image of any size; the outputs have its stamp and frame"
    ),
    Topic(INFO, INFO_TYPE, "calibration of the camera"),
)
OUTPUTS = DEPTH_OUTPUTS
LARGEST_PX = 4096
LONGEST_S = 3600.0


@dataclass(frozen=True)
class IndoorSettings(DepthSettings):
    """Model, and how images reach it."""

    model: str = param("distdepth_lite0_rooms", "a name in models/ or a folder")
    aspect: str = param(
        "card",
        "how images of another aspect reach the network; card: as the model's card says, else stretch",
        choices=("card", "stretch", "pad", "crop"),
    )
    network_height: int = param(0, "input of the network, px; 0: the card's", low=0, high=LARGEST_PX)
    network_width: int = param(0, "input of the network, px; 0: the card's", low=0, high=LARGEST_PX)
    scale_by_focal: bool = param(True, "multiply depth by the camera's focal length over the model's own")
    flip_augmentation: str = param(
        "card",
        "average depth with that of the mirrored image: steadier, in twice the time; card: as the model's card says, "
        "else off",
        choices=("card", "on", "off"),
        formerly="mirror",
    )
    multi_scale: bool = param(
        True,
        "average depth with that of a smaller form of the image, where the model's card names its size (and its "
        "share and model)",
        formerly="glance",
    )
    max_gap_s: float = param(
        0.5,
        "models of several frames (video_depth, such as DistDepth-M) compare an image with the one before if it is at "
        "most this much older, s; 0: with none",
        low=0.0,
        high=LONGEST_S,
    )
    on_missing: str = param(
        "hold",
        "without usable CameraInfo: hold outputs, or degrade to depth of unknown scale and no cloud",
        choices=("hold", "degrade"),
        live=True,
    )
    info_window_s: float = param(0.01, "largest time between image and CameraInfo", low=0.0, live=True)
    preview_min_m: float = param(0.3, "nearest depth of the colour preview", low=0.01, live=True)
    preview_max_m: float = param(10.0, "farthest depth of the colour preview", low=0.1, live=True)

    def streams(self) -> list[Stream]:
        """Return the streams of the synchroniser; the image is the pivot."""
        info = (self.info_window_s, 0.0, self.on_missing == "degrade", "info_window_s")
        return [Stream(IMAGE, 0.0), Stream(INFO, *info)]

    def pipeline(self) -> IndoorDepthConfig:
        """The part that chooses model and framing."""
        names = IndoorDepthConfig.__dataclass_fields__
        return IndoorDepthConfig(**{name: getattr(self, name) for name in names})
