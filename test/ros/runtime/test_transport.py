# SPDX-License-Identifier: Apache-2.0
"""The environment of a graph: our transport profile unless the user has one."""

from __future__ import annotations

import itertools
import os
import sys
import types
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from helpers import processes

from geo_perception.resources import resource
from geo_perception.ros.runtime.transport import (
    PROFILE_VARIABLE,
    environment,
    shared_memory_shortage,
    transport_environment,
)

NAMESPACE = "{http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles}"


def test_a_profile_of_the_user_is_left_alone() -> None:
    assert transport_environment({PROFILE_VARIABLE: "mine.xml"}) == {}
    assert environment({PROFILE_VARIABLE: "mine.xml"})[PROFILE_VARIABLE] == "mine.xml"


@pytest.mark.parametrize("localhost", [False, True])
def test_our_profile_otherwise(localhost: bool) -> None:
    file = Path(transport_environment({}, localhost=localhost)[PROFILE_VARIABLE])
    assert file.is_file()
    assert file.name == ("fastdds_localhost.xml" if localhost else "fastdds.xml")


def test_this_machine_only_takes_a_domain_of_its_own_but_keeps_the_users() -> None:
    env = environment({}, localhost=True)
    assert env["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 1 <= int(env["ROS_DOMAIN_ID"]) <= 101
    assert environment({"ROS_DOMAIN_ID": "7"}, localhost=True)["ROS_DOMAIN_ID"] == "7"
    assert "ROS_DOMAIN_ID" not in environment({})


def test_rclpy_from_wheels_finds_its_middleware() -> None:
    assert environment({"AMENT_PREFIX_PATH": "/opt/ros/jazzy"})["AMENT_PREFIX_PATH"] == "/opt/ros/jazzy"
    if (Path(sys.prefix) / "share" / "ament_index").is_dir():
        assert environment({})["AMENT_PREFIX_PATH"] == sys.prefix


def test_the_local_profile_differs_in_the_address_only() -> None:
    trees = [ET.parse(resource(f"config/fastdds{kind}.xml")).getroot() for kind in ("", "_localhost")]
    (white_list,) = trees[1].iter(f"{NAMESPACE}interfaceWhiteList")
    assert [address.text for address in white_list] == ["127.0.0.1"]
    udp = next(d for d in trees[1].iter(f"{NAMESPACE}transport_descriptor") if white_list in list(d))
    udp.remove(white_list)
    texts = [[(e.tag, (e.text or "").strip()) for e in tree.iter()] for tree in trees]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("localhost", "profile"), [(False, "fastdds_udp.xml"), (True, "fastdds_tcp_localhost.xml")]
)
def test_small_shared_memory_is_done_without_and_said(
    monkeypatch: pytest.MonkeyPatch, localhost: bool, profile: str
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: types.SimpleNamespace(f_bavail=64 * 256, f_frsize=4096))
    said: list[str] = []
    found = transport_environment({}, localhost=localhost, said=said.append)
    assert Path(found[PROFILE_VARIABLE]).name == profile
    (line,) = said
    assert "64 MB free" in line and "--shm-size" in line
    transports = {e.text for e in ET.parse(found[PROFILE_VARIABLE]).getroot().iter(f"{NAMESPACE}type")}
    assert "SHM" not in transports


def test_no_shared_memory_at_all_is_said(tmp_path: Path) -> None:
    assert "No such file" in shared_memory_shortage(tmp_path / "shm")


def test_test_runs_beside_each_other_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    first = processes.new_domain()
    monkeypatch.setattr(
        processes, "_domains", itertools.count(first - 1)
    )  # as of a run that comes by the same
    second = processes.new_domain()
    assert second != first and 1 <= second <= processes.DOMAINS
