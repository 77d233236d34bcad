# SPDX-License-Identifier: Apache-2.0
"""Names of the release before: each is still accepted, with one warning, and gives what the present name gives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from helpers import fake_launch
from helpers.indoor_model import CAMERA, picture, untrained_model
from helpers.processes import new_domain

from geo_perception.cli.eval.indoor_depth import load_pipelines
from geo_perception.errors import ConfigError, WeightsError
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.resources import resource
from geo_perception.ros.graphs import GRAPHS, find_graph
from geo_perception.ros.nodes.indoor_depth.parameters import IndoorSettings
from geo_perception.ros.runtime.former_names import former_names
from geo_perception.ros.runtime.overrides import unknown_parameters
from geo_perception.weights import read_card
from geo_perception.weights.card_migration import FIELDS, METRICS
from geo_perception.weights.model_card import CARD_FILE, card_from

# Former name, present one, a word that says another value than the default, and that value.
PARAMETERS = [("mirror", "flip_augmentation", "on", "on"), ("glance", "multi_scale", "false", False)]
INDOOR = find_graph("indoor_depth")
FORMER_CARD: dict[str, Any] = {
    "network": "distdepth",
    "recipe": "train it",
    "inputs": "RGB",
    "outputs": "metres",
    "metrics": {
        "size": [64, 96],
        "aspect": "pad",
        "canonical_focal": 0.5,
        "glance": [64, 64],
        "glance_share": 0.25,
        "glance_model": "",
        "mirror": True,
        "step": 7,
    },
}
PRESENT_CARD: dict[str, Any] = {
    "schema": 2,
    "network": "distdepth",
    "command": "train it",
    "input": {
        "size": [64, 96],
        "aspect": "pad",
        "canonical_focal": 0.5,
        "multi_scale": {"size": [64, 64], "share": 0.25, "model": ""},
        "flip": True,
        "description": "RGB",
    },
    "output": {"description": "metres"},
    "metrics": {"step": 7},
}


def test_every_renamed_parameter_is_tried_here() -> None:
    found = [
        pair
        for graph in GRAPHS.values()
        for node in graph.nodes
        for pair in former_names(node.settings).items()
    ]
    assert sorted(found) == sorted((old, new) for old, new, *_ in PARAMETERS)


# Launch arguments.


@pytest.mark.parametrize(("old", "new", "word", "value"), PARAMETERS)
def test_the_command_line_takes_former_arguments(
    old: str, new: str, word: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert INDOOR.starts({old: word}) == INDOOR.starts({new: word}) != INDOOR.starts({})
    assert caplog.messages == [
        f"launch argument {old!r} is called {new!r} now; the next release does not take the former name"
    ]
    with pytest.raises(ConfigError, match=f"{old!r} is called {new!r} now, and both are given"):
        INDOOR.starts({old: word, new: word})


@pytest.mark.parametrize(("old", "new", "word", "value"), PARAMETERS)
def test_launch_files_take_former_arguments(
    old: str, new: str, word: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    entities = fake_launch.load(resource("launch/indoor_depth.launch.py"), monkeypatch)

    def arguments(**given: str) -> list[str]:
        (node,) = (e for e in fake_launch.run(entities, **given) if isinstance(e, fake_launch.Node))
        return list(node.options["ros_arguments"])

    fake_launch.WARNINGS.clear()
    assert arguments(**{new: word}) != arguments()
    assert fake_launch.WARNINGS == []
    assert arguments(**{old: word}) == arguments(**{new: word})
    assert len(fake_launch.WARNINGS) == 1
    assert f"launch argument {old!r} is called {new!r} now" in fake_launch.WARNINGS[0]
    with pytest.raises(ConfigError, match="both are given"):
        arguments(**{old: word, new: word})


# Parameters of a node.


@contextmanager
def node_of(*words: str) -> Iterator[Any]:
    """A node that was given these ROS arguments, not yet configured."""
    import rclpy
    from rclpy.context import Context
    from rclpy.signals import SignalHandlerOptions

    from geo_perception.ros.nodes.indoor_depth.node import IndoorDepthNode

    context = Context()
    rclpy.init(
        args=["--ros-args", *words],
        context=context,
        domain_id=new_domain(),
        signal_handler_options=SignalHandlerOptions.NO,
    )
    node = IndoorDepthNode(lambda settings: None, context=context)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def settings_of(*words: str) -> IndoorSettings | None:
    with node_of(*words) as node:
        node.trigger_configure()
        settings: IndoorSettings | None = node.settings
        return settings


def by_word(tmp_path: Path, **values: str) -> list[str]:
    return [part for name, word in values.items() for part in ("-p", f"{name}:={word}")]


def by_file(tmp_path: Path, **values: str) -> list[str]:
    file = tmp_path / f"{'-'.join(values)}.yaml"
    lines = "\n".join(f"    {name}: {word}" for name, word in values.items())
    file.write_text(f"/**:\n  ros__parameters:\n{lines}\n")
    return ["--params-file", str(file)]


@pytest.mark.ros
@pytest.mark.parametrize("given", [by_word, by_file])
@pytest.mark.parametrize(("old", "new", "word", "value"), PARAMETERS)
def test_nodes_take_former_parameters(
    old: str,
    new: str,
    word: str,
    value: object,
    given: Callable[..., list[str]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    words = given(tmp_path, **{old: word})
    assert unknown_parameters(words, "/indoor_depth", [new], [old]) == []
    settings = settings_of(*words)
    said = [line for line in capfd.readouterr().err.splitlines() if "WARN" in line]
    assert settings == settings_of(*given(tmp_path, **{new: word})) and getattr(settings, new) == value
    assert len(said) == 1 and f"parameter {old!r} is called {new!r} now" in said[0]
    assert "WARN" not in capfd.readouterr().err
    assert settings_of(*given(tmp_path, **{old: word, new: word})) is None
    (error,) = [line for line in capfd.readouterr().err.splitlines() if "ERROR" in line]
    assert f"cannot configure: {old!r} is called {new!r} now, and both are given" in error


@pytest.mark.ros
@pytest.mark.parametrize(("old", "new", "word", "value"), PARAMETERS)
def test_former_parameters_can_be_set(
    old: str, new: str, word: str, value: object, capfd: pytest.CaptureFixture[str]
) -> None:
    """As `ros2 param set` does: refused in a configured node for the same reason as by the present name."""
    from rclpy.parameter import Parameter

    with node_of() as node:
        node.trigger_configure()
        refused = [node.set_parameters_atomically([Parameter(name, value=value)]) for name in (new, old)]
        assert not refused[0].successful
        assert refused[0].reason == refused[1].reason
        node.trigger_cleanup()
        twice = node.set_parameters_atomically([Parameter(name, value=value) for name in (new, old)])
        assert twice.reason == f"parameter {new} is given twice; {old} is its former name"
        capfd.readouterr()
        assert node.set_parameters_atomically([Parameter(old, value=value)]).successful
        assert f"parameter {old!r} is called {new!r} now" in capfd.readouterr().err
        node.trigger_configure()
        assert getattr(node.settings, new) == value
        assert not node.has_parameter(old)


# Variants of `eval indoor_depth --compare`.


def test_compared_rows_take_former_variants(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = IndoorDepthConfig(model=untrained_model(tmp_path / "m"))
    rows = load_pipelines(config, "@noglance,@mirror,@nomultiscale,@flip")
    assert rows["@noglance"].config == rows["@nomultiscale"].config != config
    assert rows["@mirror"].config == rows["@flip"].config != config
    assert caplog.messages == [
        "compare: @noglance is called @nomultiscale now",
        "compare: @mirror is called @flip now",
    ]


# Model cards.


def test_every_former_key_of_a_card_is_tried_here() -> None:
    assert set(METRICS) == set(FORMER_CARD["metrics"]) - {"step"}
    assert set(FIELDS) == set(FORMER_CARD) - {"network", "metrics"}


def test_former_cards_are_read_as_present_ones(caplog: pytest.LogCaptureFixture) -> None:
    assert card_from(FORMER_CARD, "old/model.yaml") == card_from(PRESENT_CARD, "new/model.yaml")
    (line,) = caplog.messages
    assert line.startswith("old/model.yaml is a card of schema 1")
    for name, place in {**FIELDS, **METRICS}.items():
        assert f"{name} -> {place}" in line


@pytest.mark.parametrize("name", [*FIELDS, *METRICS])
def test_one_former_key_is_enough_for_the_warning(name: str, caplog: pytest.LogCaptureFixture) -> None:
    values = (
        {"metrics": {name: FORMER_CARD["metrics"][name]}} if name in METRICS else {name: FORMER_CARD[name]}
    )
    card_from({"network": "distdepth", **values}, f"{name}/model.yaml")
    assert len(caplog.messages) == 1


def test_a_card_without_former_keys_is_read_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    card_from({"network": "scadc", "metrics": {"rmse_m": 1.5}}, "model.yaml")
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"metrics": {"size": [64, 64]}, "input": {"size": [64, 64]}},
            r"metrics.size -> input.size is given by both",
        ),
        ({"recipe": "train", "command": "train"}, "recipe -> command is given by both names; keep command"),
        (
            {"metrics": {"glance_share": 0.5}, "input": {"multi_scale": {"share": 0.5}}},
            "keep input.multi_scale.share",
        ),
    ],
)
def test_a_card_with_both_names_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        card_from({"network": "distdepth", **values}, "model.yaml")


def test_a_model_with_a_former_card_gives_the_same_depth(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = untrained_model(tmp_path / "other", seed=1, size=[64, 96])
    small = {"size": [64, 96], "share": 0.25, "model": other}
    model = Path(untrained_model(tmp_path / "m", size=[96, 128], multi_scale=small, flip=True, aspect="crop"))
    config = IndoorDepthConfig(model=str(model), precision="float32")
    present = IndoorDepth(config)(picture(), CAMERA)
    assert caplog.messages == []
    values = yaml.safe_load((model / CARD_FILE).read_text())
    card = read_card(model)
    metrics = {"size": [96, 128], "aspect": "crop", "canonical_focal": 0.5, "mirror": True}
    metrics |= {"glance": [64, 96], "glance_share": 0.25, "glance_model": other}
    former = {"network": "distdepth", "config": values["config"], "sha256": card.sha256, "metrics": metrics}
    (model / CARD_FILE).write_text(yaml.safe_dump(former))
    with caplog.at_level(logging.WARNING):
        again = IndoorDepth(config)(picture(), CAMERA)
    assert read_card(model) == card
    assert len([line for line in caplog.messages if str(model) in line]) == 1
    np.testing.assert_array_equal(again.depth_m, present.depth_m)
    assert again.focal_scale == present.focal_scale
