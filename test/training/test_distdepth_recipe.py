# SPDX-License-Identifier: Apache-2.0
"""The indoor recipe: every mode runs, resumes to the bit, two processes equal one, no failure loses a checkpoint."""

import os
import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.full_disk import limited_files
from helpers.indoor_training import losses

from geo_perception.errors import ConfigError, DataError, GeoPerceptionError, WeightsError
from geo_perception.evaluation.indoor_depth.baselines import read_mean_map
from geo_perception.weights import load_model, read_card
from training import checkpoint
from training.depth.config import PRESETS, DistDepthRecipeConfig
from training.depth.model_card import command_line, multi_scale
from training.depth.student import Student
from training.recipes import distdepth as recipe
from training.run_log import RunLog


def state(config):
    return load_model(config.out).state_dict()


@pytest.mark.parametrize(
    ("preset", "expert", "terms"),
    [
        ("supervised", "", {"supervised", "gradient"}),
        ("stereo", "simulator", {"reprojection", "smoothness", "statistical"}),
        ("temporal", "", {"reprojection", "smoothness"}),
        ("both", "simulator", {"reprojection", "smoothness", "statistical"}),
        ("thesis", "simulator", {"reprojection", "smoothness", "statistical", "spatial"}),
        ("monodepth2", "", {"reprojection", "smoothness"}),
        ("depth-hints", "", {"reprojection", "smoothness", "hint"}),
    ],
)
def test_every_preset_trains_and_writes_a_model_with_its_card(tiny, preset, expert, terms):
    config = replace(tiny(preset), expert=expert, steps=2)
    figures = recipe.train(config)
    card = read_card(config.out)
    assert card.network == "distdepth" and card.metrics["step"] == 2
    assert card.metrics["held_out"]["metric_absrel"] == pytest.approx(figures["metric_absrel"], abs=1e-4)
    assert f"training.recipes.distdepth {preset} " in card.command
    assert card.input["size"] == list(config.loader.size) and set(card.metrics) == {"held_out", "step"}
    assert card.input["canonical_focal"] == config.objective.canonical_focal
    assert card.output["range"][1] == pytest.approx(config.depth.numerator * config.depth.max_depth_m)
    assert ("expert: simulator" in card.trained_on) == bool(expert)
    assert {name.removeprefix("loss/") for _, name in losses(config)} == {*terms, "total"}
    assert isinstance(load_model(config.out), torch.nn.Module)


def test_a_network_trained_in_several_sizes_is_asked_in_the_smallest_too():
    assert multi_scale(PRESETS["rooms"][1]) == {"multi_scale": {"size": [96, 128]}}
    assert multi_scale(PRESETS["supervised"][1]) == {}


@pytest.mark.parametrize(
    ("preset", "values"),
    [
        ("stereo", {"expert": "simulator"}),
        ("rooms", {"pretrained": "", "half": False, "init": "out/my rooms", "average": 0.99}),
        ("manydepth", {"tie_break": False, "channels_last": False}),
    ],
)
def test_the_command_in_the_card_gives_the_same_configuration(tiny, preset, values):
    config = replace(tiny(preset), **values)
    config = replace(config, loader=replace(config.loader, mirror_camera=not config.loader.mirror_camera))
    args = shlex.split(command_line(config))[3:]
    again = recipe.tyro.extras.overridable_config_cli(PRESETS, args=args)
    places = {
        name: getattr(config, name)
        for name in ("out", "run_folder", "cache", "threads", "log_every", "validate_every")
    }
    assert replace(again, **places) == config


