# SPDX-License-Identifier: Apache-2.0
"""Parameters that nobody has are named; those of other nodes are not ours to judge."""

from __future__ import annotations

from pathlib import Path

import pytest

from geo_perception.ros.runtime.overrides import file_parameters, matches, unknown_parameters

KNOWN = ("fusion", "timeout_s")
FILE = """
/**: {ros__parameters: {fusoin: scadc, use_sim_time: true, qos_overrides: {/points: {subscription: {depth: 1}}}}}
/car/fusion_node: {ros__parameters: {speed: 1}}
/truck/fusion_node: {ros__parameters: {weight: 1}}
car: {fusion_node: {ros__parameters: {timeout_s: 1.0, limits: {far: 2}}}}
other_node: {ros__parameters: {colour: red}}
"""


def test_a_file_is_read_for_the_node_alone(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(FILE)
    names = file_parameters(file, "/car/fusion_node")
    assert names == [
        "fusoin", "use_sim_time", "qos_overrides./points.subscription.depth", "speed", "timeout_s", "limits.far"
    ]  # fmt: skip
    lines = unknown_parameters(["x", "--ros-args", "--params-file", str(file)], "/car/fusion_node", KNOWN)
    assert len(lines) == 3
    assert lines[0] == (
        f"parameter file {file}: /car/fusion_node has no parameter 'fusoin'; did you mean 'fusion'?"
    )


def test_arguments_are_judged_too() -> None:
    words = [
        "--ros-args",
        "-p",
        "fusion:=scadc",
        "--param",
        "fuson:=x",
        "-p",
        "other:zzz:=1",
        "-p",
        "n:yyy:=1",
    ]
    lines = unknown_parameters(words, "/n", KNOWN)
    assert ["'fuson'" in lines[0], "'yyy'" in lines[1], len(lines)] == [True, True, 2]


@pytest.mark.parametrize(
    "text", ["", "3", "a: [", "\x00", "a: {ros__parameters: 3}", "/**: {ros__parameters: [1]}"]
)
def test_odd_files_do_no_harm(tmp_path: Path, text: str) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    assert file_parameters(file, "/a") == []
    assert file_parameters(tmp_path / "none.yaml", "/a") == []


@pytest.mark.parametrize(
    ("pattern", "name", "matching"),
    [
        ("/**", "/a/b", True),
        ("/a", "/a", True),
        ("/*", "/a", True),
        ("/*", "/a/b", False),
        ("/*/b", "/a/b", True),
        ("/**/b", "/x/y/b", True),
        ("/**/b", "/b", True),
        ("/c", "/a", False),
    ],
)
def test_patterns(pattern: str, name: str, matching: bool) -> None:
    assert matches(pattern, name) == matching
