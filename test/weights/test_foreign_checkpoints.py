# SPDX-License-Identifier: Apache-2.0
"""Files under a checkpoint's name that are none, or of rare kinds: they load, or one line says what they are."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from geo_perception.errors import WeightsError
from geo_perception.networks import build
from geo_perception.weights import read_official

NETWORK = "scadc_guided"
NAME = "level2.enter.0.0.weight"


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(build(NETWORK).state_dict())


def packed(contents: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(contents, file, **how)
    return file.getvalue()


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def in_tar(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("checkpoint.pth")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def numpy_file(write: Callable[..., None]) -> bytes:
    file = io.BytesIO()
    write(file, np.zeros(3))
    return file.getvalue()


def program() -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
    return file.getvalue()


FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "page": (
        lambda: b"<!DOCTYPE html><html><title>Virus scan warning</title>",
        "is a web page.*download it again",
    ),
    "page with a mark": (lambda: b"\xef\xbb\xbf\n <HTML lang='de'>", "is a web page"),
    "pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n",
        "is a Git LFS pointer.*git lfs pull",
    ),
    "gzip": (lambda: gzip.compress(packed({})), "is packed with gzip: unpack it"),
    "empty": (lambda: b"", "is empty"),
    "zeros": (lambda: bytes(5000), "holds zeros only"),
    "text": (lambda: b"404: Not Found", "is text, not a checkpoint; it begins with '404: Not Found'"),
    "JSON": (lambda: b'{"message": "Bad credentials"}', "is text"),
    "cut zip": (lambda: packed(state())[:20000], "is a zip that is cut off or damaged"),
    "zip of other files": (
        lambda: zipped(**{"a/b.txt": b"x"}),
        "is a zip archive without.*'a/b.txt'.*unpack it",
    ),
    "empty zip": (zipped, "is a zip archive without"),
    "tar": (lambda: in_tar(packed(state())), "is a tar archive: unpack it"),
    "array": (lambda: numpy_file(np.save), "is a NumPy array"),
    "arrays": (lambda: numpy_file(np.savez), "is an archive of NumPy arrays"),
    "pickled array": (lambda: pickle.dumps(np.zeros(3)), "damaged or not a PyTorch checkpoint"),
    "pickled mapping": (lambda: pickle.dumps({"a": np.zeros(3)}), "damaged or not a PyTorch checkpoint"),
    "whole network": (lambda: packed(build(NETWORK)), r"wants to .*ScadcGuided.*save network\.state_dict"),
    "program": (program, "is a TorchScript program"),
    "cut legacy": (
        lambda: packed(state(), _use_new_zipfile_serialization=False)[:-1000],
        "it ends too early: download it again",
    ),
    "noise": (lambda: np.random.default_rng(0).bytes(3000), "damaged or not a PyTorch checkpoint"),
    "cut safetensors": (lambda: save(state())[:-10], "is a damaged safetensors file.*download it again"),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_line_says_what_the_file_is(kind: str, suffix: str, tmp_path: Path) -> None:
    make, said = FOREIGN[kind]
    path = tmp_path / f"file{suffix}"
    path.write_bytes(make())
    with pytest.raises(WeightsError, match=said) as error:
        read_official(NETWORK, path)
    line = str(error.value)
    assert str(path) in line and "\n" not in line
    assert "weights_only" not in line and "weights only" not in line.lower(), "advice to load unsafely"


CHANGES: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "NaN": (lambda value: value * torch.nan, "not finite"),
    "beyond float32": (lambda value: value.double() * 1e300, "not finite"),
    "sparse": (lambda value: value.to_sparse(), "is sparse_coo, not dense"),
    "meta": (lambda value: value.to("meta"), "meta tensor"),
    "int8": (lambda value: value.to(torch.int8), "is int8, the network needs float32"),
    "bool": (lambda value: value > 0, "is bool"),
    "complex": (lambda value: value.to(torch.complex64), "is complex64"),
    "array": (lambda value: value.numpy(), "is a NumPy array"),
    "number": (lambda _: np.float32(1), "is a NumPy number"),
    "nothing": (lambda _: None, "is a NoneType"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_tensors_that_are_no_weights_are_named(kind: str, tmp_path: Path) -> None:
    change, said = CHANGES[kind]
    weights = state()
    torch.save({**weights, NAME: change(weights[NAME])}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=f"{NAME}.*{said}"):
        read_official(NETWORK, tmp_path / "odd.pth")


@pytest.mark.filterwarnings("ignore")
def test_quantised_and_nested_tensors_are_named(tmp_path: Path) -> None:
    weights = state()
    quantised = torch.quantize_per_tensor(weights[NAME], 0.1, 0, torch.qint8)
    for value, said in ((quantised, "quantised"), (torch.nested.nested_tensor([torch.ones(2)]), "nested")):
        torch.save({**weights, NAME: value}, tmp_path / "odd.pth")
        with pytest.raises(WeightsError, match=said):
            read_official(NETWORK, tmp_path / "odd.pth")


LOADED: dict[str, Callable[[dict[str, Tensor]], bytes]] = {
    "safetensors": save,
    "zip": packed,
    "legacy": lambda weights: packed({"state_dict": weights}, _use_new_zipfile_serialization=False),
    "parallel": lambda weights: packed({f"module.{name}": value for name, value in weights.items()}),
    "compiled, parallel, with curves": lambda weights: packed(
        {
            "model_state_dict": {f"_orig_mod.module.{name}": value for name, value in weights.items()},
            "best": np.float64(0.3),
            "curve": np.zeros(4),
        }
    ),
    "ordered": lambda weights: packed(OrderedDict(weights)),
    "float64": lambda weights: packed(
        {n: v.double() if v.is_floating_point() else v for n, v in weights.items()}
    ),
}


@pytest.mark.parametrize("kind", LOADED)
@pytest.mark.parametrize("suffix", [".tar", ".pth", ".safetensors"])
def test_weights_load_whatever_their_form_and_name(kind: str, suffix: str, tmp_path: Path) -> None:
    weights = state()
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(LOADED[kind](weights))
    loaded = read_official(NETWORK, path).module.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in weights.items())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_weights_become_float32(kind: torch.dtype, tmp_path: Path) -> None:
    weights = {n: v.to(kind) if v.is_floating_point() else v for n, v in state().items()}
    torch.save(weights, tmp_path / "half.pth")
    loaded = read_official(NETWORK, tmp_path / "half.pth").module.state_dict()
    assert loaded[NAME].dtype == torch.float32 and torch.equal(loaded[NAME], weights[NAME].float())


def test_a_page_is_called_one_even_where_the_hash_is_known(tmp_path: Path) -> None:
    (tmp_path / "latest_net_SCADCNet.pth").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="is a web page"):
        read_official("scadc_official", tmp_path / "latest_net_SCADCNet.pth")
