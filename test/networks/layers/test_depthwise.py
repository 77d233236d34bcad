# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolutions: the numbers and the gradients of PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.networks.encoders.efficientnet_lite import EfficientnetLite
from geo_perception.networks.layers.depthwise import depthwise_conv2d

CASES = [(3, 1, 1), (3, 2, 0), (5, 1, 2), (5, 2, 0), (5, 2, 2), (7, 1, 3)]  # kernel, stride, padding


def _operands(kernel: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(kernel)
    x = torch.randn(2, 6, 13, 18, generator=random).contiguous(memory_format=torch.channels_last)
    return x.requires_grad_(), torch.randn(6, 1, kernel, kernel, generator=random).requires_grad_()


def _gradients(out: Tensor, *of: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(out.float().square().sum(), of)


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES)
def test_gradients_are_those_of_the_plain_form(kernel: int, stride: int, padding: int) -> None:
    x, weight = _operands(kernel)
    got = depthwise_conv2d(x, weight, stride, padding)
    want = F.conv2d(x, weight, None, stride, padding, groups=6)
    assert torch.equal(got, want)
    for mine, theirs in zip(_gradients(got, x, weight), _gradients(want, x, weight), strict=True):
        assert mine.shape == theirs.shape and mine.dtype == theirs.dtype
        assert torch.allclose(mine, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES)
def test_bfloat16_differs_by_its_rounding_alone(kernel: int, stride: int, padding: int) -> None:
    x, weight = _operands(kernel)
    want = _gradients(F.conv2d(x, weight, None, stride, padding, groups=6), x, weight)
    with torch.autocast("cpu", torch.bfloat16):
        out = depthwise_conv2d(x, weight, stride, padding)
    assert out.dtype == torch.bfloat16
    for mine, theirs in zip(_gradients(out, x, weight), want, strict=True):
        assert mine.dtype == torch.float32
        assert float((mine - theirs).abs().max()) < 0.03 * float(theirs.abs().max())


@pytest.mark.parametrize(("kernel", "stride", "padding"), CASES)
def test_gradients_are_exact_to_second_order(kernel: int, stride: int, padding: int) -> None:
    x = torch.randn(1, 2, 8, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 1, kernel, kernel, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: depthwise_conv2d(a, b, stride, padding), (x, weight))
    assert torch.autograd.gradgradcheck(lambda a, b: depthwise_conv2d(a, b, stride, padding), (x, weight))


def test_only_what_is_asked_for_gets_a_gradient() -> None:
    x, weight = _operands(5)
    (alone,) = _gradients(depthwise_conv2d(x.detach(), weight, 1, 2), weight)
    assert torch.equal(alone, _gradients(depthwise_conv2d(x, weight, 1, 2), weight)[0])
    assert not depthwise_conv2d(x.detach(), weight.detach(), 1, 2).requires_grad


def test_without_gradients_nothing_is_kept() -> None:
    x, weight = _operands(5)
    with torch.no_grad():
        assert depthwise_conv2d(x, weight, 1, 2).grad_fn is None


def test_the_light_encoder_trains_through_them() -> None:
    encoder = EfficientnetLite()
    sum(level.sum() for level in encoder(torch.rand(1, 3, 64, 64))).backward()  # type: ignore[union-attr]  # of tensors
    depthwise = [block.depthwise[0] for block in encoder.blocks]
    assert all(conv.weight.grad is not None and conv.weight.grad.abs().sum() > 0 for conv in depthwise)
    taken = encoder(torch.rand(1, 3, 64, 64))[0].grad_fn
    names, waiting = set(), [taken]
    while waiting:
        node = waiting.pop()
        if node is not None:
            names.add(type(node).__name__)
            waiting += [following for following, _ in node.next_functions]
    assert "_DepthwiseBackward" in names
