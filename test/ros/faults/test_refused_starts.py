# SPDX-License-Identifier: Apache-2.0
"""What the node refuses to start with: damaged, foreign or hostile weights and impossible parameters.

One line says why. A managed node stays unconfigured and can be given something better; one that starts by itself
ends with code 2. Nothing of a weights file is ever executed.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from helpers.fusion_run import FusionRun, complaints_of, start_node
from helpers.processes import new_domain

from geo_perception.networks import build
from geo_perception.weights import ModelCard, save_model
from geo_perception.weights.model_card import read_card, write_card
from geo_perception.weights.store import WEIGHTS_FILE, file_sha256

pytestmark = pytest.mark.ros
EXIT_FAILED = 2


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A good model folder with untrained weights."""
    torch.manual_seed(0)
    folder = tmp_path / "model"
    save_model(build("scadc"), folder, ModelCard(network="scadc"))
    return folder


def missing(folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()


def truncated(folder: Path) -> None:
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-1000])


def truncated_with_matching_hash(folder: Path) -> None:
    truncated(folder)
    certify(folder)


def wrong_hash(folder: Path) -> None:
    path = folder / WEIGHTS_FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def wrong_network(folder: Path) -> None:
    """A card that promises another network than the weights are of."""
    card = json.loads(json.dumps(read_card(folder).__dict__))
    write_card(ModelCard(**{**card, "network": "scadc_guided", "limits": ()}), folder)


def network_for_another_stage(folder: Path) -> None:
    card = json.loads(json.dumps(read_card(folder).__dict__))
    write_card(ModelCard(**{**card, "network": "psmnet", "limits": ()}), folder)


def network_that_does_not_exist(folder: Path) -> None:
    card = json.loads(json.dumps(read_card(folder).__dict__))
    write_card(ModelCard(**{**card, "network": "scadc3000", "limits": ()}), folder)


def card_that_is_no_yaml(folder: Path) -> None:
    (folder / "model.yaml").write_text("network: [scadc\n")


def malicious_pickle(folder: Path) -> None:
    """A pickle in place of the weights, hash and all, that would create a file when read."""
    (folder / WEIGHTS_FILE).write_bytes(pickle.dumps(Bomb(folder / "exploded")))
    certify(folder)


def malicious_torch_file(folder: Path) -> None:
    """The same inside the zip that torch.save writes."""
    with zipfile.ZipFile(folder / WEIGHTS_FILE, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(folder / "exploded")))
        archive.writestr("archive/version", "3")
    certify(folder)


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def certify(folder: Path) -> None:
    """Make the card agree with whatever the weights file holds."""
    card = json.loads(json.dumps(read_card(folder).__dict__))
    write_card(ModelCard(**{**card, "sha256": file_sha256(folder / WEIGHTS_FILE), "limits": ()}), folder)


FAULTS: dict[Callable[[Path], None], str] = {
    missing: f"has a card but no {WEIGHTS_FILE}",
    truncated: "is damaged or was replaced: sha256",
    truncated_with_matching_hash: "is not a safetensors file",
    wrong_hash: "is damaged or was replaced: sha256",
    wrong_network: "was made for another network than ScadcGuided",
    network_for_another_stage: "fusion needs one of",
    network_that_does_not_exist: "scadc3000",
    card_that_is_no_yaml: "is not YAML",
    malicious_pickle: "is not a safetensors file",
    malicious_torch_file: "is not a safetensors file",
}


@pytest.fixture(scope="module")
def managed(this_machine_only: None) -> Iterator[FusionRun]:
    """A node that waits to be configured, for fusion by a network."""
    run = FusionRun("fusion:=scadc", "fusion_model:=no_such_model", active=False)
    assert not run.change_state("configure")  # which declares the parameters
    run.process.wait_for_line("cannot configure: no model 'no_such_model'; there are: ")
    yield run
    lines = list(run.process.lines)
    run.close()
    assert not any("Traceback" in line for line in lines), "\n".join(lines)


@pytest.mark.parametrize("spoil", FAULTS, ids=lambda spoil: spoil.__name__)
def test_bad_weights_leave_the_node_unconfigured(
    managed: FusionRun, model: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(model)
    line = len(managed.process.lines)
    assert managed.set_parameter("fusion_model", str(model)).successful
    assert not managed.change_state("configure")
    managed.process.wait_for_line(f"cannot configure: .*{FAULTS[spoil]}", after=line)
    assert len(complaints_of(managed.process.lines[line:])) == 1
    assert managed.state() == "unconfigured"
    assert not (model / "exploded").exists()


def test_device_that_does_not_exist(managed: FusionRun, model: Path) -> None:
    assert managed.set_parameter("fusion_model", str(model)).successful
    assert managed.set_parameter("device", "banana").successful
    line = len(managed.process.lines)
    assert not managed.change_state("configure")
    managed.process.wait_for_line("cannot configure: device 'banana' is not one PyTorch knows", after=line)
    assert managed.set_parameter("device", "cpu").successful


def test_good_weights_after_all_that(managed: FusionRun, model: Path) -> None:
    assert managed.set_parameter("fusion_model", str(model)).successful
    assert managed.change_state("configure")
    assert managed.change_state("activate")
    managed.connect()  # frames are answered; the weights are untrained, so the depth is anything
    assert managed.change_state("deactivate")
    assert managed.change_state("cleanup")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (("fusion:=scadc", "fusion_model:=no_such_model"), "no model 'no_such_model'; there are: "),
        (("stereo:=magic",), "stereo must be one of sgbm, sgbm_fast, psmnet, got 'magic'"),
        (("timeout_s:=-1.0",), "timeout_s out of range Min: 0.0, .*value: -1.0"),
        (("camera_from_lidar:=[1.0, 2.0]",), "camera_from_lidar"),
        (("stereo_window_s:=fast",), "stereo_window_s must be float, got 'fast'"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_autostart_that_fails_ends_the_process(parameters: tuple[str, ...], says: str) -> None:
    process = start_node(new_domain(), *parameters)
    try:
        assert process.wait_for_exit() == EXIT_FAILED, "\n".join(process.lines)
    finally:
        process.end()
    assert len(process.lines) == 1, "\n".join(process.lines)
    assert re.search(f"cannot configure: .*{says}", process.lines[0])
