# SPDX-License-Identifier: Apache-2.0
"""Losses of the guided variant, by their properties."""

import pytest
import torch

from geo_perception.networks.scadc_guided import ScadcGuidedOutput
from training.losses.ground_truth_weight import truth_weight
from training.losses.scadc import choice_loss, guided_losses, soft_guidance


def test_pixels_just_behind_a_nearer_surface_weigh_less_and_the_surface_itself_does_not():
    depth = torch.full((1, 1, 20, 40), 20.0)
    depth[..., :15] = 10.0
    depth[..., 35:] = 0.0  # sky, which lies behind everything
    weight = truth_weight(depth, reach_px=(5, 7), share=0.25)[0, 0]
    assert (weight[:, :15] == 1).all() and (weight[:, 15:22] == 0.25).all()
    assert (weight[:, 23:35] == 1).all() and (weight[:, 35:] == 0.25).all()


def test_a_slanted_road_has_no_edges():
    rows = torch.arange(1, 101, dtype=torch.float32)[:, None].expand(100, 50)
    road = (720 * 1.65 / (rows + 15))[None, None]  # from 74 m down to 10 m
    assert (truth_weight(road.contiguous()) == 1).all()


def test_guided_losses_vanish_at_the_truth_and_push_the_sky_to_the_limit():
    depth = torch.full((1, 1, 16, 16), 12.0)
    depth[..., :4, :] = 0
    right = ScadcGuidedOutput(torch.where(depth > 0, depth, 80.0), torch.ones_like(depth), depth)
    losses = guided_losses(right, depth, torch.ones_like(depth), torch.ones_like(depth), 80.0)
    assert all(float(value) == pytest.approx(0, abs=1e-6) for value in losses.values())
    near_sky = right._replace(depth_m=torch.full_like(depth, 12.0))
    assert (
        float(guided_losses(near_sky, depth, torch.ones_like(depth), torch.ones_like(depth), 80.0)["sky"])
        > 0.1
    )


def test_soft_guidance_is_the_gaussian_of_the_distance():
    mask = torch.zeros(1, 1, 31, 31)
    mask[..., 15, 15] = 1
    guide = soft_guidance(mask, sigma_px=3.0, radius_px=8)[0, 0]
    assert float(guide[15, 15]) == 1 and float(guide[18, 15]) == pytest.approx(0.6065, abs=1e-4)
    assert float(guide[18, 18]) == pytest.approx(0.6065**2, abs=1e-4)
    assert float(guide[15, 25]) == 0


def test_the_choice_costs_what_is_lost_by_it():
    truth = torch.tensor([[[[10.0, 10.0, 0.0]]]])
    stereo, lidar = torch.full_like(truth, 10.0), torch.full_like(truth, 14.0)
    even = torch.ones_like(truth)

    def loss(confidence, weight=even):
        return float(choice_loss(torch.full_like(truth, confidence), stereo, lidar, truth, weight))

    assert loss(0.5) == pytest.approx(4 * 0.6931, abs=1e-3)
    assert loss(0.1) < loss(0.5) < loss(0.9) and loss(0.5, 0.5 * even) == pytest.approx(loss(0.5) / 2)
    lidar = torch.full_like(truth, 60.0)
    assert loss(0.5) == pytest.approx(8 * 0.6931, abs=1e-3)
