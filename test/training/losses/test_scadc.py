# SPDX-License-Identifier: Apache-2.0
"""Losses, guiding confidence and inverse warp against reference outputs."""

from __future__ import annotations

from math import cos, sin

import numpy as np
import pytest
import torch
from helpers import parity

from geo_perception.geometry.camera import PinholeCamera
from geo_perception.geometry.guidance import guiding_confidence
from geo_perception.geometry.warp import inverse_warp
from geo_perception.networks import ScadcOutput
from training.losses import scadc

LOSS = 1e-4  # relative tolerance of the reference
PHOTOMETRIC = 1e-3  # pixels on the image border may switch sides
REFERENCE = parity.load_json("losses")
ARRAYS = dict(np.load(parity.GOLDEN / "losses.npz"))
CAMERA = PinholeCamera(fx=70, fy=72, cx=47.3, cy=30.9, width=96, height=64)
MAP, COLOUR = (2, 1, 64, 96), (2, 3, 64, 96)


def _tensor(label: str, shape: tuple[int, ...], lo: float = 0.0, hi: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(parity.image(label, shape, lo, hi))


def _guidance() -> torch.Tensor:
    return torch.from_numpy(np.stack([ARRAYS["conf1_guiding"], ARRAYS["conf2_guiding"]]))[:, None]


def _pose() -> tuple[torch.Tensor, torch.Tensor]:
    c, s = cos(0.01), sin(0.01)
    about_y = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    about_x_backwards = [[1, 0, 0], [0, c, s], [0, -s, c]]
    return torch.tensor([about_y, about_x_backwards]), torch.tensor([[0.05, -0.01, 0.8], [-0.1, 0.02, -0.6]])


@pytest.mark.parametrize("scene", ["conf1", "conf2"])
def test_guiding_confidence_matches_reference(scene: str) -> None:
    mask = torch.from_numpy(ARRAYS[f"{scene}_mask"])[None, None]
    assert torch.equal(mask > 0, torch.from_numpy(ARRAYS[f"{scene}_sparse"] > 0)[None, None])
    assert parity.error_of_peak(guiding_confidence(mask)[0, 0], ARRAYS[f"{scene}_guiding"]) < 2e-6


def _scadc_case() -> tuple[ScadcOutput, torch.Tensor]:
    shape = (2, 1, 48, 64)
    stages = tuple(_tensor(f"loss:pred{i}", shape, 1, 75) for i in (1, 2, 3))
    return ScadcOutput(stages, _tensor("loss:conf", shape)), _tensor("loss:gt", shape, -10, 70).clamp(min=0)


def test_scadc_losses_match_reference() -> None:
    output, target = _scadc_case()
    got = scadc.scadc_losses(output, target, _guidance())
    want = REFERENCE["scadc"]
    named = {"stage_1": "mse_1", "stage_2": "mse_2", "stage_3": "mse_3", "confidence": "conf"}
    for name, reference in named.items():
        assert got[name].item() == pytest.approx(want[reference], rel=LOSS)
    assert sum(got.values()).item() == pytest.approx(want["total"], rel=LOSS)


def test_unmasked_confidence_loss_covers_the_whole_image() -> None:
    output, target = _scadc_case()
    got = scadc.scadc_losses(output, target, _guidance(), masked_confidence=False)["confidence"].item()
    assert got == pytest.approx(REFERENCE["scadc"]["conf_unmasked_full_image_mean"], rel=LOSS)


def test_masked_losses_ignore_pixels_without_target() -> None:
    pred, target = torch.tensor([1.0, 5.0, 9.0]), torch.tensor([3.0, 0.0, 8.0])
    assert scadc.masked_mse(pred, target).item() == pytest.approx((4 + 1) / 2)
    assert scadc.masked_l1(pred, target).item() == pytest.approx((2 + 1) / 2)
    assert scadc.masked_mse(pred, torch.zeros(3)).isnan()


@pytest.mark.parametrize("data", ["sceneflow_mask_lt_maxdisp192", "kitti_mask_gt0"])
def test_psmnet_loss_matches_reference(data: str) -> None:
    shape = (2, 48, 64)
    target = _tensor("loss:disp_gt", shape, -20, 192).clamp(min=0)
    predictions = [_tensor(f"loss:disp{i}", shape, 0, 191) for i in (1, 2, 3)]
    mask = target > 0 if data.startswith("kitti") else target < 192
    got = scadc.psmnet_loss(predictions, target, mask).item()
    assert got == pytest.approx(REFERENCE["psmnet"][f"loss_{data}"], rel=LOSS)


def test_psmnet_loss_of_one_output_is_plain_smooth_l1() -> None:
    pred, target = torch.tensor([[[1.0, 4.0]]]), torch.tensor([[[1.5, 1.0]]])
    got = scadc.psmnet_loss(pred, target, target > 0)
    assert got.item() == pytest.approx((0.5 * 0.25 + 2.5) / 2)


def _ssdc_case() -> dict[str, torch.Tensor]:
    sparse = _tensor("ssdc:d", MAP, 2, 60) * torch.from_numpy(parity.sparse_mask("ssdc:mask", MAP))
    labelled = _tensor("ssdc:gtm", MAP) > 0.5
    return {
        "pred": _tensor("ssdc:pred", MAP, 2, 60),
        "sparse": sparse,
        "truth": _tensor("ssdc:gt", MAP, 2, 60) * labelled,
        "current": _tensor("ssdc:rgb", COLOUR, 0, 255),
        "near": _tensor("ssdc:near", COLOUR, 0, 255),
        "unlabelled": (sparse < 1e-3).float(),
    }


def test_ssdc_depth_terms_match_reference() -> None:
    case, want = _ssdc_case(), REFERENCE["ssdc"]
    assert scadc.masked_mse(case["pred"], case["sparse"]).item() == pytest.approx(
        want["masked_l2_d"], rel=LOSS
    )
    assert scadc.masked_l1(case["pred"], case["sparse"]).item() == pytest.approx(
        want["masked_l1_d"], rel=LOSS
    )
    assert scadc.masked_mse(case["pred"], case["truth"]).item() == pytest.approx(
        want["masked_l2_gt"], rel=LOSS
    )
    assert scadc.smoothness(case["pred"]).item() == pytest.approx(want["smooth"], rel=LOSS)


@pytest.mark.parametrize("align_corners", [False, True])
def test_inverse_warp_matches_reference(align_corners: bool) -> None:
    case = _ssdc_case()
    warped = inverse_warp(case["near"], case["pred"], _pose(), CAMERA, align_corners=align_corners)
    want = ARRAYS[f"warp_align_{str(align_corners).lower()}"]
    assert parity.error_of_peak(warped, want) < 2e-5


@pytest.mark.parametrize("align_corners", [False, True])
def test_photometric_terms_match_reference(align_corners: bool) -> None:
    case, want = _ssdc_case(), REFERENCE["ssdc"]
    warped = inverse_warp(case["near"], case["pred"], _pose(), CAMERA, align_corners=align_corners)
    plain = scadc.photometric(case["current"], warped)
    masked = scadc.photometric(case["current"], warped, case["unlabelled"])
    assert plain.item() == pytest.approx(want[f"photo_nomask_align_{align_corners}"], rel=PHOTOMETRIC)
    assert masked.item() == pytest.approx(want[f"photo_mask_align_{align_corners}"], rel=PHOTOMETRIC)


@pytest.mark.parametrize("align_corners", [False, True])
def test_photometric_pyramid_matches_reference(align_corners: bool) -> None:
    case, want = _ssdc_case(), REFERENCE["ssdc"]
    images = (case["current"], case["near"])
    terms = scadc.photometric_pyramid(
        case["pred"], images, _pose(), CAMERA, case["unlabelled"], align_corners=align_corners
    )
    reference = want[f"photo_per_scale_coarse_to_fine_align_{align_corners}"]
    assert [term.item() for term in terms] == pytest.approx(reference, rel=PHOTOMETRIC)
    total = scadc.masked_mse(case["pred"], case["sparse"]) + 0.1 * scadc.smoothness(case["pred"])
    total = total + 0.1 * scadc.weigh_photometric(terms)
    assert total.item() == pytest.approx(want[f"total_sparse+photo_align_{align_corners}"], rel=PHOTOMETRIC)


def test_warp_with_identity_pose_returns_the_image() -> None:
    near = _tensor("ssdc:near", COLOUR, 1, 255)
    depth = _tensor("ssdc:pred", MAP, 2, 60)
    pose = (torch.eye(3).expand(2, 3, 3), torch.zeros(2, 3))
    warped = inverse_warp(near, depth, pose, CAMERA)[..., 1:-1, 1:-1]
    assert torch.allclose(warped, near[..., 1:-1, 1:-1], atol=0.05)


def test_warp_gradient_reaches_depth() -> None:
    camera = PinholeCamera(fx=7, fy=7, cx=4.2, cy=3.1, width=10, height=8)
    near = _tensor("near", (1, 1, 8, 10)).double()
    depth = (_tensor("depth", (1, 1, 8, 10), 4, 6).double()).requires_grad_()
    pose = (torch.eye(3).double()[None], torch.tensor([[0.3, 0.1, 0.2]]).double())
    assert torch.autograd.gradcheck(lambda z: inverse_warp(near, z, pose, camera), depth, eps=1e-7, atol=1e-4)
