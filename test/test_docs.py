# SPDX-License-Identifier: Apache-2.0
"""README.md and docs/ name only what exists: files, links, verbs, targets of make, nodes, topics and options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from helpers.command_lines import accept, caught

from geo_perception import cli

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "geo_perception"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md"), *sorted((ROOT / "docs").rglob("*.md"))]
}
README, ARCHITECTURE = PAGES["README.md"], PAGES["docs/architecture.md"]
MOST_LINES = 150
COMMAND = ".venv/bin/geo-perception"


def section(page: str, title: str) -> str:
    """Text of a second-level section."""
    return page.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def code_blocks(page: str) -> list[str]:
    """Blocks of shell commands: those that name no other language."""
    return re.findall(r"^```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def anchors(page: str) -> set[str]:
    """Fragments that lead to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def tree() -> list[str]:
    """Paths of the file tree: two spaces of indentation a level, then the name, then what it is."""
    block = section(ARCHITECTURE, "File tree").split("```")[1].split("\n", 1)[1]
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


def test_ignored_files_are_not_in_the_tree() -> None:
    command = ["git", "check-ignore", *tree()]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert listed.stdout == ""


def test_paths_in_the_architecture_exist() -> None:
    paths = re.findall(r"`([\w/.-]+/[\w.-]*|[\w-]+\.py)`", ARCHITECTURE)
    assert len(paths) > 20
    assert [path for path in paths if not ((ROOT / path).exists() or (PACKAGE / path).exists())] == []


def test_layers_in_the_architecture_are_those_of_the_contracts() -> None:
    contracts = (ROOT / "pyproject.toml").read_text().split("layers = [", 1)[1].split("]", 1)[0]
    layers = [re.findall(r"geo_perception\.(\w+)", line) for line in contracts.splitlines() if line.strip()]
    rows = [line.split("|")[2] for line in section(ARCHITECTURE, "Layers").splitlines() if line[:1] == "|"]
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows[2:]] == [set(names) for names in layers]


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    for target, fragment in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", PAGES[page]):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), target
        assert not fragment or fragment in anchors(path.read_text(encoding="utf-8")), fragment


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES.values():
        code = "\n".join([*re.findall("`[^`\n]+`", page), *code_blocks(page)])
        assert set(re.findall(r"\bmake ([a-z-]+)\b", code)) <= targets


def test_command_line_page_has_every_verb() -> None:
    named = re.findall(r"^\| `geo-perception ([a-z-]+)(?: ([a-z-]+))?", PAGES["docs/cli.md"], re.MULTILINE)
    wanted: list[tuple[str, str]] = []
    for verb in cli.VERBS:
        found: Any = cli.load_verb(verb)
        commands = list(getattr(found, "commands", {})) if verb != "eval" else []
        wanted += [(verb, command) for command in commands] or [(verb, "")]
    assert sorted(named) == sorted(wanted)


def test_verbs_exist() -> None:
    for page in PAGES.values():
        assert set(re.findall(r"geo-perception ([a-z]+(?:-[a-z]+)?)\b", page)) <= set(cli.VERBS)


@pytest.mark.parametrize("page", PAGES)
def test_the_program_takes_the_commands_of_a_page(page: str, tmp_path: Path) -> None:
    for block in code_blocks(PAGES[page]):
        if COMMAND in block:
            ours = "\n".join(
                line for line in block.replace("\\\n", " ").splitlines() if "python -m" not in line
            )
            for command in caught(tmp_path, "-euc", ours):
                accept(command)


def test_launch_lines_start_a_graph() -> None:
    from geo_perception.ros.graphs import find_graph
    from geo_perception.ros.launch_arguments import parse_arguments

    pattern = r"^ros2 launch geo_perception (\w+)\.launch\.py(.*)$"
    lines = [line for page in PAGES.values() for line in re.findall(pattern, page, re.MULTILINE)]
    assert len(lines) > 3
    for graph, arguments in lines:
        assert find_graph(graph).starts(parse_arguments(arguments.split()))


def test_readme_is_a_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_readme_shows_picture_install_and_run_first() -> None:
    first = README.split("\n## On a robot\n", 1)[0]
    assert first.index("docs/overview.png") < first.index("make demo") < first.index("make test")


def test_topics_in_readme_are_those_of_the_nodes() -> None:
    from geo_perception.ros.graphs import GRAPHS

    rows = [line.split("|") for line in section(README, "Nodes").splitlines() if line.startswith("| [`")]
    shown = {
        re.findall(r"`(\w+)`", row[1])[0]: [re.findall("`([^`]+)`", cell) for cell in row[2:4]]
        for row in rows
    }
    nodes = [node for graph in GRAPHS.values() for node in graph.nodes]
    assert set(shown) == {node.executable for node in nodes}
    for node in nodes:
        inputs, outputs = shown[node.executable]
        assert sorted(inputs) == sorted(topic.name for topic in node.inputs)
        assert sorted(outputs) == sorted(topic.name for topic in node.outputs)


def test_experiments_are_dated_newest_first() -> None:
    titles = re.findall(r"^## (.+)$", PAGES["docs/experiments.md"], re.MULTILINE)
    dates = [title.split(":")[0] for title in titles]
    assert titles and all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", date) for date in dates)
    assert dates == sorted(dates, reverse=True)
