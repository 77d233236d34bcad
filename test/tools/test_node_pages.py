# SPDX-License-Identifier: Apache-2.0
"""docs/nodes/ shows the topics and parameters that the nodes declare, and --check tells when it does not."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from geo_perception.ros.graphs import GRAPHS, NodeSpec

ROOT = Path(__file__).resolve().parents[2]
NODES = [node for graph in GRAPHS.values() for node in graph.nodes]
ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("node_pages", ROOT / "tools" / "node_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the pages, which the tool takes for the real ones."""
    copy = tmp_path / "nodes"
    shutil.copytree(tool.PAGES, copy)
    monkeypatch.setattr(tool.pages, "__defaults__", (copy,))
    return copy


def block(node: str, name: str) -> dict[str, str]:
    """First cell -> the others, of the tables in a block of a node's page."""
    page = (ROOT / "docs" / "nodes" / f"{node}.md").read_text(encoding="utf-8")
    text = page.split(f"<!-- {name}: generated")[1].split(f"<!-- end of {name} -->")[0]
    return dict(ROW.findall(text))


def test_pages_are_current(tool: ModuleType) -> None:
    assert tool.main(["--check"]) == 0


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.executable)
def test_pages_name_every_topic_and_parameter(node: NodeSpec) -> None:
    name = node.executable
    assert list(block(name, "subscribed topics")) == [topic.name for topic in node.inputs]
    assert list(block(name, "published topics")) == [topic.name for topic in node.outputs]
    assert set(block(name, "parameters")) == {item.name for item in fields(node.settings)}


def test_a_row_tells_type_default_range_and_when_it_takes_effect() -> None:
    rows = block("indoor_depth", "parameters")
    assert rows["preview_max_m"].startswith(" double | `10.0` | from 0.1 | yes | ")
    assert rows["network_width"].startswith(" integer | `0` | 0 to 4096 |  | ")
    assert rows["aspect"].startswith(" string | `card` | `card`, `stretch`, `pad`, `crop` |  | ")


def test_a_changed_page_is_found_and_mended(
    tool: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = folder / "indoor_depth.md"
    right = page.read_text()
    page.write_text(right.replace("| `max_gap_s` |", "| `max_gap` |"))
    assert tool.main(["--check"]) == 1
    assert capsys.readouterr().out == f"{page}: out of date; run: make docs\n"
    assert tool.main([]) == 0
    assert page.read_text() == right


def test_a_page_without_markers_is_named(tool: ModuleType, folder: Path) -> None:
    page = folder / "indoor_depth.md"
    page.write_text("# Node\n")
    with pytest.raises(SystemExit, match=re.escape(f"{page}: needs '<!-- subscribed topics")):
        tool.main(["--check"])
