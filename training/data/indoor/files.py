# SPDX-License-Identifier: Apache-2.0
"""Readers of single files. They live with the other data sets, because evaluation reads them, too."""

from geo_perception.datasets.indoor.files import (
    Array,
    Image8,
    Line,
    read_depth_npy,
    read_depth_pfm,
    read_depth_png,
    read_list,
    read_pfm,
    read_rgb,
)

__all__ = [
    "Array",
    "Image8",
    "Line",
    "read_depth_npy",
    "read_depth_pfm",
    "read_depth_png",
    "read_list",
    "read_pfm",
    "read_rgb",
]
