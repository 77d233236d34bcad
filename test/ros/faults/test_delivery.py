# SPDX-License-Identifier: Apache-2.0
"""The transport: large clouds arrive, and with the localhost profile no packet leaves this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from helpers.processes import CHECKOUT, local_ros_environment

pytestmark = pytest.mark.ros

MEASURE = """
import json, sys
from geo_perception.ros.delivery import measure_delivery

def packets_out():
    with open("/proc/net/dev") as table:
        return sum(int(line.split(":")[1].split()[9]) for line in table if line.strip().startswith("out0:"))

before = packets_out()
result = measure_delivery(int(sys.argv[1]), 10.0, int(sys.argv[2]))
print(json.dumps([result.sent, result.received, packets_out() - before]))
"""
# A network of its own with a way out, so that what would leave is counted; IPv6 is off as the kernel itself speaks it.
NETWORK = """
ip link set lo up && ip link add out0 type veth peer name out1 || exit 77
echo 1 > /proc/sys/net/ipv6/conf/out0/disable_ipv6; echo 1 > /proc/sys/net/ipv6/conf/out1/disable_ipv6
ip addr add 10.99.0.1/24 dev out0 && ip link set out0 up && ip link set out1 up || exit 77
ip route add default via 10.99.0.2 && exec "$@"
"""
NO_NAMESPACE = 77


@pytest.mark.parametrize("profile", ["fastdds.xml", "fastdds_localhost.xml"])
def test_large_best_effort_clouds_arrive(profile: str) -> None:
    """100 clouds of 7.4 MB at 10 Hz between two processes: at least 99 arrive, if the machine is not busy otherwise."""
    received: list[int] = []
    while max(received, default=0) < 99 and len(received) < 3:
        done = run(measurement(100, 7_440_000), profile)
        assert done.returncode == 0, done.stderr
        sent, arrived, _ = json.loads(done.stdout)
        assert sent == 100
        received.append(arrived)
    assert received[-1] >= 99, received


@pytest.mark.parametrize(
    ("profile", "discovery", "leaves"),
    [
        ("fastdds_localhost.xml", "LOCALHOST", False),
        ("fastdds_localhost.xml", "SUBNET", False),  # the profile alone is enough
        ("fastdds.xml", "SUBNET", True),  # what a robot uses does leave, so this test would notice
    ],
)
def test_no_packet_leaves_loopback(profile: str, discovery: str, leaves: bool) -> None:
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("needs unshare and ip")
    command = ["unshare", "--map-root-user", "--net", "sh", "-c", NETWORK, "sh", *measurement(10, 100_000)]
    done = run(command, profile, ROS_AUTOMATIC_DISCOVERY_RANGE=discovery)
    if done.returncode == NO_NAMESPACE or "unshare failed" in done.stderr:
        pytest.skip(f"no network namespaces here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    _, received, packets = json.loads(done.stdout)
    assert received >= 9
    assert (packets > 0) == leaves


def measurement(count: int, size: int) -> list[str]:
    return [sys.executable, "-c", MEASURE, str(count), str(size)]


def run(command: list[str], profile: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The program's result; the profile is read anew by every process."""
    environment = {**os.environ, **local_ros_environment(), **variables}
    environment["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(CHECKOUT / "config" / profile)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
