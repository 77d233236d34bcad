# SPDX-License-Identifier: Apache-2.0
"""Checkpoints, model folders and lists, whatever is in them, are read or refused with one error of ours."""

from __future__ import annotations

import io
import pickle
import string
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from helpers.mutation import EXAMPLES, damaged_bytes, damaged_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor, nn

from geo_perception.datasets.rgbd.files import read_list
from geo_perception.datasets.rgbd.recording import RecordedFrame, write_recording
from geo_perception.datasets.rgbd.training_lists import open_set
from geo_perception.errors import GeoPerceptionError
from geo_perception.geometry import PinholeCamera
from geo_perception.networks import NETWORKS, build
from geo_perception.weights import ModelCard, load_model, read_official, save_model
from geo_perception.weights.unpickle import load_checkpoint
from training.checkpoint import FILE, Training, read_checkpoint, restore, save_checkpoint

fuzzed = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)

NETWORK = "scadc_guided"
TINY: dict[str, Any] = {"widths": (4, 4, 4, 4)}


@cache
def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(build(NETWORK, **TINY).state_dict())


def packed(contents: Any, *, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(contents, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


FORMS = {
    "zip": packed(weights()),
    "legacy": packed(weights(), legacy=True),
    "safetensors": save(weights()),
    "pickle": pickle.dumps({name: value.numpy() for name, value in weights().items()}),
}


def one_line(error: GeoPerceptionError) -> None:
    said = str(error)
    assert "weights_only" not in said and "weights only" not in said.lower() and "\n" not in said


def reads(path: Path) -> None:
    try:
        load_checkpoint(path)
    except GeoPerceptionError as error:
        one_line(error)
    try:
        read_official(NETWORK, path, **TINY)
    except GeoPerceptionError as error:
        one_line(error)


@fuzzed
@given(st.sampled_from(sorted(FORMS)).flatmap(lambda form: damaged_bytes(FORMS[form])))
def test_damaged_checkpoints(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pth"
        path.write_bytes(content)
        reads(path)


@fuzzed
@given(st.binary(max_size=2000) | st.text(max_size=600).map(lambda text: text.encode("utf-8", "replace")))
def test_anything_under_a_checkpoint_s_name(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pth"
        path.write_bytes(content)
        reads(path)


DTYPES = (
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float64,
    torch.int8,
    torch.int64,
    torch.bool,
    torch.complex64,
)


@st.composite
def tensors(draw: st.DrawFn) -> Any:
    """A tensor of any kind and shape, or what stands beside weights in containers."""
    if draw(st.integers(0, 4)) == 0:
        plain = (
            st.none()
            | st.integers()
            | st.floats()
            | st.text(max_size=5)
            | st.lists(st.integers(), max_size=3)
        )
        return draw(plain | st.just(np.float64(1)) | st.just(np.zeros(2)) | st.just(nn.Linear(1, 1)))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    value = torch.full(shape, draw(st.sampled_from((0.0, 1.0, float("nan"), float("inf")))))
    value = value.nan_to_num().to(draw(st.sampled_from(DTYPES))) if draw(st.booleans()) else value
    form = draw(st.sampled_from(("plain", "sparse", "meta", "parameter", "expanded")))
    if form == "sparse" and value.ndim:
        return value.to_sparse()
    if form == "meta":
        return value.to("meta")
    if form == "parameter" and value.is_floating_point():
        return nn.Parameter(value)
    return value.expand(3, *value.shape) if form == "expanded" else value


NAMES = (
    *list(weights())[:6], "feature_extraction.firstconv.0.0.weight", "conv2.0.conv1.weight", "convtf.0.weight",
    "conv1_img.0.weight", "decoder.decoder.0.conv.conv.weight", "encoder.encoder.conv1.weight",
    "encoder.backprojector.id_coords", "encoder.backprojector.pix_coords", "pretrained.model.cls_token",
    "scratch.output_conv.4.bias", "decoder.net.0.weight", "encoder.layer1.0.conv3.weight", "encoder.conv1.weight",
    "state_dict", "model", "height", "width",
)  # fmt: skip
PREFIXES = ("", "module.", "model.", "_orig_mod.", "depth.", "pose.", "encoder.")


@st.composite
def states(draw: st.DrawFn) -> Any:
    """Mappings that resemble a state dictionary of some network."""
    names = st.sampled_from(NAMES) | st.text(string.ascii_lowercase + ".", max_size=8)
    entries = draw(
        st.dictionaries(st.tuples(st.sampled_from(PREFIXES), names).map("".join), tensors(), max_size=8)
    )
    start = weights() if draw(st.booleans()) else {}
    wrapper = draw(st.sampled_from(("", "state_dict", "model", "module.")))
    whole = {**start, **entries}
    if wrapper == "module.":
        return {f"module.{name}": value for name, value in whole.items()}
    return {wrapper: whole, "epoch": 3} if wrapper else whole


@fuzzed
@given(states(), st.sampled_from(sorted(NETWORKS)), st.booleans())
def test_state_dictionaries_of_any_kind(state: Any, network: str, from_file: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source: Any = state
        if from_file:
            source = Path(folder) / "checkpoint.pth"
            torch.save(state, source)
        try:
            read_official(network, source, **(TINY if network == NETWORK else {}))
        except GeoPerceptionError as error:
            one_line(error)


@cache
def model_files() -> dict[str, bytes]:
    module = build(NETWORK, **TINY)
    with tempfile.TemporaryDirectory() as folder:
        card = ModelCard(
            network=NETWORK, config={"widths": [4, 4, 4, 4]}, metrics={"rmse_m": 1.5}, limits=("rain",)
        )
        save_model(module, Path(folder) / "model", card, {"mean.npy": np.zeros((2, 2), np.float16)})
        return {path.name: path.read_bytes() for path in (Path(folder) / "model").iterdir()}


@fuzzed
@given(st.data())
def test_damaged_model_folders(data: st.DataObject) -> None:
    files = model_files()
    broken = data.draw(st.sampled_from(sorted(files)))
    change = damaged_text if broken.endswith("yaml") else damaged_bytes
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(data.draw(change(content)) if name == broken else content)
        with suppress(GeoPerceptionError):
            assert isinstance(load_model(folder), nn.Module)


@cache
def own_checkpoint() -> bytes:
    network = nn.Linear(2, 2)
    with tempfile.TemporaryDirectory() as folder:
        training = Training({"lr": 0.1}, "digest").continued(None, 0, "command", "commit")
        save_checkpoint(Path(folder), 3, network, *optimiser_of(network), training)
        return (Path(folder) / FILE).read_bytes()


def optimiser_of(network: nn.Module) -> tuple[torch.optim.Optimizer, Any]:
    optimiser = torch.optim.AdamW(network.parameters())
    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1.0)


@fuzzed
@given(damaged_bytes(own_checkpoint()))
def test_damaged_checkpoints_of_our_own_trainings(content: bytes) -> None:
    network = nn.Linear(2, 2)
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        (Path(folder) / FILE).write_bytes(content)
        restore(read_checkpoint(Path(folder), "--run"), network, *optimiser_of(network))


KEYS = (
    "step", "training", "network", "optimiser", "schedule", "random", "options", "data", "parts", "command", "commit",
    "state", "param_groups", "weight",
)  # fmt: skip


@fuzzed
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.just(torch.zeros(2)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    )
)
def test_checkpoints_of_other_content(content: Any) -> None:
    network = nn.Linear(2, 2)
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        torch.save(content, Path(folder) / FILE)
        restore(read_checkpoint(Path(folder), "--run"), network, *optimiser_of(network))


LIST = b"room 1/000001_0 1 l\nroom/000002_1 2 r\n\nscene/003_0\n"


@fuzzed
@given(damaged_text(LIST))
def test_lists(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        path = Path(folder) / "list.txt"
        path.write_bytes(content)
        assert all(line.path for line in read_list(path))
        open_set("simsin", folder, "list.txt")


CAMERA = PinholeCamera(80, 80, 31.5, 23.5, 64, 48)


@fuzzed
@given(st.text(max_size=12) | st.text(string.ascii_letters + " .#/\\:-_\t", max_size=12))
def test_recordings_of_any_name_are_trainable_or_refused(name: str) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    frames = [RecordedFrame((i + 1) * 10**8, image, None, CAMERA, 0.0, None) for i in range(3)]
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        place = Path(folder) / "set"
        try:
            write_recording(place, name, frames)
        except GeoPerceptionError:
            assert not list(Path(folder).rglob("*.png"))
            raise
        assert [entry.path for entry in open_set("rosbag", place).entries] == [f"{name}/000001_0"]
