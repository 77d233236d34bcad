# SPDX-License-Identifier: Apache-2.0
"""A run's folder belongs to one training, a cache to the files it was made from."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.indoor_folders import save_png, small_simsin

from geo_perception.datasets.rgbd.training_lists import open_set
from geo_perception.errors import ConfigError, DataError, OutputError, WeightsError
from geo_perception.weights import load_model, read_card
from training import checkpoint
from training.checkpoint import Part, Training
from training.data.depth import build_cache
from training.depth.config import PRESETS
from training.places import alone
from training.recipes import distdepth
from training.run_log import RunLog, write_health


@pytest.fixture
def begun(tiny):
    """A supervised training with two of four steps behind it."""
    config = tiny("supervised")
    distdepth.train(replace(config, steps=2))
    return config


@pytest.mark.parametrize("preset", [name for name in PRESETS if name != "supervised"])
def test_another_preset_does_not_go_on(begun, tiny, preset):
    other = replace(tiny(preset), run_folder=begun.run_folder, out=begun.out.with_name("other"))
    with pytest.raises(ConfigError, match=r"checkpoint\.pt belongs to a training with --.* \(now "):
        distdepth.check(other)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lr": 0.005}, r"--lr 0\.0003 \(now 0\.005\)"),
        ({"expert": "simulator"}, r"--expert nothing \(now simulator\)"),
        ({"precision": "bf16-mixed"}, r"--precision 32-true \(now bf16-mixed\)"),
        ({"seed": 1, "clip": 0.0}, r"--clip 5\.0 \(now 0\.0\), --seed 0 \(now 1\)"),
        ({"average": 0.9}, r"--average 0\.0 \(now 0\.9\)"),
        ({"steps": 1}, "2 steps behind it, --steps is 1"),
    ],
)
def test_other_options_do_not_go_on(begun, changes, said):
    with pytest.raises(ConfigError, match=said):
        distdepth.train(replace(begun, **changes))
    assert not (begun.run_folder / "log.csv.tmp").exists()


def test_how_long_where_and_how_fast_may_differ(begun, tmp_path):
    loader = replace(begun.loader, workers=2)
    moved = replace(
        begun, out=tmp_path / "moved", validation=(), log_every=2, validate_every=4, threads=0, loader=loader
    )
    distdepth.train(moved)
    card = read_card(tmp_path / "moved")
    assert card.metrics["step"] == 4
    first, second = card.command.split("; from step 2 on: ")
    assert "--steps 2" in first and "--steps 4" in second and "supervised" in second


def test_a_finished_training_writes_its_model_where_it_is_asked_for(begun, tmp_path):
    done = replace(begun, steps=2, out=tmp_path / "second")
    distdepth.train(done)
    one, two = load_model(begun.out).state_dict(), load_model(done.out).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert "; from step" not in read_card(done.out).command


def test_a_training_does_not_go_on_with_other_data(tiny, tmp_path):
    folder = tmp_path / "rooms"
    config = replace(tiny("supervised"), data=(f"simsin:{folder}:{small_simsin(folder)}",), validation=())
    distdepth.train(replace(config, steps=2))
    shutil.copytree(folder, tmp_path / "copy")  # the same content elsewhere is the same data
    there = replace(config, data=(config.data[0].replace("rooms", "copy"),), steps=2)
    distdepth.train(there)
    indoor = open_set("simsin", folder, next(folder.glob("*.txt")).name)
    path = folder / indoor.depth_file(indoor.entries[-1])
    np.save(path, np.load(path) * np.float32(1.1))
    with pytest.raises(DataError, match="a training on other data, or the files have changed since"):
        distdepth.train(config)


def test_checkpoints_that_do_not_tell_what_they_belong_to_are_refused(begun):
    path = begun.run_folder / checkpoint.FILE
    state = torch.load(path, weights_only=True)
    for broken in (
        {name: value for name, value in state.items() if name != "training"},
        {**state, "training": {"options": {}}},
        {**state, "step": "many"},
        [1, 2],
    ):
        torch.save(broken, path)
        with pytest.raises(WeightsError, match="does not tell which training it belongs to"):
            distdepth.check(begun)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<!doctype html><title>x</title>", "is a web page, not a checkpoint"),
        (bytes(range(128, 256)) * 20, r"is damaged or not a PyTorch checkpoint \(\w+\)"),
        (b"PK\3\4 cut", "is a zip that is cut off or damaged, as an interrupted copy leaves it"),
        (
            {"state_dict": {}},
            "does not tell which training it belongs to, as it is damaged, no checkpoint of a .*",
        ),
    ],
)
def test_what_is_no_checkpoint_of_a_training_is_to_be_removed(tmp_path, content, said):
    path = tmp_path / checkpoint.FILE
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    ending = (
        r"(, so that no training goes on from it)?: remove it to begin anew, or give another --run-folder$"
    )
    with pytest.raises(WeightsError, match=rf"checkpoint\.pt {said}{ending}"):
        checkpoint.read_checkpoint(tmp_path, "--run-folder")


def test_the_history_tells_every_command_once():
    training = Training({}, "")
    first = training.continued(None, 0, "a", "1")
    assert first.parts == (Part(0, "a", "1"),) and first.recipe == "a"
    assert training.continued(first, 5, "a", "1") == first
    second = training.continued(first, 5, "b", "2")
    assert second.recipe == "a; from step 5 on: b" and second.commits == "1, 2"
    assert training.continued(second, 5, "c", "2").recipe == "a; from step 5 on: c"  # b made no step


def test_places_are_tried_before_the_work(tiny, tmp_path):
    (tmp_path / "afile").touch()
    for field, option in (("out", "--out"), ("run_folder", "--run-folder"), ("cache", "--cache")):
        with pytest.raises(OutputError, match=f"{option} .*afile is a file, not a folder"):
            distdepth.check(replace(tiny("supervised"), **{field: tmp_path / "afile" / "x"}))
    config = tiny("supervised")
    for inner in (config.out, config.out / "run"):
        with pytest.raises(ConfigError, match="lies in --out"):
            distdepth.check(replace(config, run_folder=inner))


@pytest.fixture
def rooms(tmp_path):
    """A set's folder, and how its cache is built."""
    folder = tmp_path / "rooms"
    name = small_simsin(folder)
    return folder, lambda: build_cache(
        [open_set("simsin", folder, name)], ("0", "s"), (64, 64), tmp_path / "cache"
    )


