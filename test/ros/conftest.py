# SPDX-License-Identifier: Apache-2.0
"""What all tests with processes of their own share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from geo_perception.ros.runtime.transport import abandoned_segments


@pytest.fixture(autouse=True, scope="session")
def nothing_abandoned() -> Iterator[None]:
    """Some tests kill processes, whose shared memory, 70 MB each, would stay until the next start of the machine."""
    before = set(abandoned_segments())
    yield
    for segment in set(abandoned_segments()) - before:
        segment.unlink(missing_ok=True)
        segment.with_name(f"{segment.name}_el").unlink(missing_ok=True)
