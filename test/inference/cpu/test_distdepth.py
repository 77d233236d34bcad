# SPDX-License-Identifier: Apache-2.0
"""Fast forms of the indoor depth networks equal the plain forms, whatever the size, the batch and the operators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import pytest
import torch
from helpers import network_golden as golden
from helpers import parity
from torch import Tensor, nn

from geo_perception.errors import InputError
from geo_perception.inference.cpu import fused_conv, optimise, reflect_pad
from geo_perception.inference.cpu.depth_decoder import FastDecoder
from geo_perception.inference.cpu.distdepth import FastDistDepth
from geo_perception.inference.cpu.fuse import FastSequential
from geo_perception.networks import build

ROUNDING = 1e-4  # of depth, in float32


class Limits(NamedTuple):
    """Of the relative difference of depth that the 8 bits of bfloat16 make.

    The one pixel that differs most depends on the order in which a processor sums (of ResNet-152 on one picture 1.09 %
    with AMX, 0.95 % without), so one percent holds for all but one in a thousand of them.
    """

    nearly_all: float
    mean: float
    share: float = 0.999
    largest: float = 0.015

    def check(self, got: Tensor, want: Tensor) -> None:
        difference = _difference(got, want)
        assert difference.quantile(self.share) <= self.nearly_all
        assert difference.mean() <= self.mean
        assert difference.max() <= self.largest


REDUCED = Limits(0.01, 0.0015)
LIGHT_REDUCED = Limits(0.015, 0.003)  # the light encoder's maps are not activated and reach further
NOISE_REDUCED = Limits(0.01, 0.0025, 0.99, 0.025)  # of white noise, where no pixel is like its neighbour


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(params=["fused", "public"])
def operators(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both implementations of the convolutions."""
    if request.param == "public":
        monkeypatch.setattr(fused_conv, "has_fused_operators", lambda dtype: False)
    return request.param


def _images(batch: int = 1, height: int = 64, width: int = 96) -> Tensor:
    return torch.from_numpy(parity.image("a:rgb", (batch, 3, height, width)))


def _network(encoder: str, **config: object) -> nn.Module:
    """Reproducible weights that keep values sane, with batch norms that have seen images."""
    network = build("distdepth", encoder=encoder, **config)
    layers = int(encoder.removeprefix("resnet")) if encoder.startswith("resnet") else 0
    damping = (golden.damped_blocks(layers),) if layers else ()
    parity.fill(network.encoder, {"salt": "a:", "post_scale": damping})
    parity.fill(network.decoder, {"salt": "a:", "post_scale": (golden.DAMPED_OUTPUTS,)})
    if not layers:
        network.encoder.train()
        for _ in range(100):  # the momentum of its batch norms is 0.01
            network.encoder(_images(4, 64, 64))
    return network.eval()


def _difference(got: Tensor, want: Tensor) -> Tensor:
    return (got - want).abs() / want


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
@pytest.mark.parametrize("encoder", ["resnet18", "resnet50", "efficientnet_lite0", "efficientnet_lite2"])
def test_float32_equals_the_plain_form(encoder: str, upsampling: str, operators: str) -> None:
    network = _network(encoder, upsampling=upsampling, max_depth_m=12.0)
    fast, want = optimise(network), network(_images())
    got = fast(_images())
    assert isinstance(fast, FastDistDepth)
    assert _difference(got.depth_m, want.depth_m).max() <= ROUNDING
    assert torch.allclose(got.sigmoids[0], want.sigmoids[0], atol=1e-5)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet50", "resnet152", "efficientnet_lite0"])
def test_bfloat16_stays_within_one_percent(encoder: str) -> None:
    network = _network(encoder)
    got, want = optimise(network, "bfloat16")(_images()).depth_m, network(_images()).depth_m
    assert got.dtype == torch.float32
    assert want.max() / want.min() > 2  # there is something to differ in
    (REDUCED if encoder.startswith("resnet") else LIGHT_REDUCED).check(got, want)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet152"])
def test_bfloat16_stays_within_one_percent_at_the_published_size(encoder: str) -> None:
    network = _network(encoder)
    fast, picture = optimise(network, "bfloat16"), _images(1, 256, 256)
    REDUCED.check(fast(picture).depth_m, network(picture).depth_m)
    noise = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    NOISE_REDUCED.check(fast(noise).depth_m, network(noise).depth_m)


