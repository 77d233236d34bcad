# SPDX-License-Identifier: Apache-2.0
"""DPT (arXiv 2103.13413): relative inverse depth from a vision transformer; DistDepth's expert.

Keys are those of the files that the DPT project offers (MIT).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geo_perception.errors import ConfigError, WeightsError
from geo_perception.networks.encoders.vit import BASE, LARGE, PATCH, Size, VisionTransformer
from geo_perception.networks.layers.image_check import check_image

FUSED = 256  # width of the fusion stages
MULTIPLE = 32
MEAN = STD = 0.5
LEVELS = 4


class Variant(NamedTuple):
    """Dimensions of one published network."""

    size: Size
    hybrid: bool  # the first two taps are maps of the convolutional stem
    blocks: tuple[int, ...]  # whose tokens are tapped, from 0
    widths: tuple[int, ...]  # of the four reassembled maps


VARIANTS = {
    "hybrid": Variant(BASE, True, (8, 11), (256, 512, 768, 768)),
    "large": Variant(LARGE, False, (5, 11, 17, 23), (256, 512, 1024, 1024)),
}


@dataclass(frozen=True)
class DptConfig:
    """The defaults are the network as DistDepth's training used it."""

    variant: str = "hybrid"  # 123 M parameters; "large": 344 M
    # The DPT project upsamples in its head with aligned corners; DistDepth's training did not.
    head_align_corners: bool = False
    # Weight standardisation of the hybrid's stem as in timm 0.4.5, which the official weights were trained with; the
    # filters differ by 1e-4 to 1e-3 of their size.
    legacy_standardisation: bool = False

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise ConfigError(f"variant {self.variant!r} is not one of {tuple(VARIANTS)}")


