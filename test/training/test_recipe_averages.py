# SPDX-License-Identifier: Apache-2.0
"""Averages in the indoor recipe: the running mean of the weights, and statistics of batch norms that stay."""

import pytest
import torch

from geo_perception.errors import ConfigError
from geo_perception.weights import load_model
from training.depth.config import DistDepthRecipeConfig, check_config
from training.recipes import distdepth as recipe


def state(config):
    return load_model(config.out).state_dict()


def test_the_running_mean_of_the_weights_is_what_is_saved(tiny, monkeypatch):
    config, step, means = tiny("supervised", average=0.75), recipe.train_step, []

    def watched(*args):
        judged = step(*args)
        weights = args[3].depth.state_dict().items()
        now = {name: value.clone() for name, value in weights if value.is_floating_point()}
        last = means[-1] if means else now
        means.append({name: last[name] + 0.25 * (now[name] - last[name]) for name in now})
        return judged

    monkeypatch.setattr(recipe, "train_step", watched)
    recipe.train(config)
    saved = state(config)
    assert all(torch.allclose(saved[name], value, atol=1e-6) for name, value in means[-1].items())
    assert any(not torch.equal(value, means[-1][name]) for name, value in means[0].items())


def test_frozen_batch_norms_keep_what_they_have_seen_and_learn_the_rest(tiny):
    first = tiny("supervised", "first")
    recipe.train(first)
    frozen, moving = (
        tiny("supervised", name, init=str(first.out), pretrained="", freeze_norms=freeze)
        for name, freeze in (("frozen", True), ("moving", False))
    )
    for config in (frozen, moving):
        recipe.train(config)
    before, after, moved = state(first), state(frozen), state(moving)
    seen = [name for name in before if "running" in name or "tracked" in name]
    learnt = [name for name in before if name.endswith("bn1.weight")]
    assert seen and all(torch.equal(before[name], after[name]) for name in seen)
    assert any(not torch.equal(before[name], moved[name]) for name in seen)
    assert learnt and all(not torch.equal(before[name], after[name]) for name in learnt)


@pytest.mark.parametrize("average", [-0.1, 1.0])
def test_a_mean_of_the_past_alone_is_refused(average):
    with pytest.raises(ConfigError, match=f"--average must be at least 0 and less than 1, got {average}"):
        check_config(DistDepthRecipeConfig(average=average))
