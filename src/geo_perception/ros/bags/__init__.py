# SPDX-License-Identifier: Apache-2.0
"""rosbag2 recordings (.mcap, .db3) of stereo and lidar or of one camera, without a ROS installation."""

from geo_perception.ros.bags.camera_data import CameraBag
from geo_perception.ros.bags.camera_frames import read_recorded
from geo_perception.ros.bags.camera_reader import read_camera_bag
from geo_perception.ros.bags.decompress import decompress_bag
from geo_perception.ros.bags.detection import BAG_SUFFIXES, is_bag
from geo_perception.ros.bags.info import BagInfo, TopicInfo, bag_info
from geo_perception.ros.bags.layout import CAMERA_TOPICS, DEFAULT_TOPICS, STORAGES, BagTopics
from geo_perception.ros.bags.messages import CameraMessages
from geo_perception.ros.bags.opening import Bag, open_bag
from geo_perception.ros.bags.reader import read_bag
from geo_perception.ros.bags.windows import MatchWindows
from geo_perception.ros.bags.writer import write_bag

__all__ = [
    "BAG_SUFFIXES",
    "CAMERA_TOPICS",
    "DEFAULT_TOPICS",
    "STORAGES",
    "Bag",
    "BagInfo",
    "BagTopics",
    "CameraBag",
    "CameraMessages",
    "MatchWindows",
    "TopicInfo",
    "bag_info",
    "decompress_bag",
    "is_bag",
    "open_bag",
    "read_bag",
    "read_camera_bag",
    "read_recorded",
    "write_bag",
]
