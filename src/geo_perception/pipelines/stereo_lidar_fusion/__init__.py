# SPDX-License-Identifier: Apache-2.0
"""Stereo pair and lidar sweep to dense metric depth, stage by stage."""