def test_a_cache_is_taken_again_while_nothing_changes(rooms, tmp_path):
    _, build = rooms
    assert build().digest == build().digest
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.parametrize("part", ["0", "s", "depth"])
@pytest.mark.parametrize("which", [0, -1])
def test_a_cache_does_not_outlive_any_file_that_it_holds(rooms, part: str, which: int):
    folder, build = rooms
    before = build()
    indoor = open_set("simsin", folder, next(folder.glob("*.txt")).name)
    entry = indoor.entries[which]
    if part == "depth":
        path = folder / indoor.depth_file(entry)
        np.save(path, np.load(path) * 2)  # of the same size
    else:
        save_png(indoor.image_path(entry, part), 255 - indoor.image(entry, part))
    assert build().digest != before.digest


def test_a_file_changed_within_the_clock_s_second_is_seen(rooms):
    folder, build = rooms
    build()
    indoor = open_set("simsin", folder, next(folder.glob("*.txt")).name)
    path = folder / indoor.depth_file(indoor.entries[0])
    time_ns = path.stat().st_mtime_ns
    depth_m = np.load(path) * 2
    np.save(path, depth_m)
    os.utime(path, ns=(time_ns + 1, time_ns + 1))
    assert build().depths_m[0].max() == np.float16(depth_m.max())


def test_a_corrected_camera_is_seen(tmp_path):
    from geo_perception.datasets.rgbd.recording import RecordedFrame, write_recording
    from geo_perception.geometry import PinholeCamera

    camera = PinholeCamera(80, 80, 63.5, 47.5, 128, 96)
    image = np.zeros((96, 128, 3), np.uint8)
    frames = [RecordedFrame((i + 1) * 10**8, image, None, camera, 0.0, None) for i in range(3)]
    write_recording(tmp_path / "set", "drive", frames)

    def build():
        return build_cache([open_set("rosbag", tmp_path / "set")], ("0",), (64, 64), tmp_path / "cache")

    assert build().cameras[0, 0] == pytest.approx(80 / 128)
    record: Path = tmp_path / "set" / "drive" / "environment.json"
    record.write_text(record.read_text().replace('"fx": 80', '"fx": 100'))
    assert build().cameras[0, 0] == pytest.approx(100 / 128)


def test_a_missing_file_is_named(rooms):
    folder, build = rooms
    indoor = open_set("simsin", folder, next(folder.glob("*.txt")).name)
    path = folder / indoor.depth_file(indoor.entries[-1])
    path.unlink()
    with pytest.raises(DataError, match=f"{path.name} is missing"):
        build()


def test_a_cache_that_cannot_be_written_is_refused(rooms, tmp_path):
    _, build = rooms
    (tmp_path / "cache").touch()
    with pytest.raises(OutputError, match=r"--cache .*cache cannot be written: it is a file"):
        build()


def test_two_trainings_do_not_share_a_folder(tiny):
    config = tiny("supervised")
    refused = pytest.raises(ConfigError, match=r"another training is at work in .*another --run-folder")
    with alone(config.run_folder, "--run-folder"), refused:
        distdepth.train(config)
    with alone(config.run_folder, "--run-folder"):
        pass


def test_a_full_disk_leaves_the_log(tmp_path, monkeypatch):
    log = RunLog(tmp_path, 0)
    log.add(0, {"loss": 1.0})
    log.close()
    before = (tmp_path / "log.csv").read_text()
    write = Path.write_text

    def full(path, text, **options):
        write(path, text[:5], **options)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match=r"log\.csv cannot be written: no space left on device"):
        RunLog(tmp_path, 1)
    assert (tmp_path / "log.csv").read_text() == before == "step,name,value\n0,loss,1\n"


def test_a_damaged_health_report_is_named(begun):
    (begun.run_folder / "health.json").write_text("[")
    with pytest.raises(DataError, match=r"health\.json is damaged"):
        write_health(begun.run_folder, 1, {})
    (begun.run_folder / "log.csv").write_bytes(b"step,name,value\n\xff,x,1\n1,lr,1\n")
    RunLog(begun.run_folder, 2).close()
    assert "1,lr,1" in (begun.run_folder / "log.csv").read_text()
