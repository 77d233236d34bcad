# SPDX-License-Identifier: Apache-2.0
"""Metric 3D geometry for robots. Importing this package is cheap: no torch, open3d or rclpy."""

__version__ = "0.1.0"
