# SPDX-License-Identifier: Apache-2.0
"""The depth decoder for inference: one image at a time, from one kept map into the next, and the finest output only.

A batch of images would leave the cache between any two steps. Activations and upsampled maps are written where the
next convolution reads them, inside a map with a border that is then mirrored; nothing is padded or joined by a copy of
the whole map.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from geo_perception.inference.cpu.fused_conv import FusedConv
from geo_perception.inference.cpu.reflect_pad import Bordered, Elu, bilinear, channels_last, nearest
from geo_perception.networks.depth_decoder import LEVELS, check_features

FLOAT_LEVELS = 2  # the finest: what few channels lose to rounding is lost to depth, and they cost little
TAPS = tuple((dy, dx) for dy in range(3) for dx in range(3))


class FastDecoder:
    """`DepthDecoder` with the output of scale 0 only. Not for concurrent calls: it reuses its maps."""

    def __init__(self, decoder: Any, dtype: torch.dtype) -> None:
        """From a `DepthDecoder` that has scale 0."""
        self._config = decoder.config
        types = [dtype] * (LEVELS - FLOAT_LEVELS) + [torch.float32] * FLOAT_LEVELS
        layers = [layer.conv.conv for layer in decoder.decoder[: 2 * LEVELS]]
        pairs = zip(layers[::2], layers[1::2], types, strict=True)
        self._convs = [LevelConvs.of(narrow, mix, own, dtype) for narrow, mix, own in pairs]
        self._head = decoder.decoder[2 * LEVELS + self._config.scales.index(0)].conv
        self._kept: Maps | None = None

    def twin(self) -> FastDecoder:
        """Another one of the same weights, with maps of its own: the two may be called at once."""
        other = copy.copy(self)
        other._kept = None
        return other

    def __call__(self, features: Sequence[Tensor]) -> Tensor:
        """(B,1,H,W) float32 in 0..1 of five maps as `DepthDecoder.forward` takes them."""
        check_features(self._config, features)
        if features[0].device.type != "cpu":
            return self._decoded(features)
        images = [[feature[index : index + 1] for feature in features] for index in range(len(features[0]))]
        return torch.cat([self._decoded(image) for image in images])

    def _decoded(self, features: Sequence[Tensor]) -> Tensor:
        """Decode the maps of images that are decoded together."""
        if self._kept is None or not self._kept.fit(features[-1]):
            self._kept = Maps(features[-1], self._convs, self._head, self._config.upsampling)
        return self._kept.decoded(features)


class Maps:
    """The maps of a decoder for one size of input, with the steps that lead from each to the next."""

    def __init__(self, coarsest: Tensor, convs: Sequence[LevelConvs], head: Any, upsampling: str) -> None:
        """coarsest: of the features."""
        self._shape, self._device = coarsest.shape, coarsest.device
        batch, _, height, width = coarsest.shape
        shape = (batch, head.weight.shape[1], height << LEVELS, width << LEVELS)
        self._last = Bordered.of(shape, torch.float32, self._device)
        scratch = (
            channels_last(shape, torch.float32, self._device).permute(0, 2, 3, 1).view(-1)
        )  # none is larger
        self._levels = [
            UpsamplingLevel(own, (batch, height << step, width << step), upsampling, scratch)
            for step, own in enumerate(convs)
        ]
        maps = [*(level.source for level in self._levels[1:]), self._last]
        self._activate = [Elu(following.inside, scratch) for following in maps]
        self._head = DisparityHead(head, self._last.whole)

    def fit(self, coarsest: Tensor) -> bool:
        """Return whether the maps have the size and device of these coarsest features."""
        return self._shape == coarsest.shape and self._device == coarsest.device

    def decoded(self, features: Sequence[Tensor]) -> Tensor:
        """As `FastDecoder`."""
        self._levels[0].source.inside.copy_(features[-1])
        skips = [*features[-2::-1], None]
        for level, skip, activate in zip(self._levels, skips, self._activate, strict=True):
            activate(level(skip))
        self._last.mirrored()
        return torch.sigmoid_(self._head())


class LevelConvs(NamedTuple):
    """The convolutions of a level."""

    narrow: FusedConv
    mix: FusedConv
    beside: FusedConv | None  # what `mix` does with the encoder's map, where that is of another type

    @classmethod
    def of(cls, narrow: Any, mix: Any, own: torch.dtype, encoder: torch.dtype) -> LevelConvs:
        """own, encoder: types of the level's and of the encoder's maps.

        The encoder's map is rounded to its type already, and loses little when it is multiplied in it, too.
        """
        channels, first = narrow.weight.shape[0], FusedConv.of(narrow, dtype=own)
        if own == encoder or mix.weight.shape[1] == channels:
            return cls(first, FusedConv.of(mix, dtype=own), None)
        of_coarse, of_skip = mix.weight[:, :channels], mix.weight[:, channels:]
        return cls(
            first,
            FusedConv(of_coarse, mix.bias, stride=mix.stride, padding=mix.padding, dtype=own),
            FusedConv(of_skip, None, stride=mix.stride, padding=mix.padding, dtype=encoder),
        )


class UpsamplingLevel:
    """Narrow, double the size, add the encoder's map, mix; between the two convolutions in float32."""

    def __init__(
        self, convs: LevelConvs, size: tuple[int, int, int], upsampling: str, scratch: Tensor
    ) -> None:
        """size: batch, height and width of what comes in; scratch: as `Elu` needs it."""
        (batch, height, width), device = size, scratch.device
        self._narrow, self._mix, self._beside = convs
        channels, wide = self._narrow.weight.shape[:2]
        self.source = Bordered.of((batch, wide, height, width), self._narrow.dtype, device)
        coarse = channels_last((batch, channels, height, width), torch.float32, device)
        self._activate = Elu(coarse, scratch)
        self._joined = self._map(self._mix, size, device)
        double = nearest if upsampling == "nearest" else bilinear
        self._double = double(coarse, self._joined.inside[:, :channels])
        self._apart = None if self._beside is None else self._map(self._beside, size, device)
        self._skip = self._joined.inside[:, channels:] if self._apart is None else self._apart.inside

    @staticmethod
    def _map(conv: FusedConv, size: tuple[int, int, int], device: torch.device) -> Bordered:
        """Allocate the map that a convolution reads after doubling."""
        batch, height, width = size
        return Bordered.of((batch, conv.weight.shape[1], 2 * height, 2 * width), conv.dtype, device)

    def __call__(self, skip: Tensor | None) -> Tensor:
        """From `source` to the result before its activation, at twice the size."""
        self._activate(self._narrow(self.source.mirrored()))
        self._double()
        if skip is not None:
            self._skip.copy_(skip)
        joined = self._joined.mirrored()
        if self._beside is None or self._apart is None:
            return self._mix(joined)
        return self._mix(joined, self._beside(self._apart.mirrored()).to(joined.dtype))


