# SPDX-License-Identifier: Apache-2.0
"""What the indoor recipe saves instead of the last weights: their running mean, with batch norms measured anew."""

import pytest
import torch

from geo_perception.errors import ConfigError
from geo_perception.networks.resnet_encoder import MEAN, STD
from geo_perception.weights import load_model
from training.data.indoor import Loader
from training.indoor.config import Config
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


def test_batch_norms_settle_on_the_full_size_after_the_last_step(tiny):
    plain, settled = (tiny("supervised", f"settle{count}", settle=count) for count in (0, 3))
    for config in (plain, settled):
        recipe.train(config)
    before, after = state(plain), state(settled)
    measured = [name for name in before if name.endswith("running_mean")]
    assert all(torch.equal(before[n], after[n]) for n in before if "running" not in n and "tracked" not in n)
    cache = recipe.open_caches(settled, ("0",))[0]
    images = [Loader(cache, settled.loader).batch(step).seen["0"] for step in range(3)]
    stem = load_model(settled.out).encoder.encoder
    seen = [stem.conv1((image - MEAN) / STD).mean((0, 2, 3)) for image in images]
    assert torch.allclose(stem.bn1.running_mean, torch.stack(seen).mean(0), atol=1e-4)
    assert any(not torch.allclose(before[name], after[name], atol=1e-3) for name in measured)


@pytest.mark.parametrize("average", [-0.1, 1.0])
def test_a_mean_of_the_past_alone_is_refused(average):
    with pytest.raises(ConfigError, match=f"average must be from 0 to below 1, got {average}"):
        Config(average=average)
