# SPDX-License-Identifier: Apache-2.0
"""tools/fuzz.py counts what it ran, goes on until its time is up, and stops at a finding."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HARMLESS = """
import os
from hypothesis import given, settings, strategies as st

@settings(max_examples=int(os.environ["GEO_PERCEPTION_FUZZ_EXAMPLES"]), database=None)
@given(st.integers())
def test_integers(number):
    assert number {claim}
"""


def fuzzed(folder: Path, claim: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The runner over one fuzzer in a folder of its own."""
    tests = folder / "test" / "fuzz"
    tests.mkdir(parents=True)
    shutil.copy(ROOT / "test/fuzz/conftest.py", tests)
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tests / "test_it.py").write_text(HARMLESS.format(claim=claim))
    command = [sys.executable, str(ROOT / "tools/fuzz.py"), *options]
    environment = {**os.environ, "PYTEST_ADDOPTS": "-p no:dash"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def test_counts_every_input_of_every_round(tmp_path: Path) -> None:
    result = fuzzed(tmp_path, "== number", "--minutes", "0.02", "--examples", "7", "--seed", "3")
    assert result.returncode == 0, result.stdout + result.stderr
    total = int(re.findall(r"fuzz: (\d+) inputs in 0.02 minutes from seed 3 on: nothing", result.stdout)[0])
    rounds = result.stdout.count("fuzz: 7 inputs in 1 tests")
    assert total == 7 * rounds > 0
    assert f"{total}  test/fuzz/test_it.py::test_integers" in result.stdout


def test_stops_at_a_finding_and_says_how_to_repeat_it(tmp_path: Path) -> None:
    result = fuzzed(tmp_path, "< 1000", "--minutes", "5", "--examples", "500", "--seed", "11")
    assert result.returncode == 1
    assert "GEO_PERCEPTION_FUZZ_EXAMPLES=500" in result.stdout
    assert "--hypothesis-seed=11" in result.stdout
    assert "see the finding above" in result.stdout


def test_no_time_left_runs_nothing(tmp_path: Path) -> None:
    result = fuzzed(tmp_path, "== number", "--minutes", "0")
    assert result.returncode == 0
    assert "fuzz: 0 inputs" in result.stdout
