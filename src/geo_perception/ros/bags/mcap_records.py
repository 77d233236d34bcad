# SPDX-License-Identifier: Apache-2.0
"""Sequential reader of an MCAP file's records, up to where it was cut off (https://mcap.dev/spec)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import IO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, McapRecord, Message, Schema
from mcap.stream_reader import breakup_chunk

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")  # kind and length of a record
CHUNK_HEAD = struct.Struct(
    "<QQQII"
)  # first and last time, plain size, checksum, length of the compression's name
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time


class CutOffError(Exception):
    """The file ends within a record, or before its footer."""


def records(file: IO[bytes], *, payload: bool) -> Iterator[McapRecord]:
    """Yield schemas, channels and messages in the file's order, including those inside of chunks.

    Args:
        file: read from its start.
        payload: False leaves the data of messages outside of chunks empty, which is faster.

    Raises:
        CutOffError: the readable records have ended.
        Exception: a record is damaged; of many kinds.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it does not begin as an MCAP file does")
    while True:
        start = file.tell()
        kind, length = HEAD.unpack(_exactly(file, HEAD.size, size))
        if not kind:
            raise CutOffError(f"zeros from byte {start} of {size} on")
        if file.tell() + length > size:
            if kind == Opcode.CHUNK:
                yield from _begun_chunk(file.read())
            raise CutOffError(f"the record at byte {start} goes beyond the end at {size}")
        if kind == Opcode.FOOTER:
            return
        yield from _parsed(file, kind, length, payload)
        file.seek(start + HEAD.size + length)


def _exactly(file: IO[bytes], count: int, size: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise CutOffError(f"it ends at byte {size} without a footer")
    return data


def _parsed(file: IO[bytes], kind: int, length: int, payload: bool) -> Iterator[McapRecord]:
    if kind == Opcode.MESSAGE:
        yield message(file.read(length if payload else MESSAGE_HEAD.size))
    elif kind in (Opcode.SCHEMA, Opcode.CHANNEL):
        yield (Schema if kind == Opcode.SCHEMA else Channel).read(_stream(file.read(length)))
    elif kind == Opcode.CHUNK:
        yield from breakup_chunk(Chunk.read(_stream(file.read(length))), validate_crc=True)


def _begun_chunk(data: bytes) -> Iterator[McapRecord]:
    """Yield the complete records of a chunk whose end is missing. No checksum tells damage here."""
    if len(data) < CHUNK_HEAD.size:
        return
    *_, name_length = CHUNK_HEAD.unpack_from(data)
    start = CHUNK_HEAD.size + name_length
    name, packed = data[CHUNK_HEAD.size : start], data[start + 8 :]  # 8: their length when complete
    if name not in (b"", b"zstd"):
        return
    plain = zstandard.ZstdDecompressor().decompressobj().decompress(packed) if name else packed
    file = BytesIO(plain)
    while len(head := file.read(HEAD.size)) == HEAD.size:
        kind, length = HEAD.unpack(head)
        if file.tell() + length > len(plain):
            return
        yield from _parsed(file, kind, length, payload=True)


def _stream(data: bytes) -> ReadDataStream:
    return ReadDataStream(BytesIO(data))


def message(record: bytes) -> Message:
    """Parse a message record."""
    channel, sequence, log_ns, publish_ns = MESSAGE_HEAD.unpack_from(record)
    return Message(channel, log_ns, record[MESSAGE_HEAD.size :], publish_ns, sequence)
