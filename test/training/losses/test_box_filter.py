# SPDX-License-Identifier: Apache-2.0
"""Window means: what padding and pooling give, to the last bit, and the gradient that belongs to it."""

import pytest
import torch
from torch.nn import functional as F

from training.losses.box_filter import window_mean
from training.losses.distillation import _quantile
from training.losses.photometric import Reference, ssim_map


def pooled(x: torch.Tensor) -> torch.Tensor:
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)


@pytest.mark.parametrize("shape", [(2, 3, 48, 64), (1, 1, 2, 2), (1, 2, 3, 2), (4, 1, 130, 17)])
def test_they_equal_pooling_of_the_mirrored_image(shape):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.equal(window_mean(x), pooled(x))
    weights = torch.rand_like(x)
    (got,), (want,) = (torch.autograd.grad(mean(x), x, weights) for mean in (window_mean, pooled))
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("size", [(2, 2), (3, 5)])
def test_the_gradient_is_that_of_the_values(size):
    x = torch.rand(1, 2, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(window_mean, x)


def test_the_memory_layout_does_not_matter():
    x = torch.rand(2, 3, 16, 16)
    assert torch.equal(window_mean(x.contiguous(memory_format=torch.channels_last)), window_mean(x))


def test_a_centre_changes_nothing_but_rounding():
    x, y = 1 + torch.rand(2, 2, 1, 32, 32, dtype=torch.float64)
    centred = ssim_map(x, Reference.of(y, y.mean((2, 3), keepdim=True)))
    torch.testing.assert_close(centred, ssim_map(x, y))


def test_a_flat_map_far_from_zero_has_no_variance_about_its_centre():
    flat = torch.full((1, 1, 16, 16), 9.4321)
    assert Reference.of(flat, flat.mean((2, 3), keepdim=True)).variance.abs().max() < 1e-12


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.999])
def test_quantiles_are_interpolated_as_torch_does(share):
    values = torch.rand(3, 1, 17, 19)
    want = torch.quantile(values.flatten(1), share, dim=1)
    torch.testing.assert_close(_quantile(values, share).flatten(), want, rtol=1e-5, atol=1e-7)
