# SPDX-License-Identifier: Apache-2.0
"""Metric 3D geometry for robots. Importing this package is cheap: no torch, open3d or rclpy."""

__version__ = "0.1.0"

from geo_perception.spinning import limit_spinning

limit_spinning()  # here, because OpenMP reads it once, when the first library that uses it is loaded
