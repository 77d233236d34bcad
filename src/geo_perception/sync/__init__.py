# SPDX-License-Identifier: Apache-2.0
"""Multi-sensor synchroniser: nearest neighbours in time, nothing used twice, nothing lost uncounted.

    streams = [Stream("left", 0.01), Stream("right", 0.01), Stream("points", 0.05, optional=True)]
    sync = Synchronizer(streams, pivot="left", timeout_s=0.2)
    for match in sync.add("points", stamp_ns, cloud):
        match["left"], match.get("points"), match.missing

Pure Python and free of ROS; the rules are in the docstring of `Synchronizer`.
"""

from geo_perception.sync.settings import DROP_REASONS, Stream, StreamCounts
from geo_perception.sync.synchronizer import Match, Synchronizer
from geo_perception.sync.unmatched import Unmatched

__all__ = ["DROP_REASONS", "Match", "Stream", "StreamCounts", "Synchronizer", "Unmatched"]
