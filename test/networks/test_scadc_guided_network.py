# SPDX-License-Identifier: Apache-2.0
"""What the guided variant may and may not do with its confidence, whatever its weights."""

import pytest
import torch

from geo_perception.errors import ConfigError, InputError
from geo_perception.networks import build
from geo_perception.networks.scadc_guided import FEATURES


def features(distance_px, matched):
    planes = torch.zeros(1, len(FEATURES), 16, 16)
    planes[:, FEATURES.index("log_lidar")] = 1.0
    planes[:, FEATURES.index("return_distance")] = torch.log1p(torch.tensor(float(distance_px))) / 4
    planes[:, FEATURES.index("stereo_matched")] = matched
    return planes


def test_far_from_every_return_a_matched_pixel_is_left_to_stereo():
    network = build("scadc_guided").eval()
    network.skip.bias.data.fill_(20.0)  # all trust to the lidar
    with torch.inference_mode():
        confidence = {
            (px, matched): float(network(features(px, matched)).lidar_confidence.mean())
            for px in (0, 15, 30, 60, 300)
            for matched in (0, 1)
        }
    assert all(confidence[px, 0] == pytest.approx(1) for px in (0, 15, 30, 60, 300))
    assert confidence[15, 1] == pytest.approx(1) and 0.2 < confidence[30, 1] < 0.8
    assert confidence[60, 1] == pytest.approx(0, abs=1e-6) and confidence[300, 1] == 0


def test_the_blend_lies_between_both_depths():
    network = build("scadc_guided").eval()
    out = network(features(3, 1))
    assert ((out.depth_m >= 15) & (out.depth_m <= 15 * 2.7183)).all()


def test_reach_that_falls_and_wrong_channels_are_refused():
    with pytest.raises(ConfigError, match=r"reach_px must be two rising numbers.*\(60.0, 15.0\)"):
        build("scadc_guided", reach_px=(60.0, 15.0))
    with pytest.raises(InputError, match=r"\(B,16,H,W\).*\(1, 12, 16, 16\)"):
        build("scadc_guided")(torch.zeros(1, 12, 16, 16))
