# SPDX-License-Identifier: Apache-2.0
"""The demo of the indoor graph: real processes on simulated rooms, judged by what was received."""

import json

import pytest
from helpers.indoor_model import untrained_model
from helpers.processes import local_ros_environment

from geo_perception.errors import ConfigError
from geo_perception.ros.demo.run import DemoConfig, run
from geo_perception.ros.demo.stages import node_parameters, stage_of


@pytest.mark.ros
def test_rooms_go_through_the_graph_and_are_judged(tmp_path, monkeypatch, capsys):
    pytest.importorskip("open3d")
    for name, value in local_ros_environment().items():
        monkeypatch.setenv(name, value)
    arguments = {"model": untrained_model(tmp_path / "indoor"), "precision": "float32"}
    options = {"graph": "indoor_depth", "frames": 3, "loops": 1, "scale": 0.25, "out": tmp_path}
    report = run(DemoConfig(**options, arguments=arguments))
    metrics = json.loads((report.parent / "metrics.json").read_text())
    assert metrics["frames"] == 3
    said = capsys.readouterr()
    assert "accuracy     of 3 of 3 frames" in said.out
    assert "largest difference to the pipeline called directly: 0 m" in said.out
    assert "lockstep: 3 of 3 frames answered" in said.err


def test_arguments_and_parameter_file_make_the_offline_pipeline():
    got = node_parameters(
        "indoor_depth", {"scale_by_focal": "false", "model": "m", "image": "x", "aspect": ""}
    )
    assert (got["scale_by_focal"], got["model"], got["aspect"]) == (False, "m", "card")
    assert "image" not in got


def test_unknown_graphs_list_what_exists():
    with pytest.raises(ConfigError, match="kitti_fusion"):
        stage_of("garden")
