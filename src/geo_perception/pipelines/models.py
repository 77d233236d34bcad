# SPDX-License-Identifier: Apache-2.0
"""Networks of model folders, as the learned stages of a pipeline load them."""

from __future__ import annotations

from torch import nn

from geo_perception.errors import WeightsError
from geo_perception.inference import ExecutionSpec, NetworkCallable, load
from geo_perception.pipelines.common import ModelChoice
from geo_perception.weights import ModelCard, find_model, load_model, read_card


def load_for(stage: str, network: str, choice: ModelChoice) -> tuple[NetworkCallable, ModelCard]:
    """The network of `choice`, ready for inference, and its card; raises as `load_plain`."""
    module, card = load_plain(stage, (network,), choice)
    return executed(module, choice), card


def executed(module: nn.Module, choice: ModelChoice) -> NetworkCallable:
    """A network, or a part of one, as `choice` wants it run; raises as `inference.load`."""
    return load(module, ExecutionSpec(choice.device, choice.precision))


def load_plain(stage: str, fitting: tuple[str, ...], choice: ModelChoice) -> tuple[nn.Module, ModelCard]:
    """The network of `choice` in its reference form, which must be one of the fitting ones, and its card.

    Raises:
        WeightsError: no model was named (none is shipped), or it holds another network.
    """
    if not choice.model:
        raise WeightsError(
            f"{stage}: {' or '.join(fitting)} needs a model (a name in models/ or a folder); none ships with this "
            "package, `geo-perception weights list` shows the official ones and how to import them"
        )
    card = read_card(find_model(choice.model))
    if card.network not in fitting:
        raise WeightsError(
            f"{stage}: model {choice.model!r} holds network {card.network!r}, "
            f"{' or '.join(map(repr, fitting))} is needed"
        )
    return load_model(choice.model, choice.device), card
