# SPDX-License-Identifier: Apache-2.0
"""One version: package.xml states it, and pip, Python and the command line repeat it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from xml.etree import ElementTree

import pytest

import geo_perception
from geo_perception import cli, version

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ElementTree.parse(ROOT / "package.xml").findtext("version")


def test_everything_that_tells_a_version_tells_that_of_the_manifest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = [sys.executable, "setup.py", "--version"]
    pip = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert pip.splitlines()[-1] == MANIFEST
    assert geo_perception.__version__ == MANIFEST
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"geo-perception {MANIFEST}\n"


def test_changelog_ends_at_this_version() -> None:
    text = (ROOT / "CHANGELOG.rst").read_text()
    sections = re.findall(r"^(.+)\n(-+)$", text, re.MULTILINE)
    assert text.splitlines()[1] == "Changelog for package geo_perception"
    assert all(len(title) == len(line) for title, line in sections)
    released = [title for title, _ in sections if title != "Forthcoming"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", title) for title in released)
    assert released[0].split()[0] == MANIFEST
    assert released == sorted(released, key=lambda title: title.split("(")[1], reverse=True)


def test_without_a_checkout_the_installed_package_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "version", lambda name: f"{name} 3.2.1")
    assert version.package_version(tmp_path) == "geo_perception 3.2.1"


def test_sources_alone_have_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)
    assert version.package_version(tmp_path) == version.UNKNOWN
