# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategies that damage files as disks, editors, converters and people do."""

from __future__ import annotations

import os
import re

from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("GEO_PERCEPTION_FUZZ_EXAMPLES", "30"))
NUMBER = re.compile(rb"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
STRANGE = (
    "nan", "inf", "-inf", "0", "-1", "1e400", "-1e308", "1e-320", "", "abc", "0x10", "1,5", "1_0", "null", "true",
    "[]", "{}", "[1, 2", '"7"', "2026-12-01", "~", "!!python/object:os.system", "\u0660", "\ufeff", "-", "9" * 400,
)  # fmt: skip


def strange_number() -> st.SearchStrategy[bytes]:
    """What may stand where a number is expected."""
    return st.one_of(
        st.sampled_from([word.encode() for word in STRANGE]),
        st.floats().map(lambda value: repr(value).encode()),
        st.integers(-(2**70), 2**70).map(lambda value: str(value).encode()),
        st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass")),
    )


@st.composite
def damaged_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """The content cut off, with bytes changed, holes of zeros, parts doubled or left out."""
    out = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(out) - 1)))
        size = draw(st.integers(0, 64))
        kind = draw(st.sampled_from(("cut", "set", "hole", "double", "drop", "insert")))
        if kind == "cut":
            del out[at:]
        elif kind == "set" and out:
            out[at] = draw(st.integers(0, 255))
        elif kind == "hole":
            out[at : at + size] = bytes(len(out[at : at + size]))
        elif kind == "double":
            out[at:at] = out[at : at + size]
        elif kind == "drop":
            del out[at : at + size]
        elif kind == "insert":
            out[at:at] = draw(st.binary(max_size=8))
    return bytes(out)


@st.composite
def damaged_text(draw: st.DrawFn, content: bytes) -> bytes:
    """Numbers replaced by others and by none, lines lost, doubled or swapped, other encodings and line ends."""
    for _ in range(draw(st.integers(1, 2))):
        numbers = list(NUMBER.finditer(content))
        lines = content.split(b"\n")
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(
            st.sampled_from(("number", "number", "number", "line", "twice", "swap", "encode", "bytes"))
        )
        if kind == "number" and numbers:
            found = draw(st.sampled_from(numbers))
            content = content[: found.start()] + draw(strange_number()) + content[found.end() :]
        elif kind == "line":
            content = b"\n".join(lines[:at] + lines[at + 1 :])
        elif kind == "twice":
            content = b"\n".join([*lines[:at], lines[at], *lines[at:]])
        elif kind == "swap":
            lines[at], lines[0] = lines[0], lines[at]
            content = b"\n".join(lines)
        elif kind == "encode":
            text = content.decode("latin-1")
            content = draw(
                st.sampled_from(
                    [text.encode("utf-16"), b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r\n"), b""]
                )
            )
        elif kind == "bytes":
            content = draw(damaged_bytes(content))
    return content
