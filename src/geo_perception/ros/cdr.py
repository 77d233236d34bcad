# SPDX-License-Identifier: Apache-2.0
"""Access to the header's stamp in a serialised message without deserialising the rest.

CDR: four bytes that name the encoding (the second one is 1 for little endian), then the fields. Where the first
field is a std_msgs/Header, its stamp is the first eight bytes: seconds (int32), nanoseconds (uint32).
"""

from __future__ import annotations

import struct

from geo_perception.errors import InputError
from geo_perception.ros.conversions.stamps import SECOND_NS, time_fields

START, END = 4, 12


def _format(data: bytes | memoryview) -> str:
    if len(data) < END:
        raise InputError(f"a serialised message with a header needs {END} bytes, got {len(data)}")
    return "<iI" if data[1] & 1 else ">iI"


def stamp_of(data: bytes | memoryview) -> int:
    """Read the header stamp, in nanoseconds, of a serialised message whose first field is a header.

    Raises:
        InputError: too short to hold one.
    """
    seconds, nanoseconds = struct.unpack_from(_format(data), data, START)
    return int(seconds) * SECOND_NS + int(nanoseconds)


def with_stamp(data: bytes | memoryview, stamp_ns: int) -> bytes:
    """Copy the message with another header stamp.

    Raises:
        InputError: too short to hold a header, or the stamp is out of range.
    """
    time = time_fields(stamp_ns)
    stamp = struct.pack(_format(data), time["sec"], time["nanosec"])
    rest = memoryview(data)
    return b"".join((rest[:START], stamp, rest[END:]))
