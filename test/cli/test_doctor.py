# SPDX-License-Identifier: Apache-2.0
"""doctor names what is wrong and the fix; each check is shown a machine that lacks something."""

from __future__ import annotations

import fcntl
import os
import types
from pathlib import Path
from typing import Any

import pytest

from geo_perception import cli
from geo_perception.cli import checks, doctor
from geo_perception.errors import InputError
from geo_perception.ros import delivery
from geo_perception.ros.runtime import transport


def test_report_has_a_line_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["doctor", "--seconds", "0"])
    said = capsys.readouterr().out
    for name in ("python", "numpy", "torch", "cv2", "open3d", "rclpy", "shared memory", "launch", "model"):
        assert f"  {name}: " in said
    assert "delivery" not in said


def test_missing_system_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise OSError("libusb-1.0.so.0: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(checks, "import_module", broken)
    (check,) = checks.open3d_package()
    assert check.status == "WARN"
    assert "libusb-1.0.so.0 is missing" in check.detail
    assert check.fix == "sudo apt-get install libusb-1.0-0"


def test_missing_package_is_a_failure_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(checks, "import_module", absent)
    (check,) = checks.middleware()
    assert check.status == "FAIL"
    assert "geo_perception[ros]" in check.fix


def test_small_shared_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: types.SimpleNamespace(f_bavail=64 * 256, f_frsize=4096))
    (check,) = checks.shared_memory()
    assert check.status == "WARN"
    assert "64 MB free, 256 MB are needed" in check.detail
    assert "--shm-size" in check.fix


def test_memory_of_killed_processes_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("fastrtps_00000000000000aa", "fastrtps_00000000000000bb"):
        (tmp_path / name).write_bytes(bytes(2**20))
        (tmp_path / f"{name}_el").touch()
    monkeypatch.setattr(checks, "abandoned_segments", lambda: transport.abandoned_segments(tmp_path))
    with (tmp_path / "fastrtps_00000000000000bb_el").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as a living process does
        (check,) = checks.abandoned_memory()
    assert (check.status, check.detail) == ("WARN", "1 segments of killed processes hold 1 MB")
    (tmp_path / "fastrtps_00000000000000aa_el").unlink()
    with (tmp_path / "fastrtps_00000000000000bb_el").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert checks.abandoned_memory() == [checks.Check("OK", "shared memory", "none abandoned")]


@pytest.mark.parametrize(("profile", "status"), [("", "WARN"), ("/nowhere/profile.xml", "FAIL")])
def test_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch, profile: str, status: str) -> None:
    monkeypatch.setenv(checks.PROFILE_VARIABLE, profile)
    (check,) = checks.fastdds_profile()
    assert check.status == status
    assert check.fix.endswith("config/fastdds.xml")


def test_lost_messages_name_the_profile_that_keeps_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(checks.PROFILE_VARIABLE, str(tmp_path))

    def measure(count: int) -> delivery.DeliveryResult:
        ours = os.environ[checks.PROFILE_VARIABLE].endswith("fastdds.xml")
        return delivery.DeliveryResult(count, count if ours else 1, 12.0)

    monkeypatch.setattr(delivery, "measure_delivery", measure)
    (check,) = checks.delivery(1.0)
    assert check.status == "WARN"
    assert check.detail.startswith("1 of 10")
    assert "10 of 10" in check.detail
    assert os.environ[checks.PROFILE_VARIABLE] == str(tmp_path)


def test_one_broken_check_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Any]:
        raise InputError("no luck")

    monkeypatch.setattr(checks, "middleware", broken)
    found = {check.name: check for check in doctor.examine(0)}
    assert found["broken"].detail == "no luck"
    assert "model" in found
    assert cli.run(["doctor", "--seconds", "0"]) == doctor.EXIT_FAILED_CHECK


@pytest.mark.parametrize(
    ("chosen", "free", "status", "says"),
    [
        ("", 3.9, "OK", "3.9 of 4 cores"),
        ("", 1.2, "WARN", "fewer than the 4 threads"),
        ("4", 1.2, "WARN", "OMP_NUM_THREADS=4 threads"),
        ("1", 0.1, "OK", "0.1 of 4"),
        ("2,1", 2.0, "OK", "2.0 of 4"),
    ],
)
def test_threads_beyond_free_cores_are_named(
    monkeypatch: pytest.MonkeyPatch, chosen: str, free: float, status: str, says: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", chosen)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setattr(checks.threads, "allowed_cores", lambda: 4)
    monkeypatch.setattr(checks, "measured_free_cores", lambda: free)
    (check,) = checks.processor()
    assert (check.status, says in check.detail) == (status, True), check


@pytest.mark.parametrize(("opencv", "status"), [("4.6.0", "OK"), ("5.0.0", "FAIL")])
def test_versions_that_do_not_work_together(
    monkeypatch: pytest.MonkeyPatch, opencv: str, status: str
) -> None:
    monkeypatch.setattr(checks, "version", lambda _: "1.13.0.post0")
    monkeypatch.setattr(checks, "import_module", lambda _: types.SimpleNamespace(__version__=opencv))
    (check,) = checks.opencv_pair()
    assert check.status == status


def test_arm_is_told_where_ros_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.platform, "machine", lambda: "aarch64")
    failed = checks.Check("FAIL", "rclpy", "No module named 'rclpy'", "pip install")
    monkeypatch.setattr(checks, "import_check", lambda *_: failed)
    (check,) = checks.middleware()
    assert "apt" in check.fix and "container" in check.fix
