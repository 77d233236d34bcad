# SPDX-License-Identifier: Apache-2.0
"""The fusion recipe: it learns, resumes to the bit, stops before a bad update, and writes a model that loads."""

import shlex

import numpy as np
import pytest
import torch
from helpers.samples import write_samples

from geo_perception.errors import ConfigError, DataError, WeightsError
from geo_perception.weights import list_models, load_model, read_card
from training import checkpoint
from training.data.fusion import (
    random_batches,
    sample_key,
    smooth_matcher,
    whole_frames,
)
from training.depth import config as distdepth_config
from training.recipes import scadc


@pytest.fixture
def config(tmp_path):
    write_samples(tmp_path / "samples" / sample_key(scadc.ScadcRecipeConfig.smooth_share), range(8, 14))
    return scadc.ScadcRecipeConfig(
        out=tmp_path / "model",
        run=tmp_path / "run",
        samples=tmp_path / "samples",
        frames=4,
        validation_frames=2,
        first_seed=10,
        steps=4,
        batch=2,
        crop=(32, 48),
        validate_every=2,
        threads=1,
    )


def changed(config, **values):
    return scadc.ScadcRecipeConfig(**{**vars(config), **values})


@pytest.mark.parametrize("network", ["scadc_guided", "scadc"])
def test_a_run_writes_a_model_that_loads_with_its_card(config, network):
    figures = scadc.train(changed(config, network=network))
    card = read_card(config.out)
    assert (
        card.network == network
        and card.metrics["step"] == 4
        and card.command.startswith("python -m training")
    )
    assert figures["fused_mae_m"] == pytest.approx(
        card.metrics["simulated_held_out"]["fused_mae_m"], abs=1e-4
    )
    assert isinstance(load_model(config.out), torch.nn.Module)


def test_training_lowers_the_error_below_both_inputs(config):
    figures = scadc.train(changed(config, steps=60, validate_every=60, lr=3e-3))
    assert figures["fused_mae_m"] < 0.5 * figures["stereo_mae_m"]


def test_resumed_run_equals_an_uninterrupted_one_bit_for_bit(config, monkeypatch, tmp_path):
    scadc.train(config)
    whole = load_model(config.out).state_dict()
    interrupted = changed(config, run=tmp_path / "run2", out=tmp_path / "model2")
    calls, step = [], scadc.train_step

    def stop_in_the_third(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(scadc, "train_step", stop_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        scadc.train(interrupted)
    scadc.train(interrupted)
    resumed = load_model(interrupted.out).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_loss_that_is_not_finite_stops_before_the_update(config):
    network = scadc.build("scadc_guided")
    batch = next(random_batches(sorted(config.samples.glob("*/*.npy")), (32, 48), 2, 0, 0))
    batch.features[0, 0, 0, 0] = torch.nan
    before = {name: value.clone() for name, value in network.named_parameters()}
    with pytest.raises(DataError, match=r"step 7: term .* not finite \(.*metric.*last checkpoint is kept"):
        scadc.train_step(network, scadc.new_optimiser(network, config), batch, config, 7)
    assert all(torch.equal(before[name], value) for name, value in network.named_parameters())


def test_weights_that_are_not_finite_do_not_replace_a_checkpoint(config, monkeypatch):
    scadc.train(changed(config, steps=2))
    kept = (config.run / checkpoint.FILE).read_bytes()
    step = scadc.train_step

    def spoilt(network, *others):
        losses = step(network, *others)
        next(network.parameters()).data.fill_(torch.nan)  # as a gradient without bounds leaves them
        return losses

    monkeypatch.setattr(scadc, "train_step", spoilt)
    with pytest.raises(DataError, match=r"step 3: weight .* is not finite; the last checkpoint is kept"):
        scadc.train(changed(config, steps=3))
    assert (config.run / checkpoint.FILE).read_bytes() == kept


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"network": "scadc"}, r"--network scadc_guided \(now scadc\)"),
        ({"lr": 0.002}, r"--lr 0\.001 \(now 0\.002\)"),
        ({"crop": (48, 48)}, r"--crop 32 48 \(now 48 48\)"),
        ({"batch": 1, "seed": 3}, r"--batch 2 \(now 1\), --seed 0 \(now 3\)"),
        ({"steps": 3}, r"4 steps behind it, --steps is 3"),
    ],
)
def test_another_training_does_not_go_on_in_its_folder(config, other, said):
    scadc.train(config)
    before = read_card(config.out)
    with pytest.raises(ConfigError, match=said) as error:
        scadc.train(changed(config, **other))
    assert "another --run" in str(error.value)
    assert read_card(config.out) == before


