# SPDX-License-Identifier: Apache-2.0
"""Every backend executes every network that a pipeline loads as the reference module does."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from helpers import network_golden as golden
from helpers import parity
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError, WeightsError
from geo_perception.inference import BACKENDS, ExecutionSpec, load
from geo_perception.inference.eager import as_float32
from geo_perception.networks import NETWORKS, build
from geo_perception.networks.encoders.matching import Neighbours
from geo_perception.networks.scadc import ScadcOutput
from geo_perception.networks.scadc_guided import FEATURES
from geo_perception.pipelines.indoor_depth import predictors
from geo_perception.pipelines.stereo_lidar_fusion.learned_fusion import PREPARATIONS
from geo_perception.weights import ModelCard, save_model

ROOT = Path(__file__).resolve().parents[2]
NOT_LOADED = {  # by themselves
    "resnet_encoder": "part of distdepth and posenet",
    "depth_decoder": "part of distdepth and multi_frame",
    "matching_encoder": "part of multi_frame",
    "video_depth": "loaded as multi_frame and posenet",
    "dpt": "teacher in training",
}
HEIGHT, WIDTH = 64, 96
Limit = Callable[[Tensor, Tensor], bool]


def of_peak(limit: float) -> Limit:
    return lambda got, want: bool((got - want).abs().max() <= limit * want.abs().max())


def of_each(limit: float) -> Limit:
    return lambda got, want: bool(((got - want).abs() <= limit * want.abs()).all())


def absolute(limit: float) -> Limit:
    return lambda got, want: bool((got - want).abs().max() <= limit)


class Case(NamedTuple):
    """A network, what it takes, and how far a backend may be off."""

    config: dict[str, Any]
    inputs: Callable[[int], tuple[Any, ...]]  # of a batch
    limits: dict[str, Limit]  # by the name of the output; "": the output is a tensor
    damping: tuple[tuple[str, float], ...] = ()  # that keeps values of reproducible weights sane


def images(label: str, batch: int, channels: int = 3, low: float = 0, high: float = 1) -> Tensor:
    return torch.from_numpy(parity.image(label, (batch, channels, HEIGHT, WIDTH), low, high))


def scadc_maps(batch: int) -> tuple[Tensor, ...]:
    shape = (batch, 1, HEIGHT, WIDTH)
    mask = torch.from_numpy(parity.sparse_mask("mask", shape)).expand(shape).clone()
    stereo, lidar = (images(name, batch, 1, 2, 80) for name in ("stereo", "lidar"))
    return stereo, lidar, lidar * mask, mask


def neighbours(batch: int) -> tuple[Tensor, Neighbours]:
    """The image before is the same one, seen by a camera that has moved sideways."""
    K, pose = torch.eye(4).repeat(batch, 1, 1), torch.eye(4).repeat(batch, 1, 1, 1)
    K[:, :2, :3] = torch.tensor([[60.0, 0, 48], [0, 60, 32]])
    pose[..., 0, 3] = 0.1
    image = images("a:rgb", batch)
    return image, Neighbours.of(image.roll(2, 3)[:, None], pose, K)


DEPTH = {"depth_m": of_each(1e-4)}
DAMPED = (golden.damped_blocks(18), golden.DAMPED_OUTPUTS)
CASES = {
    "scadc": Case(
        {"stereo_scale": 0.9}, scadc_maps, {"depth_m": of_peak(1e-5), "lidar_confidence": absolute(1e-5)}
    ),
    "scadc_guided": Case(
        {},
        lambda batch: (images("features", batch, len(FEATURES), -1, 1),),
        {**DEPTH, "blend_m": of_each(1e-4), "lidar_confidence": absolute(1e-5)},
    ),
    "ssdc": Case(
        {"layers": 18},
        lambda batch: (scadc_maps(batch)[2], images("image", batch, 1, 0, 255)),
        {"": of_peak(2e-5)},
    ),
    "psmnet": Case(
        {"maxdisp": 16},
        lambda batch: tuple(2 * images(side, batch) - 1 for side in ("left", "right")),
        {"": absolute(2e-3)},
        tuple(map(tuple, parity.load("psmnet_stackhourglass").meta["post_scale"])),
    ),
    "distdepth": Case({"encoder": "resnet18"}, lambda batch: (images("a:rgb", batch),), DEPTH, DAMPED),
    "multi_frame": Case({"height": HEIGHT, "width": WIDTH, "bins": 8}, neighbours, DEPTH, DAMPED),
    "posenet": Case(
        {},
        lambda batch: (images("pair", batch, 6),),
        {"axis_angle": absolute(1e-5), "translation": absolute(1e-5)},
        DAMPED[:1],
    ),
}


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def network_of(name: str) -> nn.Module:
    """Reproducible weights: scaled to keep values sane where the case says how, else the initial ones."""
    torch.manual_seed(0)
    case = CASES[name]
    network = build(name, **case.config).eval()
    return parity.fill(network, {"salt": "a:", "post_scale": case.damping}) if case.damping else network


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Case, nn.Module, Any]:
    """A case, its network and the reference's outputs for a batch of two."""
    name = request.param
    network = network_of(name)
    with torch.inference_mode():
        return CASES[name], network, network(*CASES[name].inputs(2))


