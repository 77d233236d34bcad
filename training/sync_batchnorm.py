# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation synchronised over all processes on any device, so that two processes train as one does.

PyTorch's own works on GPUs only. Keys of the state dictionary are the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.distributed import current_ranks


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm with statistics of the whole batch in training; in evaluation the plain layer."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B,C,H,W)."""
        if not self.training:
            return super().forward(input)
        ranks = current_ranks()
        count = ranks.size * input.numel() / input.shape[1]
        mean = ranks.sum_with_gradient(input.sum((0, 2, 3))) / count
        centred = input - mean[:, None, None]
        variance = ranks.sum_with_gradient(centred.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return centred * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)


def sync_norms(network: nn.Module) -> nn.Module:
    """Replace, in place, every batch normalisation of the network by one over the whole batch."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm2d
    return network
