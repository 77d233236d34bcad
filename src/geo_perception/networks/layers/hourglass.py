# SPDX-License-Identifier: Apache-2.0
"""Blocks shared by SCADC (2-D) and PSMNet (2-D and 3-D): convolution with norm, and the hourglass.

Sub-module names are those of the published checkpoints, so their state dictionaries load without renaming.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_CONV: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
_DECONV: dict[int, type[nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_NORM: dict[int, type[nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def conv_bn(
    inputs: int,
    outputs: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    dims: int = 2,
) -> nn.Sequential:
    """Build a convolution without bias (`.0`) and batch norm (`.1`); a dilation above 1 replaces the padding."""
    padding = dilation if dilation > 1 else padding
    conv = _CONV[dims](inputs, outputs, kernel, stride=stride, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, _NORM[dims](outputs))


def conv_bn_relu(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int = 0, dims: int = 2
) -> nn.Sequential:
    """Build `conv_bn` as `.0`, then ReLU: the three-level keys (`conv1.0.0.weight`) of the published files."""
    return nn.Sequential(
        conv_bn(inputs, outputs, kernel, stride=stride, padding=padding, dims=dims), nn.ReLU(inplace=True)
    )


def deconv_bn(inputs: int, outputs: int, dims: int = 2) -> nn.Sequential:
    """Build a transposed 3x3 convolution that exactly doubles the size (`.0`), and batch norm (`.1`)."""
    conv = _DECONV[dims](inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False)
    return nn.Sequential(conv, _NORM[dims](outputs))


class Hourglass(nn.Module):
    """Encoder-decoder over 1/2 and 1/4 of the input size, with skips between consecutive hourglasses.

    The same structure serves in 2-D (SCADC) and 3-D (PSMNet, section 3.4 of arXiv 1803.08669).
    """

    def __init__(self, channels: int = 32, dims: int = 2) -> None:
        super().__init__()
        wide = 2 * channels
        self.conv1 = conv_bn_relu(channels, wide, 3, stride=2, padding=1, dims=dims)
        self.conv2 = conv_bn(wide, wide, 3, padding=1, dims=dims)
        self.conv3 = conv_bn_relu(wide, wide, 3, stride=2, padding=1, dims=dims)
        self.conv4 = conv_bn_relu(wide, wide, 3, padding=1, dims=dims)
        self.conv5 = deconv_bn(wide, wide, dims=dims)
        self.conv6 = deconv_bn(wide, channels, dims=dims)

    def forward(
        self, x: Tensor, presqu: Tensor | None = None, postsqu: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Apply the hourglass.

        Args:
            x: (B,C,...), sizes divisible by 4.
            presqu: (B,2C,...) at half size, `pre` of the hourglass before.
            postsqu: (B,2C,...) at half size, `post` of the hourglass before.

        Returns:
            out (B,C,...) without activation, pre (B,2C,.../2), post (B,2C,.../2).
        """
        pre = self.conv2(self.conv1(x))
        pre = torch.relu(pre if postsqu is None else pre + postsqu)
        post = self.conv5(self.conv4(self.conv3(pre)))
        post = torch.relu(post + (pre if presqu is None else presqu))
        return self.conv6(post), pre, post
