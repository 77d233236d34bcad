# SPDX-License-Identifier: Apache-2.0
"""Checks that stop a training before it continues with numbers that are not finite, in all processes at once."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from geo_perception.errors import DataError
from training.distributed import Ranks


def check_finite(terms: Mapping[str, Tensor], step: int, ranks: Ranks) -> None:
    """Raise DataError naming the terms that are not finite, in all processes at once."""
    bad = [name for name, value in terms.items() if not torch.isfinite(value)]
    anywhere = float(ranks.sum(torch.tensor(float(len(bad)))))
    if anywhere:
        values = ", ".join(f"{name} {float(value.detach()):g}" for name, value in terms.items())
        where = f"term {', '.join(bad)} is" if bad else "a term of another process is"
        raise DataError(f"step {step}: {where} not finite ({values}); the last checkpoint is kept")


def averaged(terms: Mapping[str, Tensor], ranks: Ranks) -> dict[str, Tensor]:
    """Average terms over the whole batch; all processes must call it."""
    return {name: ranks.sum(value) / ranks.size for name, value in terms.items()}


def check_weights(network: nn.Module, step: int) -> None:
    """Raise DataError, before a good checkpoint is replaced, if a weight is not finite."""
    for name, value in network.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise DataError(f"step {step}: weight {name} is not finite; the last checkpoint is kept")
