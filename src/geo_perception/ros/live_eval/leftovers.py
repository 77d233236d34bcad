# SPDX-License-Identifier: Apache-2.0
"""Removal of what killed live evaluations left behind: result folders and shared memory.

A run's folder holds a mark while it runs, locked with flock(2); the kernel releases the lock however the process ends.
The mark names the shared memory of the run's processes, so that nothing of other processes is touched.
"""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from geo_perception.ros.runtime.transport import SHARED_MEMORY, abandoned_segments

MARK = ".running"
LOCK_FILE = re.compile(r"(fastrtps_[0-9a-f]+)_el")  # held open by the process whose segment it stands beside
MEBIBYTE = 2**20


class Mark:
    """Mark of a folder in which a live evaluation is running."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MARK
        aside = folder / f"{MARK}.new"  # so that nobody sees it unlocked
        self._file = aside.open("w")
        with suppress(
            OSError
        ):  # a disk without locks: no process gets one there, so that nothing counts as abandoned
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.rename(self.path)

    def note_memory_of(self, processes: Iterable[int]) -> None:
        """Remember the shared memory that these processes hold now."""
        names = {name for process in processes for name in segments_of(process)}
        self._file.write("".join(f"{name}\n" for name in sorted(names)))
        self._file.flush()

    def remove(self) -> None:
        """Remove the mark at the end of the run."""
        self.path.unlink(missing_ok=True)
        self._file.close()


@contextmanager
def running_in(folder: Path) -> Iterator[Mark]:
    """Mark a run's folder. It is kept, with its logs, when the run ends or fails, and removed on an interrupt."""
    mark = Mark(folder)
    try:
        yield mark
    except Exception:  # whatever failed: the logs in the folder are of use, so that it is kept
        mark.remove()
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    mark.remove()


def remove_leftovers(out: Path) -> str:
    """Remove leftovers in `out` and in shared memory; return a line on them, empty if there were none."""
    folders, freed = 0, 0
    for path in sorted(out.glob(f"*/{MARK}")):
        with suppress(OSError), path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            freed += _free(file.read().split())
            shutil.rmtree(path.parent, ignore_errors=True)
            folders += 1
    if not folders:
        return ""
    return (
        f"removed what killed demos had left: {folders} folders, {freed / MEBIBYTE:.0f} MB of shared memory"
    )


def segments_of(process: int) -> list[str]:
    """List the Fast DDS segments that a process owns; none if it is gone or another user's."""
    names = []
    with suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                file = link.readlink()
                if file.parent == SHARED_MEMORY and (name := LOCK_FILE.fullmatch(file.name)):
                    names.append(name[1])
    return names


def _free(names: Iterable[str]) -> int:
    """Remove those of the named segments that no process uses any more; return their size in bytes."""
    wanted, freed = set(names), 0
    for segment in abandoned_segments():
        if segment.name in wanted:
            with suppress(FileNotFoundError):
                freed += segment.stat().st_size
                segment.unlink()
            segment.with_name(f"{segment.name}_el").unlink(missing_ok=True)
    return freed
