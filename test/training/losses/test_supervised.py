# SPDX-License-Identifier: Apache-2.0
"""The supervised objective of indoor depth: what each term sees and what it must not see."""

import math
from dataclasses import replace

import pytest
import torch

from training.depth.student import Objective
from training.losses.supervised import supervised_terms

OBJECTIVE = Objective(mode="supervised", shape=2.0, gradient=0.5, inverse=3.0)


@pytest.fixture
def truth_m():
    generator = torch.Generator().manual_seed(0)
    return 0.5 + 4 * torch.rand((2, 1, 32, 48), generator=generator)


def test_the_truth_costs_nothing(truth_m):
    terms = supervised_terms([truth_m.clone(), truth_m.clone()], truth_m, OBJECTIVE)
    assert set(terms) == {"supervised", "shape", "inverse", "gradient"}
    assert all(abs(float(value)) < 1e-6 for value in terms.values())


def test_a_wrong_scale_of_each_image_costs_only_the_metric_term(truth_m):
    factors = torch.tensor([2.0, 0.25]).reshape(2, 1, 1, 1)
    terms = supervised_terms([factors * truth_m], truth_m, OBJECTIVE)
    assert float(terms["supervised"]) == pytest.approx((math.log(2) + math.log(4)) / 2, rel=1e-5)
    assert abs(float(terms["shape"])) < 1e-5 and abs(float(terms["gradient"])) < 1e-5


def test_inverse_depth_is_compared_free_of_scale_and_shift_by_its_weight(truth_m):
    other = 1 / (0.3 / truth_m + torch.tensor([0.1, 0.7]).reshape(2, 1, 1, 1))
    assert abs(float(supervised_terms([other], truth_m, OBJECTIVE)["inverse"])) < 1e-4
    exchanged = 1 / (2.5 - 1 / truth_m)  # near and far
    against = supervised_terms([exchanged], truth_m, OBJECTIVE)["inverse"]
    assert float(against) == pytest.approx(3.0 * 2.0, rel=1e-3)  # twice what lies off the median


def test_images_of_unknown_depth_alone_cost_nothing(truth_m):
    prediction = truth_m.clone().requires_grad_()
    terms = supervised_terms([prediction * prediction], torch.zeros_like(truth_m), OBJECTIVE)
    (gradient,) = torch.autograd.grad(sum(terms.values()), prediction)
    assert float(sum(terms.values()).detach()) == 0 and not gradient.any()


def test_a_wrong_shape_costs_both_by_its_weight(truth_m):
    bent = truth_m.clone()
    bent[..., :24] *= 2  # left half: ln 2 too far, so half of it on both sides of the mean
    terms = supervised_terms([bent], truth_m, OBJECTIVE)
    assert float(terms["shape"]) == pytest.approx(2.0 * math.log(2) / 2, rel=1e-5)
    assert float(terms["supervised"]) == pytest.approx(math.log(2) / 2, rel=1e-5)
    assert float(terms["gradient"]) > 0.01


def test_unknown_pixels_count_nowhere(truth_m):
    holed = truth_m.clone()
    holed[:, :, 4:9, 10:20] = 0
    prediction = torch.where(holed > 0, truth_m, torch.full_like(truth_m, 77.0)).requires_grad_()
    terms = supervised_terms([prediction], holed, OBJECTIVE)
    assert all(abs(float(value.detach())) < 1e-6 for value in terms.values())
    (gradient,) = torch.autograd.grad(sum(terms.values()), prediction)
    assert not gradient[holed == 0].any()


def test_squared_metres_on_request(truth_m):
    terms = supervised_terms([truth_m + 0.5], truth_m, replace(OBJECTIVE, supervised="mse"))
    assert list(terms) == ["supervised"] and float(terms["supervised"]) == pytest.approx(0.25, rel=1e-4)
