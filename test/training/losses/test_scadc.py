# SPDX-License-Identifier: Apache-2.0
"""Losses and guiding confidence against reference outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import parity
from helpers.published_losses import guiding_confidence, psmnet_loss

from geo_perception.networks import ScadcOutput
from training.losses import scadc

LOSS = 1e-4  # relative tolerance of the reference
REFERENCE = parity.load_json("losses")
ARRAYS = dict(np.load(parity.GOLDEN / "losses.npz"))
MAP = (2, 1, 64, 96)


def _tensor(label: str, shape: tuple[int, ...], lo: float = 0.0, hi: float = 1.0) -> torch.Tensor:
    return torch.from_numpy(parity.image(label, shape, lo, hi))


def _guidance() -> torch.Tensor:
    return torch.from_numpy(np.stack([ARRAYS["conf1_guiding"], ARRAYS["conf2_guiding"]]))[:, None]


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
    assert scadc.masked_mse(pred, torch.zeros(3)).isnan()


@pytest.mark.parametrize("data", ["sceneflow_mask_lt_maxdisp192", "kitti_mask_gt0"])
def test_psmnet_loss_matches_reference(data: str) -> None:
    shape = (2, 48, 64)
    target = _tensor("loss:disp_gt", shape, -20, 192).clamp(min=0)
    predictions = [_tensor(f"loss:disp{i}", shape, 0, 191) for i in (1, 2, 3)]
    mask = target > 0 if data.startswith("kitti") else target < 192
    got = psmnet_loss(predictions, target, mask).item()
    assert got == pytest.approx(REFERENCE["psmnet"][f"loss_{data}"], rel=LOSS)


def test_psmnet_loss_of_one_output_is_plain_smooth_l1() -> None:
    pred, target = torch.tensor([[[1.0, 4.0]]]), torch.tensor([[[1.5, 1.0]]])
    got = psmnet_loss(pred, target, target > 0)
    assert got.item() == pytest.approx((0.5 * 0.25 + 2.5) / 2)


def _ssdc_case() -> dict[str, torch.Tensor]:
    sparse = _tensor("ssdc:d", MAP, 2, 60) * torch.from_numpy(parity.sparse_mask("ssdc:mask", MAP))
    labelled = _tensor("ssdc:gtm", MAP) > 0.5
    return {
        "pred": _tensor("ssdc:pred", MAP, 2, 60),
        "sparse": sparse,
        "truth": _tensor("ssdc:gt", MAP, 2, 60) * labelled,
    }


def test_ssdc_depth_terms_match_reference() -> None:
    case, want = _ssdc_case(), REFERENCE["ssdc"]
    assert scadc.masked_mse(case["pred"], case["sparse"]).item() == pytest.approx(
        want["masked_l2_d"], rel=LOSS
    )
    assert scadc.masked_mse(case["pred"], case["truth"]).item() == pytest.approx(
        want["masked_l2_gt"], rel=LOSS
    )
