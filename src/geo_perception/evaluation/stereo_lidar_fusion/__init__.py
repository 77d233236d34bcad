# SPDX-License-Identifier: Apache-2.0
"""Evaluation of `stereo_lidar_fusion`: protocol, scoring, panels and tables of fused depth."""
