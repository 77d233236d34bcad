# SPDX-License-Identifier: Apache-2.0
"""Origin of a model, for its card: revision of the code and command line."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any


def revision() -> str:
    """Short commit hash of this checkout, with "+" if files differ from it; "unknown" outside a checkout."""
    here = Path(__file__).resolve().parent

    def git(*args: str) -> str:
        return subprocess.run(
            ("git", *args), cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def changed_options(config: Any, preset: Any, places: Collection[str], prefix: str = "") -> list[str]:
    """Options, as words of a command line, in which a configuration differs from a preset.

    `places` are its own fields, not those of its parts, that leave the result as it is.
    """
    found = []
    for field in fields(config):
        value, other = getattr(config, field.name), getattr(preset, field.name)
        name = f"{prefix}{field.name}".replace("_", "-")
        if field.name in places or value == other:
            continue
        found += (
            changed_options(value, other, (), f"{name}.") if is_dataclass(value) else [_option(name, value)]
        )
    return found


def _option(name: str, value: object) -> str:
    """As the command line takes it; what is switched off is written `--group.no-name`."""
    if isinstance(value, bool):
        group, dot, last = name.rpartition(".")
        return f"--{group}{dot}{'' if value else 'no-'}{last}"
    return f"--{name} {_words(value)}"


def _words(value: object) -> str:
    """The words of a value, quoted for the shell where need be."""
    return " ".join(shlex.quote(str(one)) for one in (value if isinstance(value, tuple) else (value,)))
