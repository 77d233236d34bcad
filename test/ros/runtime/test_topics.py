# SPDX-License-Identifier: Apache-2.0
"""Topics as data become message classes."""

from __future__ import annotations

import pytest

from geo_perception.ros.runtime.topics import Topic, message_classes


@pytest.mark.ros
def test_every_type_becomes_its_class() -> None:
    from sensor_msgs.msg import Image, PointCloud2

    topics = (
        Topic("image", "sensor_msgs/msg/Image", "an image"),
        Topic("points", "sensor_msgs/msg/PointCloud2", "a cloud"),
    )
    assert message_classes(topics) == {"image": Image, "points": PointCloud2}


def test_a_package_that_is_not_installed_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="no_such_package"):
        message_classes((Topic("image", "no_such_package/msg/Image", "an image"),))
