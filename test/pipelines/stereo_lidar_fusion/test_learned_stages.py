# SPDX-License-Identifier: Apache-2.0
"""Learned backends inside the pipeline, with untrained weights: wiring, sizes, masks, cards and refusals."""

import numpy as np
import pytest
import torch
from helpers.plane import plane_frame

from geo_perception.errors import WeightsError
from geo_perception.networks import build
from geo_perception.networks.scadc_guided import FEATURES
from geo_perception.pipelines import StereoLidarFusion, StereoLidarFusionConfig
from geo_perception.pipelines.stereo_lidar_fusion.scadc_guided_features import fusion_features
from geo_perception.weights import ModelCard, save_model

NETWORKS = {
    "scadc": {},
    "scadc_guided": {},
    "psmnet": {"variant": "basic", "maxdisp": 48},
    "ssdc": {"layers": 18, "input": "gd"},
}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folders of freshly initialised networks."""
    root = tmp_path_factory.mktemp("models")
    for name, config in NETWORKS.items():
        torch.manual_seed(0)
        save_model(build(name, **config), root / name, ModelCard(network=name, config=config))
    return root


def run(**options):
    frame = plane_frame()
    pipeline = StereoLidarFusion(StereoLidarFusionConfig(**options))
    return pipeline, pipeline(frame.left, frame.right, frame.points_lidar, frame.rig, frame.camera_from_lidar)


def test_untrained_guided_fusion_lies_between_both_maps_and_trusts_returns(models):
    pipeline, result = run(fusion="scadc", fusion_model=str(models / "scadc_guided"))
    assert pipeline.models["fusion"].network == "scadc_guided"
    returns = ~np.isnan(result.sparse_depth_m)
    assert result.confidence[returns].mean() > 0.9 > result.confidence[~returns].mean()
    assert np.isfinite(result.depth_m).mean() > 0.99 and result.depth_m.shape == (96, 320)
    np.testing.assert_allclose(result.depth_m[returns], result.lidar_depth_m[returns], rtol=0.05)


def test_published_scadc_runs_and_what_is_not_positive_is_unknown(models):
    pipeline, result = run(fusion="scadc", fusion_model=str(models / "scadc"))
    assert pipeline.models["fusion"].network == "scadc"
    assert ((result.confidence >= 0) & (result.confidence <= 1)).all()
    known = result.depth_m[~np.isnan(result.depth_m)]
    assert (known > 0).all() and (known <= 80).all()


def test_psmnet_matches_every_pixel_within_its_range(models):
    pipeline, result = run(stereo="psmnet", stereo_model=str(models / "psmnet"))
    assert pipeline.models["stereo"].sha256
    assert np.isfinite(result.stereo_depth_m).all()
    assert result.search_range.disparities_px == NETWORKS["psmnet"]["maxdisp"]  # the network's own
    assert result.stereo_depth_m.min() >= plane_frame().rig.focal_baseline / 48 - 1e-3


def test_ssdc_completes_every_pixel(models):
    pipeline, result = run(completion="ssdc", completion_model=str(models / "ssdc"))
    assert pipeline.models["completion"].network == "ssdc"
    assert result.lidar_depth_m.min() >= 0.9 - 1e-5 and result.lidar_depth_m.shape == (96, 320)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"stereo": "psmnet"}, "stereo: psmnet needs a model"),
        ({"completion": "ssdc"}, "completion: ssdc needs a model"),
        ({"fusion": "scadc", "fusion_model": "ssdc"}, "holds network 'ssdc'; fusion needs one of"),
        ({"stereo": "psmnet", "stereo_model": "ssdc"}, "holds network 'ssdc', 'psmnet' is needed"),
    ],
)
def test_a_missing_or_wrong_model_is_one_clear_line(models, options, words):
    named = {key: str(models / value) if key.endswith("_model") else value for key, value in options.items()}
    with pytest.raises(WeightsError, match=words) as caught:
        StereoLidarFusion(StereoLidarFusionConfig(**named))
    assert "\n" not in str(caught.value)


def test_features_are_what_their_names_say():
    frame = plane_frame()
    pipeline = StereoLidarFusion()
    stereo = pipeline.stereo_estimate(frame.left, frame.right, frame.rig)
    lidar = pipeline.lidar_estimate(
        frame.left, frame.points_lidar, frame.rig, frame.camera_from_lidar, stereo
    )
    inputs = pipeline.fusion_inputs(frame.left, frame.right, stereo, lidar, frame.rig)
    maps = dict(zip(FEATURES, fusion_features(inputs), strict=True))
    assert all(np.isfinite(plane).all() for plane in maps.values())
    np.testing.assert_allclose(15 * np.exp(maps["log_stereo"]), inputs.stereo.depth_m, rtol=1e-4)
    returns = maps["return_mask"] > 0
    depth_at_returns = 15 * np.exp(maps["log_lidar"] + maps["sparse_excess"])
    np.testing.assert_allclose(depth_at_returns[returns], lidar.sparse_depth_m[returns], rtol=1e-4)
    assert (maps["return_reach"][returns] == 1).all() and (maps["return_distance"][returns] == 0).all()
    disparity = inputs.focal_baseline / lidar.depth_m
    highest = max(disparity[y, x] for y in range(58, 63) for x in range(98, 103))
    assert maps["lidar_nearer"][60, 100] == pytest.approx(min(highest - disparity[60, 100], 8) / 4, abs=1e-5)
    assert maps["stereo_cost"][40:].mean() < 0.5 and 0 <= maps["grey"].min() <= maps["grey"].max() <= 1
