# SPDX-License-Identifier: Apache-2.0
"""Byte buffers of messages: read without a copy, written through the generated setters' fast path."""

from __future__ import annotations

import array
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo_perception.errors import InputError

BIG_ENDIAN_HOST = sys.byteorder == "big"


def bytes_of(msg: Any) -> NDArray[np.uint8]:
    """View the payload `msg.data` as flat uint8.

    Raises:
        InputError: `data` offers no buffer (array.array, bytes, memoryview and numpy arrays do).
    """
    try:
        return np.frombuffer(msg.data, np.uint8) if len(msg.data) else np.empty(0, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        kind = type(msg.data).__name__
        raise InputError(
            f"message data must be a byte buffer (array.array, bytes, ndarray), got {kind}"
        ) from error


def byte_array(values: NDArray[Any]) -> array.array[int]:
    """Convert an array's bytes to the one form that `msg.data = ...` takes without checking every element."""
    out = array.array("B")
    if values.size:
        out.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return out


def with_data(message: Any, data: array.array[int], **fields: Any) -> Any:
    """Make a message of the class `message` that holds `data` itself.

    The constructor copies `data`, and so does the setter of Jazzy unless the checks of the fields are on (then
    an array.array is taken as it is, and only anything else is checked element by element).
    """
    msg = message(check_fields=True, **fields)
    msg.data = data
    return msg


def zeroed(size: int) -> array.array[int]:
    """Make a byte array of `size` zeros, to be filled in place through np.frombuffer."""
    return array.array("B", [0]) * size


def in_host_order(values: NDArray[Any]) -> NDArray[Any]:
    """Convert values to the processor's byte order; copies only if they are not in it."""
    return values.astype(values.dtype.newbyteorder("="), copy=False)
