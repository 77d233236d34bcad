# SPDX-License-Identifier: Apache-2.0
"""Reductions over a batch that is spread over processes: sums, means and gathered values."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.nn import functional as differentiable


class Ranks(Protocol):
    """The processes that share one batch, each with an equal part of it."""

    @property
    def size(self) -> int: ...
    def sum(self, value: Tensor) -> Tensor:
        """Sum over the processes without gradients."""

    def gather(self, value: Tensor) -> Tensor:
        """Concatenate the parts of all processes along the first axis, without gradients."""

    def sum_with_gradient(self, value: Tensor) -> Tensor:
        """Sum over the processes, differentiable, so that gradients are summed, too."""


class Alone:
    """`Ranks` of a single process."""

    size = 1

    def sum(self, value: Tensor) -> Tensor:
        """Return the value itself, detached."""
        return value.detach()

    def gather(self, value: Tensor) -> Tensor:
        """Return the value itself, detached."""
        return value.detach()

    def sum_with_gradient(self, value: Tensor) -> Tensor:
        """Return the value itself."""
        return value


class Distributed:
    """The processes of torch.distributed's default group."""

    def __init__(self) -> None:
        self.size = dist.get_world_size()

    def sum(self, value: Tensor) -> Tensor:
        """All-reduce the value."""
        out = value.detach().clone()
        dist.all_reduce(out)
        return out

    def gather(self, value: Tensor) -> Tensor:
        """All-gather the values in the order of ranks."""
        parts = [torch.empty_like(value) for _ in range(self.size)]
        dist.all_gather(parts, value.detach().contiguous())
        return torch.cat(parts)

    def sum_with_gradient(self, value: Tensor) -> Tensor:
        """All-reduce the value, differentiably."""
        out: Tensor = differentiable.all_reduce(value)
        return out


ALONE = Alone()


def current_ranks() -> Ranks:
    """Return the processes that share this one's batches."""
    return (
        Distributed()
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        else ALONE
    )


def masked_mean(values: Tensor, mask: Tensor, ranks: Ranks = ALONE, epsilon: float = 0.0) -> Tensor:
    """Average over the pixels of the WHOLE batch where mask is set; 0 if there is none.

    Each process gets the share of its own pixels, times the number of processes, so that the average over the
    processes, which is what data-parallel training takes of gradients, is the mean over the whole batch.
    """
    mask = mask.to(values.dtype)
    count = ranks.sum(mask.sum())
    total = torch.where(mask > 0, values, torch.zeros_like(values)).mul(mask).sum()
    return ranks.size * total / (count + epsilon if epsilon else count.clamp(min=1))
