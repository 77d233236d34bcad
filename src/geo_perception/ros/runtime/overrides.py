# SPDX-License-Identifier: Apache-2.0
"""Parameters that a command line or file gives and the node does not have: ROS drops them without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

EVERY_NODE = ("use_sim_time", "autostart", "start_type_description_service")
PREFIXES = ("qos_overrides.",)
FLAGS = {"-p": "-p", "--param": "-p", "--params-file": "file"}


def unknown_parameters(
    words: Sequence[str], full_name: str, known: Collection[str], former: Collection[str] = ()
) -> list[str]:
    """A line for each parameter of a command line, or of its parameter files, that the node does not have.

    Args:
        words: the command line.
        full_name: of the node, with its namespace.
        known: its parameters.
        former: names that they had before, which the node warns about itself.
    """
    allowed = {*known, *EVERY_NODE}
    lines = []
    for origin, name in _given(words, full_name):
        if name not in allowed and name not in former and not name.startswith(PREFIXES):
            near = get_close_matches(name, allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            lines.append(f"{origin}: {full_name} has no parameter {name!r}{hint}")
    return lines


def _given(words: Sequence[str], full_name: str) -> Iterator[tuple[str, str]]:
    """(where it stands, name) of every parameter that concerns the node."""
    for flag, value in pairwise(words):
        if FLAGS.get(flag) == "file":
            for name in file_parameters(Path(value), full_name):
                yield f"parameter file {value}", name
        elif FLAGS.get(flag) == "-p":
            name = value.partition(":=")[0]
            node, _, own = name.rpartition(":")  # `node:name` concerns that node alone
            if not node or node == full_name.rpartition("/")[2]:
                yield f"argument {value}", own


def file_parameters(path: Path, full_name: str) -> list[str]:
    """Names, nested ones joined by dots, of the parameters that a file gives this node; rcl has parsed it before."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return []  # what rcl could read and YAML cannot is not ours to judge
    return [name for pattern, values in _sections(content) if matches(pattern, full_name) for name in values]


def _sections(content: Any, prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """(node pattern, parameter names); namespaces may be nested."""
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if key == "ros__parameters":
            yield prefix, list(_flat(value))
        else:
            yield from _sections(value, f"{prefix}/{str(key).strip('/')}")


def _flat(values: Any, prefix: str = "") -> Iterator[str]:
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def matches(pattern: str, full_name: str) -> bool:
    """Return whether a section is for the node: `*` is one part of the name, `**` any number."""
    if "**" in pattern:
        return fnmatchcase(full_name, pattern.replace("/**", "*"))
    return len(pattern.split("/")) == len(full_name.split("/")) and fnmatchcase(full_name, pattern)
