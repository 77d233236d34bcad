# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests."""

import resource
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

# No deadline: on a busy machine an example may take any time, and no test asserts one.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture
def limited_files() -> Iterator[Callable[[int], None]]:
    """Lets no file of this process grow beyond some bytes, which every writer meets as it would meet a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