def outputs(case: Case, output: Any) -> dict[str, Tensor]:
    """The tensors that the case has limits for, by name."""
    return {name: getattr(output, name) if name else output for name in case.limits}


def check(case: Case, got: Any, want: Any, limits: dict[str, Limit] | None = None) -> None:
    found, wanted = outputs(case, got), outputs(case, want)
    for name, close in (limits or case.limits).items():
        assert found[name].shape == wanted[name].shape, name
        assert close(found[name], wanted[name]), name


def test_every_network_has_a_case_or_a_reason_to_have_none() -> None:
    assert set(CASES) | set(NOT_LOADED) == set(NETWORKS) and not set(CASES) & set(NOT_LOADED)
    assert {*PREPARATIONS, "psmnet", "ssdc", predictors.SINGLE} <= set(CASES)


def test_eager_is_the_reference(case: tuple[Case, nn.Module, Any]) -> None:
    described, network, want = case
    got = load(network, ExecutionSpec(backend="eager"))(*described.inputs(2))
    same = dict.fromkeys(described.limits, torch.equal)
    check(described, got, want, same)
    assert type(got) is type(want)


def test_cpu_is_close_to_the_reference(case: tuple[Case, nn.Module, Any]) -> None:
    described, network, want = case
    got = load(network, ExecutionSpec(backend="cpu"))(*described.inputs(2))
    check(described, got, want)
    assert type(got) is type(want)


def test_eager_reduces_precision_and_returns_float32() -> None:
    """On one small network: processors without bfloat16 convolve number by number."""
    network, maps = network_of("scadc"), scadc_maps(1)
    want = network(*maps).depth_m
    got = load(network, ExecutionSpec(precision="bfloat16", backend="eager"))(*maps).depth_m
    assert got.dtype == torch.float32 and not torch.equal(got, want)
    assert (got - want).abs().mean() <= 0.03 * want.abs().mean()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_is_its_items(case: tuple[Case, nn.Module, Any], backend: str) -> None:
    described, network, _ = case
    run = load(network, ExecutionSpec(backend=backend))
    together, inputs = run(*described.inputs(2)), described.inputs(2)
    for index in range(2):
        item = [
            type(value)(*(part[index : index + 1] for part in value))
            if isinstance(value, tuple)
            else value[index : index + 1]
            for value in inputs
        ]
        for name, value in outputs(described, run(*item)).items():
            assert described.limits[name](value, outputs(described, together)[name][index : index + 1]), name


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_module_is_left_as_it_is(backend: str) -> None:
    network = build("scadc").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    load(network, ExecutionSpec(precision="bfloat16", backend=backend))(*scadc_maps(1))
    assert network.training and all(value.requires_grad for value in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_gradients_are_kept(backend: str) -> None:
    with torch.inference_mode(False), torch.enable_grad():
        network = build("scadc_guided").train()
        got = load(network, ExecutionSpec(backend=backend))(torch.zeros(1, len(FEATURES), 32, 32))
    assert not got.depth_m.requires_grad


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_model_folder_is_read(backend: str, tmp_path: Path) -> None:
    network = network_of("scadc")
    save_model(network, tmp_path / "m", ModelCard(network="scadc", config=CASES["scadc"].config))
    got = load(tmp_path / "m", ExecutionSpec(backend=backend))(*scadc_maps(1))
    check(CASES["scadc"], got, network(*scadc_maps(1)))
    with pytest.raises(WeightsError, match="absent"):
        load(tmp_path / "absent", ExecutionSpec(backend=backend))


def test_an_unknown_backend_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"backend 'tpu' is not one of \['cpu', 'eager'\]"):
        load(build("scadc"), ExecutionSpec(backend="tpu"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_precision_and_device_are_explicit(backend: str) -> None:
    network = build("scadc")
    with pytest.raises(ConfigError, match=r"'int8' is not one of .*float32.*bfloat16.*auto"):
        load(network, ExecutionSpec(precision="int8", backend=backend))
    with pytest.raises(ConfigError, match="device 'gpu'"):
        load(network, ExecutionSpec("gpu", backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_shapes_are_refused_as_by_the_reference(backend: str) -> None:
    run = load(build("scadc"), ExecutionSpec(backend=backend))
    with pytest.raises(InputError, match="divisible by 4"):
        run(*(torch.zeros(1, 1, 30, 32),) * 4)


def test_outputs_keep_their_structure_in_float32() -> None:
    half = torch.ones(1, dtype=torch.bfloat16)
    output = as_float32([ScadcOutput((half, half, half), half), (half, 3)])
    assert isinstance(output[0], ScadcOutput) and output[0].depth_m.dtype == torch.float32
    assert output[1][0].dtype == torch.float32 and output[1][1] == 3


PRIVATE = re.compile(r"^torch(\.\w+)*\._(?!_version)|^torch\.ops\.mkldnn\b")


def private_calls(path: Path) -> list[str]:
    """Private names of PyTorch that a file uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return sorted({name for name in names if PRIVATE.match(name)})


def test_only_backends_call_what_is_private_in_pytorch() -> None:
    inside = ROOT / "src/geo_perception/inference"
    files = [path for folder in ("src", "training", "bench") for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)): private_calls(path) for path in files if inside not in path.parents}
    assert {path: calls for path, calls in found.items() if calls} == {}
    assert private_calls(inside / "cpu/fused_conv.py")  # it is noticed where it is
