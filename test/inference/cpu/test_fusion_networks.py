# SPDX-License-Identifier: Apache-2.0
"""Fast forms of the networks equal the reference forms; strips, slabs and operators may not show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from helpers import parity
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError
from geo_perception.inference.cpu import fused_conv, optimise, psmnet_volume, scadc, ssdc, transposed_conv3d
from geo_perception.inference.cpu.fuse import FastSequential
from geo_perception.inference.cpu.scadc_guided import FastScadcGuided
from geo_perception.inference.cpu.tiling import strips
from geo_perception.networks import build
from geo_perception.networks.layers.hourglass import deconv_bn
from geo_perception.networks.psmnet import cost_volume


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(params=["fused", "public"])
def operators(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both implementations of the convolutions."""
    if request.param == "public":
        monkeypatch.setattr(fused_conv, "has_fused_operators", lambda dtype: False)
    elif not fused_conv.has_fused_operators():
        pytest.fail("this PyTorch lacks the fused operators: networks would run slower than promised")
    return request.param


def _scadc_maps(height: int = 48, width: int = 64, batch: int = 2) -> tuple[Tensor, ...]:
    shape = (batch, 1, height, width)
    mask = torch.from_numpy(parity.sparse_mask("mask", shape)).expand(shape).clone()
    mask[:, :, : height // 2] = 0  # rows that no return reaches
    stereo, lidar = (torch.from_numpy(parity.image(name, shape, 2, 80)) for name in ("stereo", "lidar"))
    return stereo, lidar, lidar * mask, mask


def _relative(got: Tensor, want: Tensor) -> float:
    """Largest difference over the largest magnitude."""
    return ((got - want).abs().max() / want.abs().max()).item()


def _scadc(**config: object) -> nn.Module:
    golden = parity.load("scadc")
    return parity.fill(build("scadc", **config), golden.meta).eval()


@pytest.mark.parametrize("pixels", [1, 10**9])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "none"])
def test_scadc_equals_reference(
    operators: str, pixels: int, activation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scadc, "STRIP_PIXELS", pixels)  # strips of 16 rows, or one
    network, maps = _scadc(confidence_activation=activation, stereo_scale=0.9), _scadc_maps()
    want, got = network(*maps), optimise(network)(*maps)
    for ours, reference in zip(got.stages, want.stages, strict=True):
        assert _relative(ours, reference) <= 1e-5
    assert torch.allclose(got.lidar_confidence, want.lidar_confidence, atol=1e-5)


def test_scadc_without_any_return() -> None:
    network, (stereo, lidar, _, mask) = _scadc(), _scadc_maps()
    maps = (stereo, lidar, torch.zeros_like(lidar), torch.zeros_like(mask))
    want, got = network(*maps), optimise(network)(*maps)
    assert torch.allclose(got.lidar_confidence, want.lidar_confidence, atol=1e-6)
    assert _relative(got.depth_m, want.depth_m) <= 1e-5


def test_scadc_answers_afresh_for_every_size() -> None:
    network = _scadc()
    fast = optimise(network)
    for height, width, batch in ((48, 64, 2), (32, 96, 1), (48, 64, 2)):
        maps = _scadc_maps(height, width, batch)
        assert _relative(fast(*maps).depth_m, network(*maps).depth_m) <= 1e-5


def test_results_are_not_overwritten_by_the_next_call() -> None:
    fast = optimise(_scadc())
    first = fast(*_scadc_maps())
    kept = [value.clone() for value in (*first.stages, first.lidar_confidence)]
    fast(*(2 * value for value in _scadc_maps()[:3]), _scadc_maps()[3])
    assert all(torch.equal(a, b) for a, b in zip(kept, (*first.stages, first.lidar_confidence), strict=True))


@pytest.mark.parametrize("pixels", [1, 10**9])
@pytest.mark.parametrize(("layers", "inputs"), [(18, "rgbd"), (34, "d"), (18, "g")])
def test_ssdc_equals_reference(
    operators: str, pixels: int, layers: int, inputs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssdc, "STRIP_PIXELS", pixels)
    meta = parity.load("ssdc18_d").meta
    network = parity.fill(build("ssdc", layers=layers, input=inputs), meta).eval()
    depth = _scadc_maps(48, 64)[2] if "d" in inputs else None
    channels = network.config.image_channels
    image = torch.from_numpy(parity.image("image", (2, channels, 48, 64), 0, 255)) if channels else None
    want, got = network(depth, image), optimise(network)(depth, image)
    assert _relative(got, want) <= 2e-5


@pytest.mark.parametrize("pixels", [1, 10**9])
@pytest.mark.parametrize("variant", ["stackhourglass", "basic"])
def test_psmnet_equals_reference(variant: str, pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psmnet_volume, "SLAB_PIXELS", pixels)
    golden = parity.load(f"psmnet_{variant}")
    images = parity.inputs(golden.meta)
    left, right = images["left"][:, :, :100, :200], images["right"][:, :, :100, :200]
    network = parity.fill(
        build("psmnet", variant=variant, maxdisp=16, align_corners=pixels == 1), golden.meta
    )
    want, got = network.eval()(left, right), optimise(network)(left, right)
    assert (got - want).abs().max() <= 2e-3
    reduced = optimise(network, "bfloat16")(left, right)
    assert reduced.dtype == torch.float32
    assert (reduced - want).abs().mean() <= 0.5


