# SPDX-License-Identifier: Apache-2.0
"""Reprojection: the published numbers, and the properties a rigid transform and a projection must have."""

import pytest
import torch
from helpers.indoor_golden import error, load
from helpers.parity import image

from geo_perception.geometry.reprojection import (
    backproject,
    project,
    rotation_from_axis_angle,
    synthesise_view,
    transform_from_axis_angle,
)

SIZE = (48, 64)


@pytest.fixture(scope="module")
def golden():
    return load("geometry")


def tensors(golden, *names):
    return [torch.from_numpy(golden[name]) for name in names]


def test_transforms_equal_the_published_ones(golden):
    axis_angle, translation = tensors(golden, "axisangle", "translation")
    assert error(golden, "T_fwd", transform_from_axis_angle(axis_angle, translation)) < 1e-6
    assert error(golden, "T_inv", transform_from_axis_angle(axis_angle, translation, invert=True)) < 1e-6


def test_points_equal_the_published_ones(golden):
    depth = torch.from_numpy(image("a:depth", (2, 1, *SIZE), 0.3, 6.0))
    assert error(golden, "cam_points", backproject(depth, *tensors(golden, "inv_K"))) < 1e-6


@pytest.mark.parametrize("kind", ["stereo", "temporal"])
def test_views_equal_the_published_ones(golden, kind):
    depth = torch.from_numpy(image("a:depth", (2, 1, *SIZE), 0.3, 6.0))
    source = torch.from_numpy(image("a:rgb", (2, 3, *SIZE)))
    K, inv_K, pose = tensors(golden, "K", "inv_K", f"{kind}_T")
    pixels = project(backproject(depth, inv_K), K, pose, SIZE).reshape(2, *SIZE, 2)
    assert error(golden, f"{kind}_pix", pixels) < 1e-5
    assert error(golden, f"{kind}_warp", synthesise_view(source, depth, pose, K, inv_K)) < 1e-5


def test_a_transform_and_its_inverse_cancel():
    axis_angle, translation = (
        torch.randn(5, 1, 3, dtype=torch.float64),
        torch.randn(5, 1, 3, dtype=torch.float64),
    )
    forth = transform_from_axis_angle(axis_angle, translation)
    back = transform_from_axis_angle(axis_angle, translation, invert=True)
    torch.testing.assert_close(
        forth @ back, torch.eye(4, dtype=torch.float64).expand(5, 4, 4), atol=1e-6, rtol=0
    )


def test_rotations_are_differentiable_also_at_zero():
    zero = torch.zeros(1, 3, requires_grad=True)
    rotation_from_axis_angle(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()
    turn = torch.tensor([[0.3, -0.2, 0.5]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotation_from_axis_angle, turn)


def test_no_motion_gives_the_same_view():
    source = torch.rand(2, 3, *SIZE)
    K = torch.eye(4).repeat(2, 1, 1)
    K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2] = 32.0, 32.0, 31.5, 23.5
    eye = torch.eye(4).expand(2, 4, 4)
    view = synthesise_view(
        source, torch.full((2, 1, *SIZE), 3.0), eye, K, torch.linalg.inv(K), align_corners=True
    )
    torch.testing.assert_close(view, source, atol=1e-4, rtol=0)


def test_a_batch_equals_its_samples():
    source, depth = torch.rand(3, 3, *SIZE), 1 + 4 * torch.rand(3, 1, *SIZE)
    pose = transform_from_axis_angle(0.1 * torch.randn(3, 1, 3), 0.1 * torch.randn(3, 1, 3))
    K = torch.eye(4).repeat(3, 1, 1)
    K[:, 0, 0], K[:, 1, 1] = 30.0, 31.0
    inv_K = torch.linalg.inv(K)
    whole = synthesise_view(source, depth, pose, K, inv_K)
    one = synthesise_view(source[1:2], depth[1:2], pose[1:2], K[1:2], inv_K[1:2])
    torch.testing.assert_close(whole[1:2], one, atol=1e-5, rtol=0)
