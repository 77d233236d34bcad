# SPDX-License-Identifier: Apache-2.0
"""Settings are valid or refused with a line that names the parameter; the shipped file agrees with the defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml

from geo_perception.errors import ConfigError
from geo_perception.pipelines import StereoLidarFusionConfig
from geo_perception.resources import resource
from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import FusionSettings
from geo_perception.ros.runtime.parameter_declaration import descriptor
from geo_perception.ros.runtime.parameters import changed, coerced, rule_of


def test_the_shipped_file_has_every_parameter_with_its_default() -> None:
    text = resource("config/stereo_lidar_fusion.yaml").read_text()
    shipped = yaml.safe_load(text)["/**"]["ros__parameters"]
    defaults = {f.name: f.default for f in dataclasses.fields(FusionSettings)}
    del defaults["camera_from_lidar"]  # has no default that would be right for anybody
    assert shipped == defaults


def test_the_pipelines_options_have_the_same_defaults_here() -> None:
    assert FusionSettings().pipeline() == StereoLidarFusionConfig()


def test_the_file_marks_live_parameters_as_the_code_does() -> None:
    live = {f.name for f in dataclasses.fields(FusionSettings) if rule_of(f).live}
    sections = resource("config/stereo_lidar_fusion.yaml").read_text().split("\n\n")
    marked = {
        line.split(":")[0].strip(" #")
        for section in sections
        for line in section.splitlines()
        if "(live)" in section.splitlines()[0] or "# (live)" in line
        if ":" in line and line.startswith("    ") and not line.startswith("    #")
    }
    assert marked | {"camera_from_lidar"} == live


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"stereo": "magic"}, "stereo must be one of sgbm, sgbm_fast, psmnet, got 'magic'"),
        ({"max_depth_m": 0.5}, "max_depth_m must be at least 1.0, got 0.5"),
        ({"timeout_s": float("nan")}, "timeout_s must be finite, got nan"),
        ({"input_depth": 1.5}, "input_depth must be int, got 1.5"),
        ({"input_depth": True}, "input_depth must be int, got True"),
        ({"device": 3}, "device must be str, got 3"),
        ({"camera_from_lidar": "eye"}, "camera_from_lidar must be a list of numbers, got 'eye'"),
        ({"camera_from_lidar": [1.0, 2.0]}, "camera_from_lidar: a transform needs 16 values"),
        ({"camera_from_lidar": [1.0] * 16}, "camera_from_lidar: a transform needs finite values"),
        ({"preview_min_m": 90.0}, "preview_min_m 90.0 is not below preview_max_m 80.0"),
        ({"warn_age_s": 9.0}, "warn_age_s 9.0 exceeds error_age_s 2.0"),
    ],
)
def test_bad_values_are_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match="parameter ") as refusal:
        FusionSettings(**coerced(FusionSettings, values))
    assert named in str(refusal.value)


def test_integers_are_fine_floats_and_lists_of_them_fine_matrices() -> None:
    values = coerced(FusionSettings, {"max_depth_m": 50, "camera_from_lidar": [1, 0, 0.0]})
    assert values == {"max_depth_m": 50.0, "camera_from_lidar": (1.0, 0.0, 0.0)}
    assert all(type(v) is float for v in values["camera_from_lidar"])


@pytest.mark.parametrize("item", dataclasses.fields(FusionSettings), ids=lambda f: f.name)
def test_only_live_parameters_change_in_a_configured_node(item: Any) -> None:
    settings = FusionSettings()
    other = another_value(item)
    if rule_of(item).live:
        assert getattr(changed(settings, {item.name: other}), item.name) == other
    else:
        with pytest.raises(ConfigError, match=f"{item.name} takes effect when the node is configured"):
            changed(settings, {item.name: other})
    assert changed(settings, {item.name: item.default}) == settings  # setting it anew is no change


def another_value(item: Any) -> Any:
    if item.name == "camera_from_lidar":
        return tuple(float(i % 5 == 0) for i in range(16))
    if rule_of(item).choices:
        return next(c for c in rule_of(item).choices if c != item.default)
    if isinstance(item.default, bool):
        return not item.default
    if isinstance(item.default, str):
        return item.default + "x"
    high = rule_of(item).high
    more = item.default + type(item.default)(1)
    return more if high is None or more <= high else item.default / 2


def test_parameters_of_others_are_left_to_them() -> None:
    settings = FusionSettings()
    assert (
        changed(settings, {"use_sim_time": True, "qos_overrides./points.subscription.depth": 3}) == settings
    )


@pytest.mark.ros
@pytest.mark.parametrize("item", dataclasses.fields(FusionSettings), ids=lambda f: f.name)
def test_descriptors_say_what_is_allowed(item: Any) -> None:
    out, rule = descriptor(item), rule_of(item)
    assert out.description == rule.description
    assert all(choice in out.additional_constraints for choice in rule.choices)
    assert ("configured" in out.additional_constraints) is not rule.live
    if rule.low is not None:
        (bounds,) = out.floating_point_range or out.integer_range
        assert bounds.from_value == rule.low


def test_the_word_nan_may_come_as_a_number() -> None:
    """ROS's parser reads it so, in parameter files and after -p."""
    assert coerced(FusionSettings, {"unknown": float("nan")}) == {"unknown": "nan"}
    with pytest.raises(ConfigError, match="stereo must be str"):
        coerced(FusionSettings, {"stereo": float("nan")})
