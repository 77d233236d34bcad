# SPDX-License-Identifier: Apache-2.0
"""Robust output of programs: on ASCII terminals, into pipes to a full disk, and one line for an error."""

from __future__ import annotations

import codecs
import sys

from geo_perception.errors import OutputError
from geo_perception.outputs import reason, writing

ERRORS = "geo_perception.readable"
# RUF001 warns of letters that look like others; these are the ones to be replaced.
STAND_INS = {
    "…": "...", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "≈": "~", "±": "+-", "²": "2", "°": " deg", "µ": "u",
    "δ": "delta", "—": "-", "•": "*", "“": '"', "”": '"', "×": "x", "–": "-", "’": "'",  # noqa: RUF001
}  # fmt: skip


def accept_any_text() -> None:
    """Let both standard streams replace characters that their encoding lacks instead of failing.

    Python chooses the encoding by LC_ALL and PYTHONIOENCODING. Names of files may even hold bytes that no encoding has.
    """
    codecs.register_error(ERRORS, _readable)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)


def _readable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(STAND_INS.get(char) or _escaped(char) for char in text), error.end


def _escaped(char: str) -> str:
    return char.encode("ascii", "backslashreplace").decode("ascii")


def flush() -> None:
    """Flush standard output. Raises OutputError if it leads to a full disk."""
    try:
        with writing("the standard output"):
            if sys.stdout is not None:
                sys.stdout.flush()
    except BaseException:
        sys.stdout = None  # Python would try again at exit, and print an error of its own
        raise


def blamed(error: Exception) -> Exception:
    """Return the error or, if it names no file and standard output cannot be written, one that says so."""
    if not isinstance(error, OSError) or error.filename is not None:
        return error
    try:
        print(flush=True)
    except OSError:
        return OutputError(f"the standard output cannot be written: {reason(error)}")
    return error


def one_line(error: Exception) -> str:
    """Describe an error for the user in one line; for the system's errors by file and reason."""
    if isinstance(error, MemoryError):
        return " ".join(f"this machine's memory does not suffice. {error}".split())
    if isinstance(error, OSError):
        named = [str(name) for name in (error.filename, error.filename2) if name is not None]
        return ": ".join([*named, reason(error)])
    return str(error)
