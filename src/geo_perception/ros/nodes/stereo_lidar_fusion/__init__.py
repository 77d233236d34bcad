# SPDX-License-Identifier: Apache-2.0
"""Node `stereo_lidar_fusion`: parameters, decoder, encoder and the node."""
