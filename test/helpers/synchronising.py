# SPDX-License-Identifier: Apache-2.0
"""Short ways to feed a synchroniser: stamps in milliseconds, which are the items as well."""

from geo_perception.sync import Match, Stream, Synchronizer

MS = 1_000_000


def added(sync: Synchronizer, *messages: tuple[str, float]) -> list[Match]:
    """Add messages given as (stream, stamp in ms); the item is the stamp."""
    return [match for name, stamp in messages for match in sync.add(name, round(stamp * MS), stamp)]


def items(matches: list[Match]) -> list[tuple[float, ...]]:
    """The items of each match, in the order of the streams."""
    return [tuple(match.items.values()) for match in matches]


def pair(window_ms: float = 40.0, pivot: str | None = "a", **settings: object) -> Synchronizer:
    """A synchroniser of two streams, a and b."""
    return Synchronizer([Stream("a", window_ms / 1e3), Stream("b", window_ms / 1e3)], pivot, **settings)
