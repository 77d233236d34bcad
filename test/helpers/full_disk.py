# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, for a moment."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Lets no file of this process grow beyond `size` bytes, which every writer meets as it would meet a full disk.

    Only for the call that is to fail: the file that the tests' own output goes to may well be longer already.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
