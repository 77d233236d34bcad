# SPDX-License-Identifier: Apache-2.0
"""Scratch folders for work in progress, and removal of those that a killed process left behind.

A folder is locked (flock(2)) as long as its process lives; the kernel releases the lock when the process ends, however
it ends. So a process that gets the lock knows that no other works there, also from another container that shares the
disk, where process numbers would be meaningless.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUFFIX = ".unfinished"
LONGEST = 100  # letters of a name that are kept, as file systems allow 255 in all


@contextmanager
def scratch_place(target: Path) -> Iterator[Path]:
    """Yield a path, with the name of `target`, for something that is renamed to `target` once it is complete.

    The path does not exist at first; whatever is there at the end is removed.

    Raises:
        OSError: the disk refuses.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    folder, lock = _locked_folder(target)
    try:
        yield folder / target.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(parent: Path) -> list[Path]:
    """Remove leftovers of `scratch_place` by killed processes in `parent`; return their paths."""
    removed = []
    for folder in sorted(parent.glob(f".*{SUFFIX}")):
        lock = _try_lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            removed.append(folder)
    return removed


def _locked_folder(target: Path) -> tuple[Path, int]:
    """Make and lock a folder. In between another process may take it for abandoned: then the next one is tried."""
    while True:
        folder = Path(tempfile.mkdtemp(SUFFIX, f".{target.name[:LONGEST]}.", target.parent))
        lock = _try_lock(folder, where_unsupported=True)
        if lock is not None and folder.exists():
            return folder, lock
        if lock is not None:
            os.close(lock)


def _try_lock(folder: Path, *, where_unsupported: bool = False) -> int | None:
    """Lock a folder: return a file descriptor that holds the lock, None if another process does or the folder is gone.

    Where the file system has no locks, no process gets one, so that nothing counts as abandoned; `where_unsupported`
    then gives the descriptor all the same.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if where_unsupported and not isinstance(error, BlockingIOError):
            return descriptor
        os.close(descriptor)
        return None
    return descriptor
