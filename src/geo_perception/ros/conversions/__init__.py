# SPDX-License-Identifier: Apache-2.0
"""Conversions from messages to arrays and back.

Decoders are duck-typed: they take rclpy's messages (`data` an array.array) and those of the `rosbags`
library (`data` a numpy array) alike. Message classes are imported by the encoders, when called.
"""

from geo_perception.ros.conversions.camera_info import (
    camera_from_info,
    info_doubts,
    info_from_camera,
    rig_from_infos,
)
from geo_perception.ros.conversions.clouds import (
    DepthCloudEncoder,
    decode_points,
    encode_depth_cloud,
    encode_points,
)
from geo_perception.ros.conversions.extrinsics import (
    StaticTransforms,
    matrix_from_transform,
    transform_from_matrix,
)
from geo_perception.ros.conversions.images import (
    ImageEncoder,
    decode_depth,
    decode_image,
    decode_rgb,
    encode_depth,
    encode_image,
)
from geo_perception.ros.conversions.stamps import header, stamp_ns, time_from_ns

__all__ = [
    "DepthCloudEncoder",
    "ImageEncoder",
    "StaticTransforms",
    "camera_from_info",
    "decode_depth",
    "decode_image",
    "decode_points",
    "decode_rgb",
    "encode_depth",
    "encode_depth_cloud",
    "encode_image",
    "encode_points",
    "header",
    "info_doubts",
    "info_from_camera",
    "matrix_from_transform",
    "rig_from_infos",
    "stamp_ns",
    "time_from_ns",
    "transform_from_matrix",
]
