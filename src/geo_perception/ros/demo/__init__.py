# SPDX-License-Identifier: Apache-2.0
"""A graph run for real, in processes of its own, and judged by what it published."""

from geo_perception.ros.demo.run import DemoConfig, run

__all__ = ["DemoConfig", "run"]
