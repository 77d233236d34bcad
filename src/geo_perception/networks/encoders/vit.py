# SPDX-License-Identifier: Apache-2.0
"""Vision transformer (arXiv 2010.11929) as DPT uses it, with patches of the image or of a convolutional stem.

Sub-modules are named as in the published DPT files, so that these load without renaming.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PATCH = 16  # pixels per token and side
GRID = 24  # side of the trained position grid, for images of 384 x 384
CLASSES = 1000  # of the classifier that the files hold and nothing uses
NORM_EPS = 1e-6
GROUPS, GROUP_EPS = 32, 1e-5
STEM_WIDTHS = (256, 512, 1024)
STEM_BLOCKS = (3, 4, 9)


@dataclass(frozen=True)
class Size:
    """Size of a transformer."""

    width: int
    blocks: int
    heads: int


BASE, LARGE = Size(768, 12, 12), Size(1024, 24, 16)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.qkv = nn.Linear(size.width, 3 * size.width)
        self.proj = nn.Linear(size.width, size.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend among tokens, (B,N,C) -> (B,N,C)."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        y: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        return y


class Mlp(nn.Module):
    """Two layers with exact GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map every token, (B,N,C) -> (B,N,C)."""
        y: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return y


class Block(nn.Module):
    """Attention, then MLP, each behind a norm and added."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.width, NORM_EPS)
        self.attn = Attention(size)
        self.norm2 = nn.LayerNorm(size.width, NORM_EPS)
        self.mlp = Mlp(size.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Apply the block, (B,N,C) -> (B,N,C)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        y: Tensor = tokens + self.mlp(self.norm2(tokens))
        return y


class StandardisedConv(nn.Conv2d):
    """Convolution whose filters have mean 0 and variance 1, padded as TensorFlow does ("SAME").

    `legacy` divides by (deviation + 1e-5) instead of the root of (variance + 1e-8): the timm release under which the
    official weights were trained.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, legacy: bool = False
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, bias=False)
        self.legacy = legacy

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B,C,H,W) -> (B,C',ceil(H/stride),ceil(W/stride))."""
        return F.conv2d(
            pad_same(x, self.kernel_size[0], self.stride[0]), self.standardised(), None, self.stride
        )

    def standardised(self) -> Tensor:
        """Compute the standardised weight."""
        flat = self.weight.reshape(1, self.out_channels, -1)
        if not self.legacy:
            # batch norm over a filter's values is this very formula, and rounds as the reference does
            return F.batch_norm(flat, None, None, training=True, momentum=0.0, eps=1e-8).view_as(self.weight)
        std, mean = torch.std_mean(flat, dim=2, keepdim=True, correction=0)
        return ((flat - mean) / (std + 1e-5)).view_as(self.weight)


def pad_same(x: Tensor, kernel: int, stride: int, value: float = 0.0) -> Tensor:
    """Pad so that a window of this kernel and stride gives ceil(size/stride); the odd one goes to the lower right."""
    pads = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[-2:]]
    if not any(pads):
        return x
    height, width = pads
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2), value=value)


class ConvNorm(nn.Module):
    """`conv` and `norm` of the stem and of shortcuts."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, *, legacy: bool) -> None:
        super().__init__()
        self.conv = StandardisedConv(inputs, outputs, kernel, stride, legacy=legacy)
        self.norm = nn.GroupNorm(GROUPS, outputs, GROUP_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and normalise (B,C,H,W)."""
        y: Tensor = self.norm(self.conv(x))
        return y