@pytest.mark.parametrize("width", [3, 9, 20])
def test_first_match_equals_the_convolution_of_the_volume(width: int, operators: str) -> None:
    torch.manual_seed(width)
    left, right = torch.randn(2, 1, 32, 5, width)
    conv, norm = nn.Conv3d(64, 32, 3, padding=1, bias=False), nn.BatchNorm3d(32).eval()
    norm.bias.normal_()
    norm.running_mean.normal_()
    want = torch.relu(norm(conv(cost_volume(left, right, 8))))
    match = psmnet_volume.FirstMatch((conv, norm), torch.float32).prepare(left, right, 8)
    got = torch.cat((match.planes(0, 3), match.planes(3, 8)), 2)
    assert torch.allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("align_corners", [True, False])
def test_expectation_in_strips_equals_the_whole_volume(
    align_corners: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psmnet_volume, "STRIP_PIXELS", 100)
    cost = 20 * torch.randn(1, 1, 4, 8, 12)
    network = build("psmnet", maxdisp=16, align_corners=align_corners)
    want = network.regress(cost, torch.Size((32, 48)))[0]
    got = psmnet_volume.expected_disparity(cost[0, 0], 16, (32, 48), align_corners)
    assert torch.allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("form", [FastScadcGuided, FastSequential])
@pytest.mark.parametrize("residual", [False, True])
def test_scadc_guided_equals_reference(operators: str, residual: bool, form: type[nn.Module]) -> None:
    network = build("scadc_guided", widths=(8, 12, 8, 8), residual=residual).eval()
    network.head.weight.normal_()
    network.skip.bias.normal_()
    for block in network.modules():
        if isinstance(block, nn.BatchNorm2d):
            block.running_mean.normal_()
    features = torch.randn(2, 16, 32, 48)
    want, got = network(features), form(network, torch.float32)(features)
    assert torch.allclose(got.depth_m, want.depth_m, rtol=1e-4)
    assert torch.allclose(got.blend_m, want.blend_m, rtol=1e-4)
    assert torch.allclose(got.lidar_confidence, want.lidar_confidence, atol=1e-5)


@pytest.mark.parametrize("pixels", [1, 10**9])
def test_doubled_volume_equals_the_transposed_convolution(
    pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transposed_conv3d, "PLANE_PIXELS", pixels)
    layer = deconv_bn(6, 4, dims=3).eval()
    layer[1].running_mean.normal_()
    x, skip = torch.randn(1, 6, 3, 4, 5), torch.randn(1, 4, 6, 8, 10)
    out = torch.empty_like(skip, memory_format=torch.channels_last_3d)
    got = transposed_conv3d.Doubling3d(*layer, slope=0.0, dtype=torch.float32)(x, skip, out)
    assert torch.allclose(got, torch.relu(layer(x) + skip), atol=1e-5)


def test_strips_cover_a_map_once_and_read_no_further_than_it_goes() -> None:
    x = torch.arange(11.0)[None, None, :, None]
    parts = list(strips(11, 4, halo=2))
    assert torch.equal(torch.cat([strip.part(x) for strip in parts], 2), x)
    assert all(torch.equal(strip.inner(strip.read(x)), strip.part(x)) for strip in parts)
    assert [(strip.top, strip.bottom) for strip in parts] == [(0, 6), (2, 10), (6, 11)]


def test_networks_without_a_form_of_their_own_get_the_generic_one() -> None:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.LeakyReLU(0.2)).eval()
    x = torch.randn(1, 2, 8, 9)
    assert torch.allclose(optimise(network)(x), network(x), atol=1e-5)


@pytest.mark.parametrize("name", ["scadc", "scadc_guided", "ssdc"])
def test_reduced_precision_stays_close_and_returns_float32(name: str) -> None:
    torch.manual_seed(0)
    config = {"ssdc": {"layers": 18}}.get(name, {})
    network = build(name, **config).eval()
    maps = _scadc_maps(64, 64, 1)
    inputs = {
        "scadc": maps,
        "scadc_guided": (torch.randn(1, 16, 64, 64),),
        "ssdc": (maps[2], 3 * maps[1]),
    }[name]
    want, got = network(*inputs), optimise(network, "bfloat16")(*inputs)
    want, got = getattr(want, "depth_m", want), getattr(got, "depth_m", got)
    assert got.dtype == torch.float32
    assert (got - want).abs().mean() <= 0.03 * want.abs().mean()


def test_the_reference_is_left_alone() -> None:
    network = _scadc()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimise(network, "bfloat16")(*_scadc_maps())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_wrong_shapes_are_refused_as_by_the_reference() -> None:
    with pytest.raises(InputError, match="divisible by 4"):
        optimise(build("scadc"))(*(torch.zeros(1, 1, 30, 32),) * 4)


def test_precision_is_explicit() -> None:
    with pytest.raises(ConfigError, match=r"'int8' is not one of .*float32.*bfloat16.*auto"):
        optimise(build("scadc"), "int8")
    assert optimise(build("scadc"), "auto").dtype in (torch.float32, torch.bfloat16)


def test_weights_are_ordered_once_for_each_number_of_threads() -> None:
    """Threads follow the load: another number must neither change depth nor make oneDNN order weights at every call."""
    conv = torch.nn.Conv2d(64, 64, 3, padding=1).eval()
    fused, x = fused_conv.FusedConv.of(conv), torch.randn(1, 64, 24, 32)
    before, packed = torch.get_num_threads(), []
    try:
        with torch.inference_mode():
            for number in (2, 1, 2, 1):
                torch.set_num_threads(number)
                assert torch.allclose(fused(x), conv(x), atol=1e-4)
                packed.append(fused._weight_for(x, [1, 1]))
    finally:
        torch.set_num_threads(before)
    assert packed[0] is packed[2] and packed[1] is packed[3]
