# SPDX-License-Identifier: Apache-2.0
"""rosbag2 recordings (.mcap and .db3) of stereo and lidar, written and read without a ROS installation."""

from geo_perception.ros.bags.info import BagInfo, TopicInfo, bag_info
from geo_perception.ros.bags.layout import STORAGES, BagTopics
from geo_perception.ros.bags.reader import read_bag
from geo_perception.ros.bags.writer import write_bag

__all__ = ["STORAGES", "BagInfo", "BagTopics", "TopicInfo", "bag_info", "read_bag", "write_bag"]
