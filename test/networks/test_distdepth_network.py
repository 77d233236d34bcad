# SPDX-License-Identifier: Apache-2.0
"""ResNet encoders, depth decoder and DistDepth against reference outputs, and their properties."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from helpers import network_golden as golden
from helpers import parity
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError
from geo_perception.networks import build
from geo_perception.networks.distdepth import PRESETS, DistDepth, sigmoid_to_depth

CHANNELS = {"r18": (64, 64, 128, 256, 512), "r50": (64, 256, 512, 1024, 2048)}
KEYS = json.loads((golden.FOLDER / "keys.json").read_text())
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"resnet_encoder_{n}": ("resnet_encoder", {"layers": n}) for n in (18, 34, 50, 101, 152)},
    "depth_decoder_r18_r34": ("depth_decoder", {}),
    "depth_decoder_r50_r101_r152": ("depth_decoder", {"channels": CHANNELS["r50"]}),
    "dpt_hybrid": ("dpt", {"variant": "hybrid"}),
    "dpt_large": ("dpt", {"variant": "large"}),
    "matching_encoder_18_64x96_16bins": ("matching_encoder", {"height": 64, "width": 96, "bins": 16}),
    **{f"matching_encoder_{n}_256x256_96bins": ("matching_encoder", {"layers": n}) for n in (18, 50, 101)},
    **{
        f"pose_encoder_r{n}_{k}img": ("resnet_encoder", {"layers": n, "images": k})
        for n in (18, 50)
        for k in (2, 3)
    },
}


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


def _fill(module: nn.Module, *damping: tuple[str, float]) -> nn.Module:
    return parity.fill(module, {"salt": "a:", "post_scale": damping}).eval()


def _image(shape: tuple[int, ...] = (2, 3, 64, 96)) -> Tensor:
    return torch.from_numpy(parity.image("a:rgb", shape))


def _distdepth(layers: int) -> DistDepth:
    network = build("distdepth", encoder=f"resnet{layers}")
    _fill(network.encoder, golden.damped_blocks(layers))
    _fill(network.decoder, golden.DAMPED_OUTPUTS)
    return network.eval()


def test_every_published_key_list_is_compared() -> None:
    assert set(NETWORKS) | {"pose_decoder_r18", "pose_decoder_r50"} == set(KEYS)


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_shapes_types_and_order_are_as_published(name: str) -> None:
    network, config = NETWORKS[name]
    assert parity.keys(build(network, **config)) == KEYS[name]


@pytest.mark.parametrize("layers", [18, 34, 50, 101, 152])
def test_encoder_matches_reference(layers: int) -> None:
    reference = golden.load(f"resnet_encoder_{layers}")
    encoder = build("resnet_encoder", layers=layers)
    for prefix, damping, limit in (
        ("raw", (), 1e-3 if layers > 50 else golden.OTHER_MACHINE),
        ("damped", (golden.damped_blocks(layers),), golden.OTHER_MACHINE),
    ):
        features = _fill(encoder, *damping)(_image())
        assert [feature.shape[1] for feature in features] == list(encoder.channels)
        for index, feature in enumerate(features):
            assert golden.error(reference, f"{prefix}_feat{index}", feature) <= limit, (prefix, index)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
def test_decoder_matches_reference(name: str, upsampling: str) -> None:
    reference = golden.load(f"depth_decoder_{name}")
    decoder = build("depth_decoder", channels=CHANNELS[name], upsampling=upsampling)
    _fill(decoder, golden.DAMPED_OUTPUTS)
    shapes = [(2, width, 32 >> i, 48 >> i) for i, width in enumerate(CHANNELS[name])]
    features = [torch.from_numpy(parity.image(f"a:feat{i}", shape, 0, 2)) for i, shape in enumerate(shapes)]
    outputs, logits = decoder(features), decoder.logits(features)
    prefix = "nearest_" if upsampling == "nearest" else ""
    for scale in (0, 3) if prefix else range(4):
        assert golden.error(reference, f"{prefix}out{scale}", outputs[scale]) <= golden.OTHER_MACHINE
        if not prefix:
            assert golden.error(reference, f"logit{scale}", logits[scale]) <= golden.OTHER_MACHINE


@pytest.mark.parametrize("layers", [18, 50, 152])
def test_depth_matches_reference(layers: int) -> None:
    reference = golden.load(f"depthnet_{layers}")
    network = _distdepth(layers)
    output = network(_image())
    got = {f"out{scale}": sigmoid for scale, sigmoid in enumerate(output.sigmoids)}
    got["depth_0.1_10"] = output.depth_m
    got["depth_0.1_12"] = sigmoid_to_depth(output.sigmoids[0], 0.1, 12.0)
    got["depth_scale2_up"] = network.to_depth(output.sigmoids[2], (64, 96))
    for name, value in got.items():
        assert golden.error(reference, name, value) <= golden.OTHER_MACHINE, name


@pytest.mark.parametrize(("low", "high"), [(0.1, 10.0), (0.1, 12.0), (0.1, 100.0), (0.5, 20.0)])
def test_range_mapping_matches_reference(low: float, high: float) -> None:
    reference = golden.load("output_to_depth")
    depth = sigmoid_to_depth(torch.from_numpy(reference["level"]), low, high)
    assert golden.error(reference, f"depth_{low}_{high}", depth) <= 1e-6


@pytest.mark.parametrize("preset", PRESETS)
def test_ends_of_the_range_are_reached(preset: str) -> None:
    config = PRESETS[preset]
    ends = sigmoid_to_depth(
        torch.tensor([1.0, 0.0]), config.min_depth_m, config.max_depth_m, config.numerator
    )
    want = [config.numerator * config.min_depth_m, config.numerator * config.max_depth_m]
    assert ends.tolist() == pytest.approx(want, rel=1e-5)


def test_batch_equals_single_images() -> None:
    network, images = _distdepth(18), _image((3, 3, 64, 64))
    batch = network(images).depth_m
    single = torch.cat([network(image[None]).depth_m for image in images])
    assert torch.allclose(batch, single, rtol=1e-5)


def test_fewer_scales_are_the_same_maps() -> None:
    full, some = build("depth_decoder"), build("depth_decoder", scales=[0, 2])
    features = build("resnet_encoder")(_image())
    state = {k: v for k, v in full.state_dict().items() if not k.startswith(("decoder.11", "decoder.13"))}
    some.load_state_dict({k.replace("decoder.12.", "decoder.11."): v for k, v in state.items()})
    for got, want in zip(some(features), full(features)[::2], strict=True):
        assert torch.equal(got, want)


def test_every_trained_weight_gets_a_gradient() -> None:
    network = build("distdepth")
    with torch.enable_grad():
        sum(sigmoid.mean() for sigmoid in network(_image()).sigmoids).backward()
    lost = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert lost == []


@pytest.mark.parametrize(
    ("network", "config"),
    [
        ("resnet_encoder", {"layers": 20}),
        ("resnet_encoder", {"images": 0}),
        ("depth_decoder", {"scales": [3, 0]}),
        ("depth_decoder", {"scales": []}),
        ("depth_decoder", {"channels": [64, 64]}),
        ("depth_decoder", {"upsampling": "bicubic"}),
        ("distdepth", {"encoder": "resnet19"}),
        ("distdepth", {"encoder": "timm:"}),
        ("distdepth", {"upsampling": "cubic"}),
        ("distdepth", {"min_depth_m": 0.0}),
        ("distdepth", {"max_depth_m": 0.05}),
        ("distdepth", {"numerator": -1.0}),
        ("dpt", {"variant": "huge"}),
        ("posenet", {"images": 4}),
        ("matching_encoder", {"binning": "log"}),
        ("matching_encoder", {"height": 100}),
        ("multi_frame", {"bins": 1}),
        ("multi_frame", {"max_bin_m": 0.01}),
    ],
)
def test_option_out_of_range_is_refused(network: str, config: dict[str, Any]) -> None:
    value = next(iter(config.values()))
    shown = str(tuple(value)) if isinstance(value, list) else str(value)
    with pytest.raises(ConfigError) as error:
        build(network, **config)
    assert shown in str(error.value)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((3, 64, 64), "(B,3,H,W)"),
        ((1, 1, 64, 64), "(B,3,H,W)"),
        ((1, 3, 60, 64), "multiples of 32, got 60x64"),
        ((1, 3, 0, 64), "multiples of 32, got 0x64"),
        ((1, 3, 32, 64), "below 64x64"),
    ],
)
def test_wrong_images_are_refused(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(InputError) as error:
        build("distdepth").eval()(torch.zeros(shape))
    assert said in str(error.value)


def test_maps_of_another_size_are_refused() -> None:
    features = build("resnet_encoder")(_image())
    with pytest.raises(InputError, match="maps of sizes"):
        build("depth_decoder")([features[0][..., 1:], *features[1:]])
    with pytest.raises(InputError, match="64, 64, 128, 256, 512"):
        build("depth_decoder")(features[1:])
