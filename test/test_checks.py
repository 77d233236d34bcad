# SPDX-License-Identifier: Apache-2.0
"""`make lint`, the hooks of pre-commit and the workflow of CI check the same things."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def steps() -> list[dict[str, Any]]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    found: list[dict[str, Any]] = job["steps"]
    return found


def test_hooks_run_what_lint_runs() -> None:
    recipe = MAKEFILE.split("\nlint:", 1)[1].split("\n\n", 1)[0]
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines()[1:]]
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in local["hooks"]] == commands


def test_workflow_runs_what_ci_runs_elsewhere() -> None:
    assert steps()[-1]["run"] == ".ci/run"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_workflow_installs_the_libraries_that_make_looks_for() -> None:
    looked_for = MAKEFILE.split("SYSTEM_LIBRARIES := ", 1)[1].split("\n\n", 1)[0]
    (install,) = [step["run"] for step in steps() if "apt-get" in step.get("run", "")]
    wanted = [pair.partition(":")[2] for pair in re.findall(r"\S+:\S+", looked_for)]
    assert install.split("--no-install-recommends ")[1].split() == wanted


def test_python_of_the_workflow_is_one_that_make_takes() -> None:
    (versions,) = [
        step["with"]["python-version"] for step in steps() if "setup-python" in step.get("uses", "")
    ]
    low, high = re.findall(r"\((\d, \d+)\)", MAKEFILE)[:2]
    for version in versions.split():
        assert (
            tuple(map(int, low.split(",")))
            <= tuple(map(int, version.split(".")))
            <= tuple(map(int, high.split(",")))
        )
