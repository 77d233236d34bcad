# SPDX-License-Identifier: Apache-2.0
"""`--help` of the recipes: every option is explained, in words of its own.

They come from comments beside or above the fields. One above a field is taken for those that follow without a comment,
too, and one that the formatter moved into brackets is lost; nobody sees either in the source.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

RECIPES = {
    "distdepth rooms": ("distdepth", "rooms"),
    "distdepth distdepth-m": ("distdepth", "distdepth-m"),
    "scadc": ("scadc",),
}
NAME = re.compile(r"--[a-z][\w.-]*")
OPTION = re.compile(r"^(-\S+,? )+(\{.*?\}|[A-Z\[\]. ]+(?= |$))?")


def explained(shown: str) -> dict[str, str]:
    """Words to each option; the frame, the kind of value and the default are left out."""
    out: dict[str, list[str]] = {}
    words: list[str] = []
    for line in (line.strip("│ ") for line in shown.splitlines() if line.startswith("│")):
        if line.startswith("--") and re.match(r"--([\w.-]+\.)?no-", line):
            continue  # the other half of a switch
        if name := NAME.match(line):
            words = out.setdefault(name[0], [])
        words.append(OPTION.sub("", line + " "))
    return {name: re.sub(r"\(default:[^()]*\)?", "", " ".join(words)).strip() for name, words in out.items()}


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_option_is_explained_in_its_own_words(recipe: str) -> None:
    name, *preset = RECIPES[recipe]
    command = [sys.executable, "-m", f"training.recipes.{name}", *preset, "--help"]
    environment = {
        **os.environ,
        "COLUMNS": "80",
        "PYTHONIOENCODING": "utf-8",
    }  # with frames around the groups
    words = explained(
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    )
    assert len(words) > 20 and "--seed" in words
    silent = [option for option, text in words.items() if len(text) < 5]
    assert not silent, f"options without a word: {silent}"
    by_text: dict[str, list[str]] = {}
    for option, text in words.items():
        by_text.setdefault(text, []).append(option)
    alike = [options for options in by_text.values() if len(options) > 1]
    assert not alike, f"options with the same words: {alike}"
