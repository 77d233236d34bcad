# SPDX-License-Identifier: Apache-2.0
"""Zstandard decompression of bags, whose files or messages rosbag2 may compress."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

SUFFIX = ".zstd"
MAGIC = b"\x28\xb5\x2f\xfd"  # no CDR message begins so: its first byte is 0
BLOCK = 1 << 20


def message_data(data: bytes) -> bytes:
    """Decompress a message if it is compressed. Raises ValueError if it is cut off or damaged."""
    if not data.startswith(MAGIC):
        return data
    plain = zstandard.ZstdDecompressor().decompressobj()
    out = _guarded(plain, data)
    if not plain.eof:
        raise ValueError("a compressed message is cut off")
    return out


def decompress_file(source: Path, target: Path) -> bool:
    """Decompress a file to `target`; return False if it ends too early.

    Raises:
        ValueError: damaged.
        OSError: the target cannot be written, e.g. on a full disk.
    """
    complete = False
    with source.open("rb") as packed, target.open("wb") as out:
        for block, ends in _blocks(packed):
            out.write(block)
            complete = ends
    return complete


def _blocks(packed: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield decompressed blocks, and whether a frame is complete with them."""
    plain = zstandard.ZstdDecompressor().decompressobj()
    while data := packed.read(BLOCK):
        while data:
            if plain.eof:
                plain = zstandard.ZstdDecompressor().decompressobj()
            block = _guarded(plain, data)
            yield block, plain.eof
            data = plain.unused_data if plain.eof else b""


def _guarded(plain: zstandard.ZstdDecompressionObj, data: bytes) -> bytes:
    try:
        return plain.decompress(data)
    except zstandard.ZstdError as error:
        raise ValueError(f"the compressed data are damaged: {error}") from error
