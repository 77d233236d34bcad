# SPDX-License-Identifier: Apache-2.0
"""Output files and folders: tested before the work where possible, with one-line errors for what the disk refuses.

A verb calls `check_folder` or `check_file` first, writes through `written_aside`, so that nothing half-written has
the final name, and wraps any other writing in `writing`.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from geo_perception.errors import OutputError
from geo_perception.scratch import remove_abandoned, scratch_place

BLOCK = 4096  # bytes that a disk must have left


def check_folder(folder: Path, option: str = "") -> None:
    """Test whether files can be written to a folder, which need not exist; the test leaves nothing behind.

    Args:
        folder: folder of results.
        option: named in the error, e.g. "--out".

    Raises:
        OutputError: it lies below a file, cannot be made, or takes no file (permission, read-only, full disk).
    """
    with _refused(folder, option):
        if _there(folder) and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is a file, not a folder")
        with _made(folder), tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(BLOCK))
            trial.flush()


def check_name(path: Path, option: str = "") -> None:
    """Raise OutputError if the system does not allow the name, such as one with a zero byte."""
    with _refused(path, option):
        path.resolve()


def check_file(path: Path, option: str = "") -> None:
    """Test whether a file can be written. It may exist: it is replaced later. Devices and pipes are allowed, too."""
    with _refused(path, option):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file")
        if _there(path) and not path.is_file():
            path.open("wb").close()
            return
        with _made(path.parent), tempfile.TemporaryDirectory(dir=path.parent) as trial:
            (Path(trial) / path.name).write_bytes(bytes(BLOCK))  # with its own name: that may be too long
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"{_said(option)}{path} cannot be written: it is write-protected")


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a place beside `path` for one file, which is renamed to `path` after success, else removed.

    Parent folders are made. Anything but a plain file, such as /dev/stdout, is written to directly.

    Raises:
        OutputError: the disk refuses anywhere in the block; an earlier file is kept.
    """
    with writing(path):
        if _there(path) and not path.is_file():
            yield path
            return
        remove_abandoned(path.parent)
        with scratch_place(path) as aside:
            yield aside
            aside.replace(path)


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Turn errors of the disk inside the block into one line that names `path`.

    Raises:
        OutputError: instead of any OSError.
    """
    try:
        yield
    except BrokenPipeError:  # the reader has gone, which is no fault
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}") from error


@contextmanager
def complete(folder: Path) -> Iterator[Path]:
    """Make a folder of results that is removed again, with its content, unless the block succeeds.

    Raises:
        OutputError: the disk refuses anywhere in the block.
    """
    try:
        with writing(folder):
            yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def reason(error: OSError | ValueError) -> str:
    """Describe why the system refused, in a few words without the error's number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _refused(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    # ValueError: a name with a zero byte, or outside the system's encoding
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{_said(option)}{path} cannot be written: {_blocked(path) or reason(error)}"
        ) from error


def _said(option: str) -> str:
    return f"{option} " if option else ""


def _there(path: Path) -> bool:
    """Return whether the path exists, even as a dangling link."""
    return os.path.lexists(path)


def _blocked(path: Path) -> str:
    """Describe the parent that is no folder; empty if there is none."""
    for parent in path.parents:
        with suppress(OSError, ValueError):  # a name that the system does not take is no file either
            if _there(parent) and not parent.is_dir():
                return f"{parent} is a {'link to nothing' if not parent.exists() else 'file, not a folder'}"
    return ""


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and its parents for the duration of the block."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for one in missing:
            with suppress(OSError):  # never made, or another process has begun to use it
                one.rmdir()
