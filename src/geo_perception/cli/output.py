# SPDX-License-Identifier: Apache-2.0
"""Lines that several verbs print: examples in their help, and the file to open at the end."""

from __future__ import annotations

from pathlib import Path

from geo_perception.command import command_name


def report_line(path: Path) -> str:
    """Name the file to open by its absolute path, because the reader may be in another folder."""
    return f"report       {path.resolve()} (open it in a browser)"


def examples(*lines: str) -> str:
    """Format the end of a verb's help: command lines, each preceded by the program's name as it was typed."""
    shown = "\n".join(f"  {command_name()} {line}" for line in lines)
    return f"\b\nExamples:\n{shown}"  # click wraps no paragraph that begins with \b
