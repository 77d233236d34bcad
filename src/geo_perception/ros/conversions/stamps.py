# SPDX-License-Identifier: Apache-2.0
"""Conversion of ROS time stamps to integer nanoseconds and back."""

from __future__ import annotations

from typing import Any

from geo_perception.errors import InputError

SECOND_NS = 1_000_000_000
MAX_SECONDS = 2**31  # builtin_interfaces/Time.sec is an int32


def stamp_ns(source: Any) -> int:
    """Return the nanoseconds of a message with a header, a Header, or a Time."""
    header = getattr(source, "header", source)
    time = getattr(header, "stamp", header)
    return int(time.sec) * SECOND_NS + int(time.nanosec)


def time_fields(nanoseconds: int) -> dict[str, int]:
    """Compute `sec` and `nanosec` of a builtin_interfaces/Time.

    Raises:
        InputError: outside the range of an int32 of seconds from 1970.
    """
    seconds, rest = divmod(int(nanoseconds), SECOND_NS)
    if not 0 <= seconds < MAX_SECONDS:
        raise InputError(f"a ROS stamp must lie in 0..{MAX_SECONDS} s, got {nanoseconds} ns")
    return {"sec": seconds, "nanosec": rest}


def time_from_ns(nanoseconds: int) -> Any:
    """Make a builtin_interfaces/Time of integer nanoseconds. Raises InputError when out of range."""
    from builtin_interfaces.msg import Time

    return Time(**time_fields(nanoseconds))


def header(stamp_ns: int, frame_id: str) -> Any:
    """Make a std_msgs/Header. Raises InputError when the stamp is out of range."""
    from std_msgs.msg import Header

    return Header(stamp=time_from_ns(stamp_ns), frame_id=frame_id)
