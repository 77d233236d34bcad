# SPDX-License-Identifier: Apache-2.0
"""Work in progress: gone after success, failure and SIGKILL, and never taken from somebody who still works."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geo_perception.ros.bags.writer import written_aside
from geo_perception.scratch import SUFFIX, remove_abandoned, scratch_place

WORKING = (
    "import sys, time\nfrom pathlib import Path\nfrom geo_perception.scratch import scratch_place\n"
    "with scratch_place(Path(sys.argv[1])) as place:\n"
    "    place.mkdir()\n    (place / 'half').write_text('x')\n    print('working', flush=True)\n    time.sleep(600)\n"
)


def worker(target: Path) -> subprocess.Popen[str]:
    """A process in the middle of its work."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKING, str(target)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "working\n"
    return process


def test_what_is_renamed_stays_and_nothing_else(tmp_path: Path) -> None:
    with scratch_place(tmp_path / "deep" / "bag") as place:
        assert place.name == "bag" and not place.exists()
        place.mkdir()
        place.rename(tmp_path / "deep" / "bag")
    with pytest.raises(ValueError), scratch_place(tmp_path / "deep" / "other") as place:
        place.mkdir()
        raise ValueError
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["bag"]
    assert (tmp_path / "deep" / "bag").stat().st_mode & 0o777 == 0o777 & ~_umask(), "others may not read it"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_only_what_nobody_works_in_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".mine").mkdir()
    with worker(tmp_path / "a") as living, worker(tmp_path / "b") as killed:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        (removed,) = remove_abandoned(tmp_path)
        assert removed.name.startswith(".b.") and removed.name.endswith(SUFFIX)
        (kept,) = tmp_path.glob(f".*{SUFFIX}")
        assert (kept / "a" / "half").is_file()
        living.terminate()
    remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".mine"]


def test_the_next_bag_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    with worker(tmp_path / "old") as process:
        process.kill()
    with written_aside(tmp_path / "new") as place:
        place.mkdir()
        assert len(list(tmp_path.glob(f".*{SUFFIX}"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_many_at_once_do_not_take_each_others_place(tmp_path: Path) -> None:
    def work(number: int) -> bool:
        remove_abandoned(tmp_path)
        with scratch_place(tmp_path / f"{number}") as place:
            place.mkdir()
            remove_abandoned(tmp_path)
            (place / "file").write_text("x")
            place.rename(tmp_path / f"{number}")
        return (tmp_path / f"{number}" / "file").is_file()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(200)))
    assert not list(tmp_path.glob(f".*{SUFFIX}"))


def test_a_disk_without_locks_is_written_to_and_never_cleaned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with scratch_place(tmp_path / "x") as place:
        place.mkdir()
        assert remove_abandoned(tmp_path) == []
        assert place.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_name_as_long_as_allowed_has_a_place(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    with scratch_place(target) as place:
        place.mkdir()
        place.rename(target)
    assert target.is_dir()
