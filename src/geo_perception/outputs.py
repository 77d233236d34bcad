# SPDX-License-Identifier: Apache-2.0
"""Places of results: tried before the work where that can be, and what the disk refuses is one line.

A verb calls `check_folder` or `check_file` first, writes through `written_aside`, so that nothing half-written bears
the final name, and puts anything else that it writes inside `writing`.
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
    """Try whether files can be written to a folder, which need not exist; nothing of the trial is left.

    Args:
        folder: where results are to go.
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
    """Raise OutputError if the system can have no such name, as with a zero byte in it."""
    with _refused(path, option):
        path.resolve()


def check_file(path: Path, option: str = "") -> None:
    """The same for a file, which may exist: it is replaced later. Devices and pipes may be written to, too."""
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
    """A place beside `path` for one file, which takes that name once the block has ended well, else vanishes.

    Folders above are made. What is no plain file, such as /dev/stdout, is written to at once.

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
    """Turn what the disk refuses inside the block into one line that names `path`.

    Raises:
        OutputError: instead of any OSError.
    """
    try:
        yield
    except BrokenPipeError:  # nobody reads any more, which is no fault
        raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {reason(error)}") from error


@contextmanager
def complete(folder: Path) -> Iterator[Path]:
    """A new folder of results that is removed again, with all that is in it, unless the block ends well.

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
    """Why the system refused, in a few words without the error's number."""
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
    """Whether something has this name, if only a link to nothing."""
    return os.path.lexists(path)


def _blocked(path: Path) -> str:
    """The folder above that is none, in words; empty if there is no such."""
    for parent in path.parents:
        with suppress(OSError, ValueError):  # a name that the system does not take is no file either
            if _there(parent) and not parent.is_dir():
                return f"{parent} is a {'link to nothing' if not parent.exists() else 'file, not a folder'}"
    return ""


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and those above it for the length of the block."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for one in missing:
            with suppress(OSError):  # never made, or another process has begun to use it
                one.rmdir()