class DisparityHead:
    """3x3 convolution to one channel, as one product for all taps and shifted sums.

    Convolutions compute 16 channels at a time, of which 15 would be thrown away.
    """

    def __init__(self, conv: Any, source: Tensor) -> None:
        """source: (B,C,H+2,W+2) float32, channels last, that every call reads."""
        weight = conv.weight.detach()
        batch, channels, rows, columns = source.shape
        self._taps = weight[0].permute(1, 2, 0).reshape(len(TAPS), channels)
        self._bias = float(conv.bias)
        self._pixels = source.permute(0, 2, 3, 1).reshape(-1, channels).t()
        with torch.inference_mode(False):
            products = torch.empty(len(TAPS), batch * rows * columns, device=source.device)
            total = torch.zeros(batch, rows, columns, device=source.device)
        # All maps have one layout, so a tap is a distance along them; what wraps around a row lies in the border.
        length = total.numel() - 2 * columns - 2
        starts = [dy * columns + dx for dy, dx in TAPS]
        self._shifted = [row[start : start + length] for row, start in zip(products, starts, strict=True)]
        self._products, self._sum = products, total.view(-1)[:length]
        self._inside = total[:, None, :-2, :-2]

    def __call__(self) -> Tensor:
        """(B,1,H,W)."""
        torch.mm(self._taps, self._pixels, out=self._products)
        torch.add(self._shifted[0], self._shifted[1], out=self._sum)
        for product in self._shifted[2:]:
            self._sum.add_(product)
        return self._inside + self._bias
