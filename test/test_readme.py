# SPDX-License-Identifier: Apache-2.0
"""README.md names only what exists: files, verbs, targets of make, nodes and topics."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from geo_perception import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Text of a second-level section."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def tree() -> list[str]:
    """Paths of the file tree: two spaces of indentation a level, then the name, then what it is."""
    block = section("Files").split("```")[1].split("\n", 1)[1]
    paths, parents = [], []
    for line in block.splitlines():
        name = line.split()[0] if line.strip() else ""
        if not name:
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:depth], name]
        paths.append("".join(parents))
    return paths


def test_file_tree_exists() -> None:
    assert [path for path in tree() if not (ROOT / path).exists()] == []


def test_file_tree_has_every_package() -> None:
    packages = {
        path.parent.relative_to(ROOT).as_posix() + "/" for path in (ROOT / "src").rglob("__init__.py")
    }
    assert packages - set(tree()) == set()


def test_relative_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) <= targets
    named = set(re.findall(r"geo-perception ([a-z]+(?:-[a-z]+)?)", README))
    assert named <= set(cli.VERBS)
    assert set(cli.VERBS) <= named


def rows(node: str, kind: str) -> set[str]:
    """Names in the rows of a node's table that begin with `kind`."""
    table = section("Nodes, topics, parameters").split(f"\n`{node}` ", 1)[1].split("\n\n`", 1)[0]
    return {
        name
        for line in table.splitlines()
        if line.startswith(f"| {kind} |")
        for name in re.findall("`([^`]+)`", line.split("|")[2])
    }


def test_topics_and_parameters_are_those_of_the_nodes() -> None:
    from geo_perception.ros.graphs import GRAPHS
    from geo_perception.ros.nodes.fusion_settings import FusionSettings
    from geo_perception.ros.nodes.indoor_settings import IndoorSettings

    settings = {"stereo_lidar_fusion": FusionSettings, "indoor_depth": IndoorSettings}
    for node in [node for graph in GRAPHS.values() for node in graph.nodes]:
        name = node.executable
        assert (rows(name, "in") | rows(name, "out")) - {"/diagnostics"} == set(node.topics)
        assert rows(name, "param") - set(settings[name].__dataclass_fields__) == set()
        assert rows(name, "param")


def test_ignored_files_are_not_in_the_tree() -> None:
    command = ["git", "check-ignore", *tree()]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert listed.stdout == ""
