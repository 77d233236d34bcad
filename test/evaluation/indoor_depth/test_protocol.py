# SPDX-License-Identifier: Apache-2.0
"""The indoor protocols: the published figures, and what scaling must not change."""

import numpy as np
import pytest
import torch
from helpers.indoor_golden import load
from helpers.parity import image
from torch.nn import functional as F

from geo_perception.errors import ConfigError, InputError
from geo_perception.evaluation.indoor_depth.protocol import (
    indoor_protocol,
    lower_median,
    resize_bilinear,
    score_indoor,
)
from geo_perception.evaluation.metrics import ERRORS, depth_metrics

GOLDEN = load("metrics")
NAMES = {"va": "VA", "nyuv2": "NYUv2", "va_multi_frame": "VA_multi", "training_monitor": "train_monitor_512"}


def row(metrics):
    return np.array([getattr(metrics, name) for name in ERRORS])


def test_plain_errors_equal_the_published_ones():
    pred, truth = image("a:pr", (64, 80), 0.4, 7), image("a:gt", (64, 80), 0.3, 9)
    np.testing.assert_allclose(row(depth_metrics(pred, truth)), GOLDEN["compute_depth_errors"], rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_protocols_equal_the_published_ones(name):
    protocol = indoor_protocol(name)
    truth = image("a:gtfull", (1, 1, *protocol.size), -0.5, 11)[0, 0]
    pred = image("a:pred", (1, 1, 256, 256), 0.4, 12)[0, 0]
    scores = score_indoor(pred, truth, protocol)
    want = GOLDEN[NAMES[name]]
    assert np.abs(row(scores["median_scaled"]) - want).max() < 1e-6 * want.max()


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(17, 40), (7, 5), (12, 9)])
def test_resizing_equals_torch(size, align_corners):
    values = np.random.default_rng(0).random((12, 9), np.float32)
    want = F.interpolate(
        torch.from_numpy(values)[None, None], size, mode="bilinear", align_corners=align_corners
    )
    np.testing.assert_allclose(
        resize_bilinear(values, size, align_corners=align_corners), want[0, 0].numpy(), atol=1e-6
    )


def test_the_median_is_the_lower_one_of_two():
    assert lower_median(np.float32([4, 1, 3, 2])) == 2 == float(torch.tensor([4.0, 1, 3, 2]).median())


def test_scaling_forgives_a_factor_and_nothing_else_does():
    truth = 1 + 3 * np.random.default_rng(1).random((512, 512), np.float32)
    scores = score_indoor(1.3 * truth, truth, indoor_protocol("training_monitor"))
    assert scores["median_scaled"].absrel < 1e-5 and scores["unscaled"].absrel == pytest.approx(0.3, abs=1e-3)


def test_truth_of_another_size_and_unknown_protocols_are_refused():
    with pytest.raises(InputError, match=r"\(480, 600\).*centre"):
        score_indoor(np.ones((8, 8), np.float32), np.ones((480, 600), np.float32), indoor_protocol("nyuv2"))
    with pytest.raises(InputError, match=r"\(8, 8\).*\(640, 640\)"):
        score_indoor(np.ones((8, 8), np.float32), np.ones((8, 8), np.float32), indoor_protocol("va"))
    with pytest.raises(ConfigError, match="'kitti' is not one of native, va"):
        indoor_protocol("kitti")


def test_an_image_without_truth_is_not_judged():
    scores = score_indoor(
        np.ones((8, 8), np.float32), np.zeros((512, 512), np.float32), indoor_protocol("training_monitor")
    )
    assert scores["unscaled"].pixels == 0 and np.isnan(scores["median_scaled"].mae_m)


def test_the_native_protocol_takes_any_size_and_clips_nothing():
    truth = np.full((30, 40), 2, np.float32)
    truth[0], truth[1] = np.nan, 11
    scores = score_indoor(np.full((15, 20), 25, np.float32), truth, indoor_protocol("native"))
    assert scores["unscaled"].absrel == pytest.approx(11.5) and scores["unscaled"].pixels == 28 * 40
    assert scores["median_scaled"].absrel == pytest.approx(0, abs=1e-6)


def test_pixels_without_prediction_count_as_not_covered():
    pred = np.full((30, 40), 4, np.float32)
    pred[:, :10] = np.nan
    scores = score_indoor(pred, np.full((30, 40), 2, np.float32), indoor_protocol("native"))
    assert scores["median_scaled"].coverage == 0.75 and scores["median_scaled"].absrel == pytest.approx(0)
