# SPDX-License-Identifier: Apache-2.0
"""As much of tf2_ros as our nodes use, for machines without it; moving frames are interpolated in translation only."""

from __future__ import annotations

import time
from bisect import bisect_left
from types import SimpleNamespace
from typing import Any

import numpy as np

from geo_perception.errors import InputError
from geo_perception.ros.conversions import StaticTransforms, header, transform_from_matrix


class TransformException(Exception): ...  # noqa: N818 - its name there


class LookupException(TransformException): ...


class ExtrapolationException(TransformException): ...


class Buffer:
    """Fixed frames, and moving ones by time."""

    def __init__(self) -> None:
        self._static: list[Any] = []
        self._moving: dict[str, list[Any]] = {}

    def clear(self) -> None:
        self._moving = {}

    def set_transform_static(self, transform: Any, authority: str) -> None:
        self._static.append(transform)

    def set_transform(self, transform: Any, authority: str) -> None:
        self._moving.setdefault(transform.child_frame_id, []).append(transform)

    def lookup_transform(self, target: str, source: str, moment: Any, timeout: Any = None) -> Any:
        end = time.monotonic() + (0 if timeout is None else timeout.nanoseconds * 1e-9)
        while True:
            try:
                return self._lookup(target, source, moment.nanoseconds)
            except ExtrapolationException:
                if time.monotonic() >= end:
                    raise
                time.sleep(0.01)

    def _lookup(self, target: str, source: str, stamp_ns: int) -> Any:
        tree = StaticTransforms()
        moving = [self._at(history, stamp_ns) for history in self._moving.values()]
        tree.add(SimpleNamespace(transforms=[*self._static, *moving]))
        try:
            return transform_from_matrix(tree.lookup(target, source), header(stamp_ns, target), source)
        except InputError as error:
            raise LookupException(str(error)) from error

    @staticmethod
    def _at(history: list[Any], stamp_ns: int) -> Any:
        times = [each.header.stamp.sec * 10**9 + each.header.stamp.nanosec for each in history]
        after = bisect_left(times, stamp_ns)
        if after == len(times):
            raise ExtrapolationException("Lookup would require extrapolation into the future")
        if times[after] == stamp_ns or after == 0:
            return history[after]
        share = (stamp_ns - times[after - 1]) / (times[after] - times[after - 1])
        ends = [
            np.array([t.transform.translation.x, t.transform.translation.y, t.transform.translation.z])
            for t in history[after - 1 : after + 1]
        ]
        matrix = np.eye(4)
        matrix[:3, 3] = (1 - share) * ends[0] + share * ends[1]
        return transform_from_matrix(matrix, history[after].header, history[after].child_frame_id)


class TransformListener:
    """Feeds the buffer; the test calls what subscriptions would."""

    def __init__(self, buffer: Buffer, node: Any) -> None:
        self.buffer, self.registered = buffer, True

    def callback(self, message: Any) -> None:
        for transform in message.transforms:
            self.buffer.set_transform(transform, "test")

    def static_callback(self, message: Any) -> None:
        for transform in message.transforms:
            self.buffer.set_transform_static(transform, "test")

    def unregister(self) -> None:
        self.registered = False