@pytest.mark.parametrize(("shape", "summed"), [((8, 4, 3, 3), (2, 3)), ((8, 4, 3, 3, 3), (2, 3, 4))])
def test_reduced_kernels_keep_their_sums(shape: tuple[int, ...], summed: tuple[int, ...]) -> None:
    weight = torch.randn(shape)
    got = fused_conv.reduced(weight, torch.bfloat16)
    unit = weight.abs().amax(summed, keepdim=True) * 2**-7  # the largest step between neighbours of bfloat16
    assert got.dtype == torch.bfloat16
    lost = got.float() - weight
    assert (lost.sum(summed, keepdim=True).abs() <= unit / 2 + 1e-5).all()
    assert (lost.abs() <= unit).all()
    assert torch.equal(fused_conv.reduced(weight, torch.float32), weight)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_one_form_takes_any_size_and_batch(precision: str) -> None:
    network = _network("resnet18")
    fast = optimise(network, precision)
    for batch, height, width in ((1, 64, 64), (6, 64, 96), (2, 128, 64), (1, 64, 64)):
        images = _images(batch, height, width)
        difference = _difference(fast(images).depth_m, network(images).depth_m)
        assert difference.max() <= (ROUNDING if precision == "float32" else 2 * REDUCED.nearly_all)


def test_results_are_not_overwritten_by_the_next_call() -> None:
    fast = optimise(_network("resnet18"))
    first = fast(_images()).depth_m
    kept = first.clone()
    fast(1 - _images())
    assert torch.equal(first, kept)


def test_images_decoded_together_equal_single_ones() -> None:
    """As on a device where a batch costs less than its images."""
    network = _network("resnet18")
    features = network.encoder(_images(3, 64, 64))
    decoder = FastDecoder(network.decoder, torch.float32)
    together = decoder._decoded([f.contiguous(memory_format=torch.channels_last) for f in features])
    assert torch.allclose(together, decoder(features), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(1, 1), (1, 3), (4, 5)])
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_doubling_is_that_of_interpolate(mode: str, size: tuple[int, int], dtype: torch.dtype) -> None:
    x = torch.empty(2, 3, *size)
    got = torch.full((2, 3, 2 * size[0], 2 * size[1]), torch.nan, dtype=dtype)
    double = getattr(reflect_pad, mode)(x, got)
    for _ in range(2):  # whatever the source holds when it is called
        want = nn.functional.interpolate(x.normal_(), scale_factor=2.0, mode=mode)
        double()
        assert torch.allclose(got.float(), want, atol=1e-6, rtol=2**-8 if dtype == torch.bfloat16 else 0)


@pytest.mark.parametrize("got_type", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("given_type", [torch.float32, torch.bfloat16])
def test_elu_is_that_of_torch(given_type: torch.dtype, got_type: torch.dtype) -> None:
    values = [torch.linspace(-100, 100, 250), torch.linspace(-1e-3, 1e-3, 249), torch.tensor([-torch.inf])]
    x = torch.cat(values).view(1, 4, 5, 25).to(given_type).contiguous(memory_format=torch.channels_last)
    got = reflect_pad.Bordered.of((1, 4, 5, 25), got_type, x.device).inside
    reflect_pad.Elu(got, torch.full((501,), torch.nan))(x)
    want = nn.functional.elu(x.double())
    assert torch.allclose(got.double(), want, atol=2e-7, rtol=2**-8 if got_type == torch.bfloat16 else 0)


@pytest.mark.parametrize("size", [(2, 2), (3, 2), (4, 5)])
def test_border_is_mirrored(size: tuple[int, int]) -> None:
    x = torch.randn(1, 2, *size)
    got = reflect_pad.Bordered.of((1, 2, *size), torch.float32, x.device)
    got.inside.copy_(x)
    assert torch.equal(got.mirrored(), nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"))


def test_one_form_serves_every_mode_of_autograd() -> None:
    network = _network("resnet18")
    fast = optimise(network)
    with torch.inference_mode():
        inferred = fast(_images()).depth_m
    with torch.enable_grad():
        assert torch.equal(fast(_images()).depth_m.detach(), inferred)


class Pyramid(nn.Module):
    """An encoder of another package: five convolutions with ReLU."""

    channels = (4, 8, 8, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        widths = (3, *self.channels)
        layers = (nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.stages = nn.ModuleList(nn.Sequential(layer, nn.ReLU()) for layer in layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        maps = [image]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


def test_other_encoders_get_the_generic_form_in_float32() -> None:
    network = build("distdepth").eval()
    network.encoder, network.decoder = Pyramid(), build("depth_decoder", channels=Pyramid.channels)
    fast = optimise(network, "bfloat16")
    assert isinstance(fast._encoder, FastSequential)
    for got, want in zip(fast._encoder(_images()), network.encoder(_images()), strict=True):
        assert torch.allclose(got, want, atol=1e-5)
    assert _difference(fast(_images()).depth_m, network(_images()).depth_m).max() <= REDUCED.nearly_all


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 3, 60, 64), (1, 3, 32, 64)])
@pytest.mark.parametrize("encoder", ["resnet18", "efficientnet_lite0"])
def test_wrong_images_are_refused_as_by_the_plain_form(encoder: str, shape: tuple[int, ...]) -> None:
    network = build("distdepth", encoder=encoder).eval()
    with pytest.raises(InputError) as plain:
        network(torch.zeros(shape))
    with pytest.raises(InputError) as fast:
        optimise(network)(torch.zeros(shape))
    assert str(fast.value) == str(plain.value)
