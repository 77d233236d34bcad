# SPDX-License-Identifier: Apache-2.0
"""Places that cannot take results are found before the work, and nothing half-written bears a final name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.full_disk import limited_files

from geo_perception.errors import OutputError
from geo_perception.outputs import check_file, check_folder, complete, writing, written_aside

CHECKS = pytest.mark.parametrize("check", [check_file, check_folder])


@CHECKS
def test_a_trial_leaves_nothing(check, tmp_path: Path) -> None:
    check(tmp_path / "new" / "deep" / "place", "--out")
    assert list(tmp_path.iterdir()) == []


@CHECKS
def test_what_exists_stays(check, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "result").write_text("kept") if check is check_file else None
    check(tmp_path / "there" / "result" if check is check_file else tmp_path / "there")
    assert [p.read_text() for p in tmp_path.rglob("result")] == (["kept"] if check is check_file else [])


@CHECKS
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("afile/x", "afile is a file, not a folder"),
        ("afile/x/y/z", "afile is a file, not a folder"),
        ("dangling/x", "dangling is a link to nothing"),
        ("loop/x", "loop is a link to nothing"),
        ("n" * 300, "name too long"),
        ("x" * 300 + "/y", "name too long"),
        ("zero\0byte", "null"),
        ("/proc/x/y", "no such file"),
        ("/dev/full/x", "/dev/full is a file, not a folder"),
    ],
)
def test_places_that_cannot_be_are_one_line(check, place: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "afile").touch()
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=why) as caught:
        check(tmp_path / place, "--out")
    assert str(caught.value).startswith("--out ") and "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    (tmp_path / "afile").touch()
    with pytest.raises(OutputError, match="is a file, not a folder"):
        check_folder(tmp_path / "afile")
    with pytest.raises(OutputError, match="is a folder, not a file"):
        check_file(tmp_path)


@CHECKS
def test_a_full_disk_is_found_before_the_work(check, tmp_path: Path) -> None:
    with limited_files(100), pytest.raises(OutputError, match="too large"):
        check(tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere: what another user meets is the system's own error.
    def refused(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(os, "mkdir", refused)
    for check in (check_file, check_folder):
        with pytest.raises(OutputError, match="new/x cannot be written: permission denied"):
            check(tmp_path / "new" / "x")


def test_a_full_device_is_named() -> None:
    refused = pytest.raises(OutputError, match="/dev/full cannot be written: no space left on device")
    with refused, written_aside(Path("/dev/full")) as aside, aside.open("wb") as file:
        file.write(bytes(10))


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.txt"
    with written_aside(path) as aside:
        aside.write_text("first")
        assert not path.exists()
    with (
        limited_files(100),
        pytest.raises(OutputError, match=r"result\.txt cannot be written: file too large"),
        written_aside(path) as aside,
    ):
        aside.write_bytes(bytes(1000))
    assert path.read_text() == "first" and list(path.parent.iterdir()) == [path]


def test_a_folder_of_results_is_complete_or_gone(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    refused = pytest.raises(OutputError, match="results cannot be written")
    with limited_files(100), refused, complete(folder):
        (folder / "one").touch()
        (folder / "two").write_bytes(bytes(1000))
    assert not folder.exists()


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path):
        raise ZeroDivisionError