class StemBlock(nn.Module):
    """Bottleneck with group norm; the 3x3 convolution carries the stride, ReLU follows the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, first: bool, legacy: bool) -> None:
        super().__init__()
        width = outputs // 4
        self.downsample = ConvNorm(inputs, outputs, 1, stride, legacy=legacy) if first else None
        self.conv1 = StandardisedConv(inputs, width, 1, legacy=legacy)
        self.norm1 = nn.GroupNorm(GROUPS, width, GROUP_EPS)
        self.conv2 = StandardisedConv(width, width, 3, stride, legacy=legacy)
        self.norm2 = nn.GroupNorm(GROUPS, width, GROUP_EPS)
        self.conv3 = StandardisedConv(width, outputs, 1, legacy=legacy)
        self.norm3 = nn.GroupNorm(GROUPS, outputs, GROUP_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block, (B,C,H,W) -> (B,C',ceil(H/stride),ceil(W/stride))."""
        y = torch.relu(self.norm1(self.conv1(x)))
        y = torch.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class StemStage(nn.Module):
    """Blocks of one width; all stages but the first halve the size."""

    def __init__(self, index: int, *, legacy: bool) -> None:
        super().__init__()
        inputs = STEM_WIDTHS[index - 1] if index else 64
        outputs, stride = STEM_WIDTHS[index], 2 if index else 1
        blocks = [StemBlock(inputs, outputs, stride, first=True, legacy=legacy)]
        rest = range(STEM_BLOCKS[index] - 1)
        blocks += [StemBlock(outputs, outputs, 1, first=False, legacy=legacy) for _ in rest]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Apply all blocks to (B,C,H,W)."""
        y: Tensor = self.blocks(x)
        return y


class Stem(nn.Module):
    """The convolutional stem of the hybrid: ResNetV2-50 without its last stage."""

    def __init__(self, *, legacy: bool) -> None:
        super().__init__()
        self.stem = ConvNorm(3, 64, 7, 2, legacy=legacy)
        self.stages = nn.ModuleList([StemStage(index, legacy=legacy) for index in range(len(STEM_WIDTHS))])

    def forward(self, image: Tensor) -> list[Tensor]:
        """Compute three maps at 1/4, 1/8, 1/16."""
        x = torch.relu(self.stem(image))
        x = F.max_pool2d(pad_same(x, 3, 2, float("-inf")), 3, 2)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class PatchEmbed(nn.Module):
    """Embedding of an image as tokens: patches directly, or 1x1 over the stem's last map."""

    def __init__(self, size: Size, *, hybrid: bool, legacy: bool) -> None:
        super().__init__()
        self.backbone = Stem(legacy=legacy) if hybrid else None
        self.proj = (
            nn.Conv2d(STEM_WIDTHS[-1], size.width, 1) if hybrid else nn.Conv2d(3, size.width, PATCH, PATCH)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Compute tokens as a map (B,C,H/16,W/16), and the stem's maps (none without a stem)."""
        maps = [] if self.backbone is None else self.backbone(image)
        return self.proj(maps[-1] if maps else image), maps


class VisionTransformer(nn.Module):
    """Transformer over the tokens of the image and one class token."""

    def __init__(self, size: Size, *, hybrid: bool, legacy: bool = False) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + GRID**2, size.width))
        self.patch_embed = PatchEmbed(size, hybrid=hybrid, legacy=legacy)
        self.blocks = nn.ModuleList([Block(size) for _ in range(size.blocks)])
        # Parts of the published files without influence on the result; frozen.
        self.norm = nn.LayerNorm(size.width, NORM_EPS).requires_grad_(False)
        self.head = nn.Linear(size.width, CLASSES).requires_grad_(False)

    def forward(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Compute the tokens (B,1+HW/256,C) after each block, and the stem's maps.

        Args:
            image: (B,3,H,W), H and W multiples of 16.
        """
        grid, maps = self.patch_embed(image)
        tokens = grid.flatten(2).transpose(1, 2)
        tokens = torch.cat((self.cls_token.expand(len(image), -1, -1), tokens), 1)
        tokens = tokens + self._positions(*grid.shape[2:])
        outputs: list[Tensor] = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens)
        return outputs, maps

    def _positions(self, height: int, width: int) -> Tensor:
        """Compute positions (1,1+height*width,C): the trained grid resized bilinearly, the class position unchanged."""
        own, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        grid = grid.reshape(1, GRID, GRID, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, (height, width), mode="bilinear", align_corners=False)
        return torch.cat((own, grid.permute(0, 2, 3, 1).reshape(1, height * width, -1)), 1)
