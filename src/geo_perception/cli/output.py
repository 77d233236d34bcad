# SPDX-License-Identifier: Apache-2.0
"""Lines that several verbs print: examples in their help, and the file to open when they are done."""

from __future__ import annotations

from pathlib import Path

from geo_perception.command import command_name


def report_line(path: Path) -> str:
    """Which file to open; whole, because the reader may stand in another folder than the program did."""
    return f"report       {path.resolve()} (open it in a browser)"


def examples(*lines: str) -> str:
    """The end of a verb's help: command lines without the program's name, which is put before each as it was typed."""
    shown = "\n".join(f"  {command_name()} {line}" for line in lines)
    return f"\b\nExamples:\n{shown}"  # click wraps no paragraph that begins with \b
