# SPDX-License-Identifier: Apache-2.0
"""The indoor sets. They live with the other data sets, because evaluation reads them, too."""

from geo_perception.datasets.indoor.sets import SETS, STEREO, Entry, IndoorSet, Intrinsics, open_set

__all__ = ["SETS", "STEREO", "Entry", "IndoorSet", "Intrinsics", "open_set"]
