# SPDX-License-Identifier: Apache-2.0
"""Bags of one camera: the round trip, a camera from elsewhere, and which topics are taken."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import frames as fake
from helpers.indoor_model import CAMERA
from helpers.pictures import camera_bag, camera_frames

from geo_perception.errors import ConfigError, DataError
from geo_perception.ros.bags import CAMERA_TOPICS, DEFAULT_TOPICS, BagTopics, read_camera_bag, write_bag
from geo_perception.ros.bags.layout import NO_STEREO
from geo_perception.ros.live_eval.topic_discovery import camera_topics

ROBOT = BagTopics(
    left="/cam/image_rect", left_info="/cam/camera_info", truth="/depth/image_rect", **NO_STEREO
)


@pytest.mark.parametrize("topics", [CAMERA_TOPICS, ROBOT])
@pytest.mark.parametrize("truth", [True, False])
def test_images_survive_the_round_trip(tmp_path, topics, truth):
    path = camera_bag(tmp_path / "bag", topics, truth=truth)
    read = list(read_camera_bag(path, topics))
    assert len(read) == 3
    for before, after in zip(camera_frames(truth=truth), read, strict=True):
        assert (before.name, before.stamp_ns, before.camera) == (after.name, after.stamp_ns, after.camera)
        np.testing.assert_array_equal(before.image, after.image)
        assert (after.depth_truth_m is not None) == truth
        if truth:
            np.testing.assert_array_equal(before.depth_truth_m, after.depth_truth_m)
    assert all(frame.camera is read[0].camera for frame in read)  # so that rays are computed once


def test_the_camera_may_come_from_elsewhere(tmp_path):
    path = camera_bag(tmp_path / "bag", ROBOT)
    topics = BagTopics(left=ROBOT.left, left_info="", **NO_STEREO)
    wide = CAMERA.scaled(2 * CAMERA.width, 2 * CAMERA.height)
    frames = read_camera_bag(path, topics, camera_of=wide.scaled)
    assert all(frame.camera == CAMERA for frame in frames)


def test_the_only_camera_is_found_beside_depth(tmp_path):
    found = camera_topics(camera_bag(tmp_path / "bag", ROBOT), {})
    assert (found.left, found.left_info) == (ROBOT.left, ROBOT.left_info)
    assert found.required == {"left": ROBOT.left, "left_info": ROBOT.left_info}


def test_of_our_own_stereo_bags_the_left_camera_is_taken(tmp_path):
    write_bag(tmp_path / "drive", fake.frames(2))
    found = camera_topics(tmp_path / "drive", {})
    assert (found.left, found.left_info) == (DEFAULT_TOPICS.left, DEFAULT_TOPICS.left_info)
    named = camera_topics(tmp_path / "drive", {"image": "right/image_rect"})
    assert (named.left, named.left_info) == ("/right/image_rect", "/right/camera_info")


def test_several_cameras_are_listed(tmp_path):
    topics = BagTopics(left="/a/image", right="/b/image")
    from geo_perception.ros.bags.messages import StereoLidarMessages

    write_bag(tmp_path / "bag", fake.frames(2), messages=StereoLidarMessages(topics))
    with pytest.raises(ConfigError, match=r"name one: image:=/a/image or image:=/b/image"):
        camera_topics(tmp_path / "bag", {})
    without_info = camera_topics(tmp_path / "bag", {"image": "/a/image"})
    assert without_info.left_info == ""
    found = camera_topics(tmp_path / "bag", {"image": "a/image", "camera_info": "/left/camera_info"})
    assert found.left_info == "/left/camera_info"


def test_what_the_bag_does_not_have_is_named(tmp_path):
    path = camera_bag(tmp_path / "bag", ROBOT)
    with pytest.raises(DataError, match=r"no images on /front; it has /cam/image_rect"):
        camera_topics(path, {"image": "/front"})
    with pytest.raises(DataError, match=r"no CameraInfo on /front; it has /cam/camera_info"):
        camera_topics(path, {"camera_info": "/front"})
    with pytest.raises(DataError, match="is no bag"):
        camera_topics(tmp_path / "absent", {})
