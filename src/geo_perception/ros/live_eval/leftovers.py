# SPDX-License-Identifier: Apache-2.0
"""What a demo that is killed leaves behind, result folder and shared memory, and its removal by the next one.

A demo's folder holds a mark while it runs, locked with flock(2), whose lock the kernel lets go of however the process
ends. The mark names the shared memory of the demo's processes, so that nothing of anybody else is touched.
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
    """Of a folder in which a demo is running."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / MARK
        aside = folder / f"{MARK}.new"  # so that nobody sees it unlocked
        self._file = aside.open("w")
        with suppress(
            OSError
        ):  # a disk without locks: nobody will get one there, nothing is taken for abandoned
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        aside.rename(self.path)

    def note_memory_of(self, processes: Iterable[int]) -> None:
        """Remember the shared memory that these processes hold now."""
        names = {name for process in processes for name in segments_of(process)}
        self._file.write("".join(f"{name}\n" for name in sorted(names)))
        self._file.flush()

    def remove(self) -> None:
        """The demo is over."""
        self.path.unlink(missing_ok=True)
        self._file.close()


@contextmanager
def running_in(folder: Path) -> Iterator[Mark]:
    """Marks a demo's folder. It stays when the demo ends or fails, with its logs, and goes when it is interrupted."""
    mark = Mark(folder)
    try:
        yield mark
    except Exception:  # whatever failed: the logs in the folder are of use, so it stays
        mark.remove()
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    mark.remove()


def remove_leftovers(out: Path) -> str:
    """Remove what killed demos left in `out` and in shared memory; returns a line on it, empty if there was nothing."""
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
    """Names of the Fast DDS segments that a process owns; none of one that is gone or another user's."""
    names = []
    with suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                file = link.readlink()
                if file.parent == SHARED_MEMORY and (name := LOCK_FILE.fullmatch(file.name)):
                    names.append(name[1])
    return names


def _free(names: Iterable[str]) -> int:
    """Bytes of the segments of these names that nobody uses any more; they are removed."""
    wanted, freed = set(names), 0
    for segment in abandoned_segments():
        if segment.name in wanted:
            with suppress(FileNotFoundError):
                freed += segment.stat().st_size
                segment.unlink()
            segment.with_name(f"{segment.name}_el").unlink(missing_ok=True)
    return freed
