# SPDX-License-Identifier: Apache-2.0
"""Indoor image sets: readers of their folders, a cache at training size, and batches."""

from geo_perception.datasets.rgbd.set_names import Entry
from geo_perception.datasets.rgbd.training_lists import SETS, IndoorSet, open_set
from training.data.depth.augmentation import Photographic
from training.data.depth.cache import Cache, build_cache
from training.data.depth.loader import IndoorBatch, Loader, LoaderOptions

__all__ = [
    "SETS",
    "Cache",
    "Entry",
    "IndoorBatch",
    "IndoorSet",
    "Loader",
    "LoaderOptions",
    "Photographic",
    "build_cache",
    "open_set",
]
