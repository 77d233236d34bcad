# SPDX-License-Identifier: Apache-2.0
"""Indoor image sets: readers of their folders, a cache at training size, and batches."""

from geo_perception.datasets.indoor.set_names import Entry
from geo_perception.datasets.indoor.sets import SETS, IndoorSet, open_set
from training.data.indoor.batches import IndoorBatch, Loader, LoaderOptions
from training.data.indoor.cache import Cache, build_cache
from training.data.indoor.photographic import Photographic

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
