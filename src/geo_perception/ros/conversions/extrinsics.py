# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms from and to TF messages, and a lookup among static ones that needs no tf2."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from geo_perception._types import Matrix
from geo_perception.errors import ConfigError, InputError
from geo_perception.geometry import se3
from geo_perception.ros.conversions.quaternions import quaternion_from_rotation, rotation_from_quaternion

LEAST_SQUARE = 1e-18  # of a quaternion's norm: below it there is no direction


def matrix_from_transform(transform: Any) -> Matrix:
    """Convert a geometry_msgs/Transform or TransformStamped to 4x4 `parent_from_child`.

    Raises:
        InputError: not finite, or a zero quaternion.
    """
    transform = getattr(transform, "transform", transform)
    shift, turn = transform.translation, transform.rotation
    rotation = rotation_from_quaternion((turn.x, turn.y, turn.z, turn.w))
    return se3.check_transform(se3.transform(rotation, (shift.x, shift.y, shift.z)))


def matrix_from_text(text: str) -> Matrix | None:
    """Parse a 4x4 matrix of 16 numbers, row by row, with spaces or commas between them; None for an empty text.

    Raises:
        ConfigError: any other text.
    """
    words = text.strip("[] ").replace(",", " ").split()
    try:
        return se3.check_transform([float(word) for word in words]) if words else None
    except (ValueError, InputError) as error:
        raise ConfigError(f"camera_from_lidar: {error}") from error


def transform_fields(parent_from_child: Matrix) -> tuple[dict[str, float], dict[str, float]]:
    """Compute `translation` and `rotation` of a geometry_msgs/Transform."""
    quat_xyzw = quaternion_from_rotation(parent_from_child[:3, :3])
    shift = dict(zip("xyz", map(float, parent_from_child[:3, 3]), strict=True))
    return shift, dict(zip("xyzw", map(float, quat_xyzw), strict=True))


def transform_from_matrix(parent_from_child: Matrix, header: Any, child_frame_id: str) -> Any:
    """Make a geometry_msgs/TransformStamped; the parent is the header's frame.

    Raises:
        InputError: not a rigid transform.
    """
    from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3

    shift, turn = transform_fields(se3.check_transform(parent_from_child))
    transform = Transform(translation=Vector3(**shift), rotation=Quaternion(**turn))
    return TransformStamped(header=header, child_frame_id=child_frame_id, transform=transform)


class StaticTransforms:
    """The tree that /tf_static describes, for one-off lookups such as the lidar's place on the camera.

    As in tf2, an invalid transform is left out and changes nothing else; `refused` holds the reasons, by frame.
    """

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}  # child frame -> why its latest transform was left out
        self.refusals = 0
        self._parent: dict[str, tuple[str, Matrix]] = {}
        self._unsaid: list[str] = []

    def add(self, message: Any) -> list[str]:
        """Add every transform of a tf2_msgs/TFMessage; the newest of a child counts.

        Returns:
            A line for each transform left out whose fault is new.
        """
        for stamped in message.transforms:
            self._add_one(stamped)
        lines, self._unsaid = self._unsaid, []
        return lines

    def _add_one(self, stamped: Any) -> None:
        child, parent = stamped.child_frame_id.lstrip("/"), stamped.header.frame_id.lstrip("/")
        try:
            fault = transform_fault(stamped)
            if fault:
                raise InputError(fault)
            self._parent[child] = (parent, matrix_from_transform(stamped))
        except InputError as error:
            self.refusals += 1
            known, self.refused[child] = self.refused.get(child), str(error)
            if known != str(error):
                self._unsaid.append(f"/tf_static: frame {child!r} in {parent!r} is left out: {error}")
            return
        self.refused.pop(child, None)

    @property
    def frames(self) -> list[str]:
        """List every frame named so far, sorted."""
        return sorted(self._parent.keys() | {parent for parent, _ in self._parent.values()})

    def lookup(self, target: str, source: str) -> Matrix:
        """Look up the 4x4 `target_from_source`; the identity from a named frame to itself, known or not.

        Raises:
            InputError: a frame is unknown, or the two are not connected.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        if target == source and target:
            return np.eye(4)
        frames = self.frames
        for name in (target, source):
            if name not in frames:
                raise InputError(
                    f"frame {name!r} is not in /tf_static, which has: {', '.join(frames) or 'none'}"
                    + self._why(name)
                )
        (target_root, root_from_target), (source_root, root_from_source) = map(
            self._to_root, (target, source)
        )
        if target_root != source_root:
            raise InputError(
                f"/tf_static does not connect {source!r} (root {source_root!r}) with {target!r} "
                f"(root {target_root!r}){self._why(source_root, target_root)}"
            )
        return np.asarray(se3.inverse(root_from_target) @ root_from_source)

    def _why(self, *frames: str) -> str:
        """Describe the refused transforms that might have connected the frames."""
        return "".join(
            f"; the transform of {name!r} was left out: {self.refused[name]}"
            for name in dict.fromkeys(frames)
            if name in self.refused
        )

    def _to_root(self, frame: str) -> tuple[str, Matrix]:
        root_from_frame, seen = np.eye(4), {frame}
        while frame in self._parent:
            frame, parent_from_child = self._parent[frame]
            if frame in seen:
                raise InputError(f"/tf_static has a loop through frame {frame!r}")
            seen.add(frame)
            root_from_frame = parent_from_child @ root_from_frame
        return frame, root_from_frame


def transform_fault(stamped: Any) -> str:
    """Return why tf2 would ignore a TransformStamped: no frame, its own parent, no rotation, not finite; empty: valid.

    Plain arithmetic: on a robot hundreds come a second.
    """
    child, parent = stamped.child_frame_id.lstrip("/"), stamped.header.frame_id.lstrip("/")
    shift, turn = stamped.transform.translation, stamped.transform.rotation
    square = turn.x * turn.x + turn.y * turn.y + turn.z * turn.z + turn.w * turn.w
    if not child or not parent:
        return "a transform needs the names of two frames, one is empty"
    if child == parent:
        return "a frame cannot be its own parent"
    if not math.isfinite(square) or square < LEAST_SQUARE:
        quat = [turn.x, turn.y, turn.z, turn.w]
        return f"a quaternion needs 4 finite values that are not all zero, got {quat}"
    if not math.isfinite(shift.x + shift.y + shift.z):
        return f"a translation needs finite values, got {[shift.x, shift.y, shift.z]}"
    return ""