@pytest.mark.parametrize(
    ("preset", "expert", "average"),
    [("both", "simulator", 0.0), ("manydepth", "", 0.0), ("supervised", "", 0.9)],
)
def test_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tiny, monkeypatch, preset, expert, average):
    whole, interrupted = (tiny(preset, name, expert=expert, average=average) for name in ("whole", "again"))
    recipe.train(whole)
    step, calls = recipe.train_step, []

    def stop_in_the_fourth(*args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(recipe, "train_step", stop_in_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        recipe.train(interrupted)
    recipe.train(interrupted)
    want, got = state(whole), state(interrupted)
    assert all(torch.equal(want[name], got[name]) for name in want)
    assert losses(whole) == losses(interrupted)
    assert read_card(whole.out).config == read_card(interrupted.out).config


@pytest.mark.parametrize("preset", ["stereo", "supervised", "manydepth"])
def test_two_processes_equal_one(tiny, preset):
    expert = "simulator" if preset == "stereo" else ""
    # the first steps of Adam move every weight by the learning rate, whatever the size of its gradient: rounding that
    # turns the sign of a tiny gradient shows in the loss in proportion to it
    one, two = (replace(tiny(preset, name), expert=expert, lr=5e-6) for name in ("one", "two"))
    recipe.train(one)
    own = [f"--{name.replace('_', '-')} {getattr(two, name)}" for name in ("out", "run_folder", "cache")]
    options = [
        *command_line(two).split()[3:],
        *" ".join(own).split(),
        "--log-every",
        "1",
        "--validate-every",
        "2",
    ]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, "-m", "training.recipes.distdepth", *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr[-2000:]
    want, got = losses(one), losses(two)
    assert want.keys() == got.keys()
    assert max(abs(want[key] - got[key]) for key in want) < 1e-5


def test_mixed_precision_changes_the_first_loss_by_less_than_a_hundredth(tiny):
    runs = [
        tiny("stereo", p, precision=p, steps=1, validation=(), tie_break=False)
        for p in ("32-true", "bf16-mixed")
    ]
    for config in runs:
        recipe.train(config)
    exact, mixed = (losses(config)[0, "loss/total"] for config in runs)
    assert mixed == pytest.approx(exact, rel=0.01) and mixed != exact


def test_a_loss_that_is_not_finite_stops_and_names_the_term(tiny, monkeypatch):
    config = tiny("supervised")
    recipe.train(replace(config, steps=2))
    before = (config.run_folder / checkpoint.FILE).read_bytes()
    compute_losses = Student.compute_losses

    def spoilt(*args):
        judged = compute_losses(*args)
        return judged._replace(terms={**judged.terms, "gradient": judged.terms["gradient"] * torch.nan})

    monkeypatch.setattr(Student, "compute_losses", spoilt)
    with pytest.raises(DataError, match=r"step 2: term gradient is not finite .*last checkpoint is kept"):
        recipe.train(config)
    assert (config.run_folder / checkpoint.FILE).read_bytes() == before


def test_weights_that_are_not_finite_do_not_replace_a_checkpoint(tiny):
    student = recipe.new_student(tiny("supervised"))
    student.depth.decoder.decoder[0].conv.conv.bias.data[0] = torch.inf
    with pytest.raises(DataError, match=r"weight depth\.decoder\..*bias is not finite"):
        recipe.check_weights(student, 7)


def test_a_full_disk_leaves_the_old_checkpoint(tiny):
    config = tiny("supervised")
    recipe.train(replace(config, steps=2))
    before = (config.run_folder / checkpoint.FILE).read_bytes()
    with (
        pytest.raises(WeightsError, match=r"cannot write .*checkpoint\.pt.*earlier one is kept"),
        limited_files(10_000_000),
    ):
        recipe.train(config)
    assert (config.run_folder / checkpoint.FILE).read_bytes() == before
    assert [path.name for path in config.run_folder.glob("checkpoint*")] == [checkpoint.FILE]


def test_a_disk_too_full_for_the_log_is_named(tmp_path):
    log = RunLog(tmp_path, 0)
    log.path.write_text("x" * 1_000_000)  # beyond whatever else this process writes
    with (
        pytest.raises(DataError, match=r"cannot write .*log\.csv.*last checkpoint is kept"),
        limited_files(1_000_000),
    ):
        log.add(3, {"loss/total": 1.0})
    log.close()


def test_the_mean_depth_of_the_training_set_lies_beside_the_weights(tiny):
    config = tiny("supervised")
    recipe.train(replace(config, steps=2))
    first = read_mean_map(config.out)
    assert first.shape == (16, 16) and (config.out / "mean_depth.npy").stat().st_size < 1000
    recipe.train(config)  # continues, and replaces the folder
    assert np.array_equal(read_mean_map(config.out), first)
    truth_m = 0.5 * 64 * 0.131202 / np.float32([3, 4, 2] * 2)  # of the six samples, each a wall
    np.testing.assert_allclose(first, truth_m.mean(), rtol=1e-3)


@pytest.mark.parametrize("content", [b"", b"<html>", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_no_checkpoint_is_named(tiny, content):
    config = tiny("supervised")
    config.run_folder.mkdir()
    (config.run_folder / checkpoint.FILE).write_bytes(content)
    with pytest.raises(WeightsError, match=r"checkpoint\.pt is (empty|a web page|a Git LFS pointer)"):
        recipe.train(config)


def test_a_damaged_checkpoint_is_refused(tiny):
    config = tiny("supervised")
    recipe.train(replace(config, steps=2))
    path = config.run_folder / checkpoint.FILE
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"checkpoint\.pt is a zip that is cut off or damaged"):
        recipe.train(config)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"data": ()}, "no --data"),
        ({"data": ("simsin",)}, "KIND:FOLDER"),
        ({"expert": "no-such-model"}, "no model 'no-such-model'"),
        ({"expert": "transformers:/nowhere"}, "transformers"),
        ({"start_m": 50.0}, "outside the network's range"),
    ],
)
def test_wrong_options_are_refused(tiny, values, says):
    with pytest.raises(GeoPerceptionError, match=says):
        recipe.train(replace(tiny("stereo"), **values))


def test_a_batch_that_the_data_cannot_fill_is_refused(tiny):
    config = tiny("supervised")
    with pytest.raises(ConfigError, match="6 samples are fewer than a batch of 64"):
        recipe.train(replace(config, loader=replace(config.loader, batch=64)))


def test_a_fresh_network_answers_the_depth_it_is_told_to(tiny):
    student = recipe.new_student(tiny("stereo"))
    depth_m = student.depth(torch.rand(2, 3, 64, 64)).depth_m
    assert 1.5 < float(depth_m.detach().median()) < 4


def test_training_can_start_from_a_model_of_the_same_network(tiny):
    config = tiny("supervised")
    recipe.train(replace(config, steps=2))
    set_progress = replace(config, init=str(config.out))
    own = recipe.new_student(set_progress).depth.state_dict()
    assert all(torch.equal(own[name], value) for name, value in state(config).items())
    with pytest.raises(WeightsError, match="max_depth_m=12"):
        recipe.new_student(replace(set_progress, depth=replace(config.depth, max_depth_m=9.0)))


def test_one_of_our_models_can_be_the_expert(tiny):
    config = tiny("supervised")
    recipe.train(replace(config, steps=2))
    recipe.train(replace(tiny("stereo", "student"), expert=str(config.out), steps=2))


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        recipe.main(["stereo", "--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(
        f"--{name.replace('_', '-')}" in shown
        for name in vars(DistDepthRecipeConfig())
        if name not in ("objective", "depth", "pose", "loader")
    )


def test_the_first_steps_are_reported(tiny):
    config = tiny("stereo")
    recipe.train(replace(config, steps=2))
    report = (config.run_folder / "health.json").read_text()
    assert '"warped_share"' in report and '"scale"' in report and '"truth_histogram"' in report
    assert list(config.run_folder.glob("events.out.tfevents*"))