class ProjectReadout(nn.Module):
    """Joins the class token to every token: concatenation, linear layer, GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())

    def forward(self, tokens: Tensor) -> Tensor:
        """Project (B,1+N,C) -> (B,N,C)."""
        rest = tokens[:, 1:]
        y: Tensor = self.project(torch.cat((rest, tokens[:, :1].expand_as(rest)), 2))
        return y


class Reassemble(nn.ModuleDict):
    """Reassembles tokens to a map at 1/2^(level+2), with the published positions as names."""

    def __init__(self, width: int, outputs: int, level: int) -> None:
        layers: dict[str, nn.Module] = {"0": ProjectReadout(width), "3": nn.Conv2d(width, outputs, 1)}
        if level < 2:
            factor = 4 >> level
            layers["4"] = nn.ConvTranspose2d(outputs, outputs, factor, factor)
        elif level == 3:
            layers["4"] = nn.Conv2d(outputs, outputs, 3, 2, padding=1)
        super().__init__(layers)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        """Reassemble (B,1+N,C) tokens of a (height, width) grid to a map."""
        readout = self["0"](tokens).transpose(1, 2)
        grid = readout.reshape(*readout.shape[:2], *size)
        y: Tensor = self["3"](grid)
        return self["4"](y) if "4" in self else y


class Pretrained(nn.Module):
    """Transformer and reassembling, named as in the files."""

    def __init__(self, variant: Variant, *, legacy: bool) -> None:
        super().__init__()
        self.variant = variant
        self.model = VisionTransformer(variant.size, hybrid=variant.hybrid, legacy=legacy)
        for level in range(LEVELS - len(variant.blocks), LEVELS):
            part = Reassemble(variant.size.width, variant.widths[level], level)
            self.add_module(f"act_postprocess{level + 1}", part)

    def taps(self, image: Tensor) -> list[Tensor]:
        """Compute four activations: the stem's maps of the hybrid, else tokens."""
        tokens, maps = self.model(image)
        return [*maps[: LEVELS - len(self.variant.blocks)], *(tokens[index] for index in self.variant.blocks)]

    def reassemble(self, taps: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
        """Reassemble four taps to maps at 1/4 ... 1/32."""
        whole = LEVELS - len(self.variant.blocks)
        parts = [getattr(self, f"act_postprocess{level + 1}") for level in range(whole, LEVELS)]
        return [*taps[:whole], *(part(tap, size) for part, tap in zip(parts, taps[whole:], strict=True))]


class ResidualUnit(nn.Module):
    """Two convolutions, each behind a ReLU, added to the input."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(FUSED, FUSED, 3, padding=1)
        self.conv2 = nn.Conv2d(FUSED, FUSED, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Refine a map (B,C,H,W) of the same shape."""
        y: Tensor = self.conv2(torch.relu(self.conv1(torch.relu(x))))
        return y + x


class Fusion(nn.Module):
    """Adds a map to the coarser path and doubles the size."""

    def __init__(self, *, coarsest: bool) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(FUSED, FUSED, 1)
        # The coarsest stage has no path, so its first unit lies unused in the files.
        self.resConfUnit1 = ResidualUnit().requires_grad_(not coarsest)
        self.resConfUnit2 = ResidualUnit()

    def forward(self, skip: Tensor, path: Tensor | None = None) -> Tensor:
        """Fuse `skip` (B,C,H,W) with the coarser `path` of the same shape -> (B,C,2H,2W)."""
        x = skip if path is None else path + self.resConfUnit1(skip)
        x = F.interpolate(self.resConfUnit2(x), scale_factor=2.0, mode="bilinear", align_corners=True)
        y: Tensor = self.out_conv(x)
        return y


class Scratch(nn.Module):
    """Fusion and head: what DPT trains from scratch."""

    def __init__(self, widths: tuple[int, ...], *, align_corners: bool) -> None:
        super().__init__()
        for level, width in enumerate(widths, 1):
            self.add_module(f"layer{level}_rn", nn.Conv2d(width, FUSED, 3, padding=1, bias=False))
        for level in range(1, LEVELS + 1):
            self.add_module(f"refinenet{level}", Fusion(coarsest=level == LEVELS))
        self.output_conv = nn.Sequential(
            nn.Conv2d(FUSED, FUSED // 2, 3, padding=1),
            nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=align_corners),
            nn.Conv2d(FUSED // 2, 32, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 1, 1),
            nn.ReLU(),
        )

    def narrow(self, maps: list[Tensor]) -> list[Tensor]:
        """Convolve the four maps to one width."""
        return [getattr(self, f"layer{level}_rn")(fmap) for level, fmap in enumerate(maps, 1)]

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Fuse maps at 1/4 ... 1/32, finest first, to inverse depth (B,1,H,W)."""
        path: Tensor | None = None
        for level, skip in reversed(list(enumerate(self.narrow(maps), 1))):
            path = getattr(self, f"refinenet{level}")(skip, path)
        y: Tensor = self.output_conv(path)
        return y


class Dpt(nn.Module):
    """Relative inverse depth from one image."""

    def __init__(self, config: DptConfig = DptConfig()) -> None:
        super().__init__()
        self.config = config
        variant = VARIANTS[config.variant]
        self.pretrained = Pretrained(variant, legacy=config.legacy_standardisation)
        self.scratch = Scratch(variant.widths, align_corners=config.head_align_corners)

    def forward(self, image: Tensor) -> Tensor:
        """Predict (B,1,H,W) inverse depth up to an unknown scale and shift, at least 0, roughly up to 2000.

        Args:
            image: (B,3,H,W) RGB in 0..1, H and W multiples of 32 (trained at 384 x 384).

        Raises:
            InputError: other shapes.
        """
        inverse: Tensor = self.scratch(self.maps(self.taps(image)))
        return inverse

    def taps(self, image: Tensor) -> tuple[list[Tensor], tuple[int, int]]:
        """Compute the four tapped activations, and the size of the token grid."""
        check_image(image, multiple=MULTIPLE)
        size = (image.shape[2] // PATCH, image.shape[3] // PATCH)
        return self.pretrained.taps((image - MEAN) / STD), size

    def maps(self, taps: tuple[list[Tensor], tuple[int, int]]) -> list[Tensor]:
        """Reassemble tapped activations to four maps at 1/4, 1/8, 1/16 and 1/32."""
        return self.pretrained.reassemble(*taps)


def infer_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Infer the variant of a state dictionary. Raises WeightsError if it is not one of this network."""
    width = state.get("pretrained.model.cls_token")
    if width is None or "scratch.output_conv.4.bias" not in state:
        raise WeightsError(f"not DPT weights: no pretrained.model.cls_token among {len(state)} entries")
    hybrid = "pretrained.model.patch_embed.backbone.stem.conv.weight" in state
    return {"variant": "hybrid" if hybrid else "large"}