def test_a_longer_training_goes_on_and_its_card_tells_of_both(config):
    scadc.train(changed(config, steps=2))
    scadc.train(changed(config, steps=4, out=config.out.with_name("longer")))
    card = read_card(config.out.with_name("longer"))
    first, second = card.command.split("; from step 2 on: ")
    assert "--steps 2" in first and "--steps 4" in second
    again = changed(config, steps=4, out=config.out.with_name("again"))
    assert scadc.train(again)["fused_mae_m"] > 0  # nothing left to learn, and yet the model is written
    one, two = (load_model(config.out.with_name(name)).state_dict() for name in ("longer", "again"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_default_folder_is_not_one_that_ships():
    assert (
        scadc.ScadcRecipeConfig().out.parts[0]
        == distdepth_config.DistDepthRecipeConfig().out.parts[0]
        == "out"
    )


def test_samples_of_other_settings_are_not_taken(config):
    assert sample_key(0.5) != sample_key(0.4)
    assert sample_key(0.5) == sample_key(0.5)


def test_a_damaged_sample_is_named(config):
    path = next(config.samples.glob("*/000010.npy"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"000010\.npy is damaged .*remove it"):
        scadc.train(config)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 0}, "--steps must be from 1, got 0"),
        ({"lr": float("nan")}, "--lr must be more than 0 and at most 10, got nan"),
        ({"lr": float("inf")}, "--lr must be"),
        ({"batch": -4}, "--batch must be from 1 to 65536, got -4"),
        ({"crop": (30, 48)}, "--crop must be multiples of 16 from 32 to 4096, got 30 48"),
        ({"widths": (1, 2, 3, 0)}, "--widths must be from 4"),
        ({"threads": 0}, "--threads must be from 1"),
        ({"validate_every": 0}, "--validate-every must be from 1"),
        ({"smooth_share": 1.5}, "--smooth-share must be from 0 to 1, got 1.5"),
        ({"first_seed": 1}, "--first-seed must be at least --validation-frames 2"),
        ({"weight_decay": -1}, "--weight-decay must be"),
    ],
)
def test_senseless_options_are_refused_before_the_work(config, changes, said):
    with pytest.raises(ConfigError, match=said):
        scadc.train(changed(config, **changes))
    assert not config.run.exists() and not config.out.exists()


def test_a_shipped_model_is_not_overwritten(config):
    shipped = next(folder for name, folder in list_models().items() if name == "scadc_guided_sim")
    with pytest.raises(ConfigError, match=r"scadc_guided_sim comes with the package.*--force"):
        scadc.train(changed(config, out=shipped))
    with pytest.raises(ConfigError, match="lies in --out"):
        scadc.train(changed(config, run=config.out / "run"))


def test_batches_depend_on_seed_and_step_alone(config):
    paths = sorted(config.samples.glob("*/*.npy"))
    straight = random_batches(paths, (32, 48), 2, seed=5, start=0)
    next(straight)
    later = next(random_batches(paths, (32, 48), 2, seed=5, start=1))
    assert torch.equal(next(straight).features, later.features)


def test_a_crop_larger_than_the_samples_is_refused(config):
    with pytest.raises(ConfigError, match=r"\(512, 64\).*\(48, 64\)"):
        next(random_batches(sorted(config.samples.glob("*/*.npy")), (512, 64), 1, 0, 0))


def test_whole_frames_keep_the_bottom_and_hold_metres(config):
    paths = sorted(config.samples.glob("*/*.npy"))[:1]
    batch = next(whole_frames(paths, 32))
    assert batch.truth_m.shape == (1, 1, 32, 64)
    assert float(batch.truth_m[0, 0, -1, 0]) == pytest.approx(10, abs=0.01)
    assert float((batch.lidar_m / batch.truth_m).mean()) == pytest.approx(1, abs=0.01)


def test_the_smooth_matcher_is_dense_and_near_the_truth():
    from helpers.plane import plane_frame

    frame = plane_frame()
    disparity = smooth_matcher(frame, np.random.default_rng(0))
    want = frame.rig.disparity_from_depth(frame.depth_truth_m)
    assert (disparity > 0).all()
    assert 0.01 < np.median(np.abs(disparity - want)) < 1.5


def test_the_learning_rate_rises_then_falls_to_zero():
    rates = [scadc.rate(step, 100) for step in range(101)]
    assert max(rates) == pytest.approx(1) and rates[-1] == pytest.approx(0, abs=1e-9)
    assert np.argmax(rates) <= 5


def test_the_command_in_the_card_gives_the_same_configuration(config):
    config = changed(config, masked_confidence=True, init="out/my model", widths=(8, 16, 24, 32), lr=2e-3)
    args = shlex.split(scadc.command_line(config))[3:]
    again = scadc.tyro.cli(scadc.ScadcRecipeConfig, args=args)
    assert changed(again, **{name: getattr(config, name) for name in scadc.PLACES}) == config


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        scadc.main(["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" in shown for name in vars(scadc.ScadcRecipeConfig()))


def test_training_can_start_from_a_model_and_refuses_another_kind(config, tmp_path):
    scadc.train(config)
    again = changed(config, init=str(config.out), run=tmp_path / "run2", out=tmp_path / "model2")
    started = scadc.new_network(again, {}).state_dict()
    assert all(
        torch.equal(value, started[name]) for name, value in load_model(config.out).state_dict().items()
    )
    with pytest.raises(WeightsError, match="holds ScadcGuided, not Scadc"):
        scadc.new_network(changed(again, network="scadc"), {})


def test_frozen_batch_norm_keeps_its_statistics_while_weights_learn(config):
    scadc.train(changed(config, steps=2, validate_every=2, freeze_norm=0.5))
    before = load_model(config.out).state_dict()
    scadc.train(changed(config, steps=4, validate_every=2, freeze_norm=0.5))
    after = load_model(config.out).state_dict()
    kept = {name for name in before if torch.equal(before[name], after[name])}
    assert all(name in kept for name in before if "running" in name)
    assert "head.weight" not in kept
