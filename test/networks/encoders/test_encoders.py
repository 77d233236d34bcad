# SPDX-License-Identifier: Apache-2.0
"""Every encoder fits the decoder; those of other packages are asked for by name and refused clearly."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch
from helpers import parity
from torch import Tensor, nn

from geo_perception.errors import ConfigError, InputError
from geo_perception.networks import build
from geo_perception.networks.encoders import ENCODERS, channels_of, make_encoder
from geo_perception.networks.encoders.efficientnet_lite import EfficientnetLite


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@pytest.mark.parametrize("name", ENCODERS)
def test_five_maps_halve_in_size_and_have_the_widths_that_are_said(name: str) -> None:
    encoder = make_encoder(name).eval()
    maps = encoder(torch.rand(1, 3, 64, 96))
    assert [tuple(fmap.shape) for fmap in maps] == [
        (1, width, 32 >> level, 48 >> level) for level, width in enumerate(channels_of(encoder))
    ]


def test_light_encoder_carries_the_depth_network() -> None:
    network = build("distdepth", encoder="efficientnet_lite0").eval()
    output = network(torch.rand(2, 3, 64, 96))
    assert output.depth_m.shape == (2, 1, 64, 96)
    assert sum(p.numel() for p in network.encoder.parameters()) < 3_000_000
    with pytest.raises(InputError, match="multiples of 32"):
        network(torch.rand(1, 3, 64, 90))


def test_light_encoder_pads_at_the_lower_right_as_its_weights_expect() -> None:
    stem = parity.fill(EfficientnetLite(), {"salt": "a:", "post_scale": []}).stem[0]
    first, last = torch.zeros(2, 1, 3, 64, 64)
    first[..., 0, 0], last[..., -1, -1] = 1, 1
    # an output pixel sees its two input pixels and the next one, so the first input reaches one output
    assert stem(first).abs().sum((0, 1)).nonzero().tolist() == [[0, 0]]
    assert stem(last).abs().sum((0, 1)).nonzero().tolist() == [[31, 31]]
    third = torch.zeros(1, 3, 64, 64)
    third[..., 2, 2] = 1
    assert stem(third).abs().sum((0, 1)).nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


class FakeTimm(types.ModuleType):
    """The part of timm's interface that is used, with average pooling for a network."""

    def __init__(self, reductions: tuple[int, ...]) -> None:
        super().__init__("timm")
        self.reductions = reductions

    def create_model(self, name: str, *, pretrained: bool, features_only: bool) -> nn.Module:
        if name == "absent":
            raise RuntimeError(f"Unknown model ({name})")
        assert not pretrained and features_only
        return FakeFeatures(self.reductions)

    def get_pretrained_cfg(self, name: str, *, allow_unregistered: bool) -> types.SimpleNamespace:
        return types.SimpleNamespace(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class FakeFeatures(nn.Module):
    def __init__(self, reductions: tuple[int, ...]) -> None:
        super().__init__()
        self.reductions = reductions
        self.feature_info = types.SimpleNamespace(
            reduction=lambda: list(reductions), channels=lambda: [3] * len(reductions)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        return [nn.functional.avg_pool2d(image, reduction) for reduction in self.reductions]


@pytest.mark.parametrize("reductions", [(2, 4, 8, 16, 32), (4, 8, 16, 32), (2, 4, 4, 8, 16, 32)])
def test_timm_backbone_carries_the_depth_network(
    reductions: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", FakeTimm(reductions))
    network = build("distdepth", encoder="timm:fake").eval()
    assert network(torch.rand(1, 3, 64, 64)).depth_m.shape == (1, 1, 64, 64)


@pytest.mark.parametrize(
    ("name", "said"), [("absent", "Unknown model"), ("flat", r"maps at 1/\[16, 16\], not at")]
)
def test_timm_backbone_without_maps_is_refused(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", FakeTimm((16, 16)))
    with pytest.raises(ConfigError, match=said):
        make_encoder(f"timm:{name}")


@pytest.mark.parametrize("package", ["timm", "transformers"])
def test_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"needs the package {package}: pip install {package}"):
        make_encoder(f"{package}:anything")


def test_unknown_encoder_lists_what_exists() -> None:
    with pytest.raises(
        ConfigError, match=r"'vgg' is not one of resnet18, .*efficientnet_lite2, timm:<model>"
    ):
        make_encoder("vgg")


class FakeTransformers(types.ModuleType):
    """The part of transformers' interface that is used; a folder is a backbone if it exists."""

    def __init__(self) -> None:
        super().__init__("transformers")
        self.AutoConfig = types.SimpleNamespace(from_pretrained=self._config)
        self.AutoBackbone = types.SimpleNamespace(from_config=FakeBackbone)

    def _config(self, folder: str, *, local_files_only: bool) -> types.SimpleNamespace:
        if not Path(folder).is_dir():
            raise OSError(f"{folder} does not appear to have\na file named config.json")
        assert local_files_only
        return types.SimpleNamespace(stage_names=["stem", "stage1", "stage2", "stage3", "stage4"])


class FakeBackbone(FakeFeatures):
    def __init__(self, config: types.SimpleNamespace, weight: float = 0.0) -> None:
        super().__init__((4, 4, 8, 16, 32))
        assert config.out_features == config.stage_names
        self.weight = nn.Parameter(torch.tensor(weight))

    @classmethod
    def from_pretrained(
        cls, folder: str, *, config: types.SimpleNamespace, local_files_only: bool
    ) -> FakeBackbone:
        assert local_files_only and Path(folder).is_dir()
        return cls(config, 1.0)

    def forward(self, image: Tensor) -> types.SimpleNamespace:
        return types.SimpleNamespace(feature_maps=super().forward(image))


def test_transformers_backbone_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", FakeTransformers())
    name = f"transformers:{tmp_path}"
    network = build("distdepth", encoder=name).eval()
    assert network(torch.rand(1, 3, 64, 64)).depth_m.shape == (1, 1, 64, 64)
    assert network.encoder.model.weight == 0
    (tmp_path / "model.safetensors").touch()
    assert make_encoder(name).model.weight == 1
    with pytest.raises(ConfigError, match=r"no local backbone: .* does not appear to have a file"):
        make_encoder(f"transformers:{tmp_path / 'absent'}")
