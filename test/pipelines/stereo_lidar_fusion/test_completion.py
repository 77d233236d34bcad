# SPDX-License-Identifier: Apache-2.0
"""Morphological completion, visibility and the fusion without weights."""

import numpy as np
import pytest
from helpers.plane import plane_frame, small_rig

from geo_perception.errors import InputError
from geo_perception.geometry import project_lidar, se3, visible_returns
from geo_perception.pipelines.stereo_lidar_fusion.confidence_fusion import confidence_fusion
from geo_perception.pipelines.stereo_lidar_fusion.estimates import FusionInputs, LidarEstimate, StereoEstimate
from geo_perception.pipelines.stereo_lidar_fusion.morphological_completion import complete_morphology

NAN = np.float32(np.nan)


def test_completion_fills_every_pixel_and_keeps_a_plane():
    sparse = np.full((64, 96), NAN)
    sparse[10::5, ::3] = 20.0
    np.testing.assert_allclose(complete_morphology(sparse), 20.0, rtol=1e-5)


def test_one_return_is_enough_for_the_whole_image():
    sparse = np.full((200, 300), NAN)
    sparse[190, 290] = 7.0
    np.testing.assert_allclose(complete_morphology(sparse), 7.0, rtol=1e-5)


def test_no_return_stays_unknown():
    assert np.isnan(complete_morphology(np.full((8, 8), NAN))).all()


def test_the_nearer_surface_wins_at_an_edge():
    sparse = np.full((60, 60), NAN)
    sparse[::2, :30:2], sparse[::2, 30::2] = 5.0, 50.0
    dense = complete_morphology(sparse)
    assert dense[30, 10] == pytest.approx(5, rel=1e-3)
    assert dense[30, 50] == pytest.approx(50, rel=1e-3)


def test_returns_from_behind_an_object_are_removed_and_the_ground_is_kept():
    frame = plane_frame(beams=48)
    camera = frame.rig.left
    seen = project_lidar(se3.apply(frame.camera_from_lidar, frame.points_lidar[:, :3]), camera)
    behind = seen.copy()
    rows, columns = np.nonzero(seen == 12.0)
    behind[rows[::7], columns[::7]] = 40.0  # the wall seen through the box
    kept = visible_returns(behind, camera)
    assert np.isnan(kept[rows[::7], columns[::7]]).mean() > 0.95
    ground = (seen < 12) & ~np.isnan(seen)
    assert (kept[ground] == seen[ground]).mean() > 0.9


def test_visibility_wants_the_camera_of_the_image():
    with pytest.raises(InputError, match=r"\(4, 4\).*\(96, 320\)"):
        visible_returns(np.zeros((4, 4), np.float32), small_rig().left)


def fusion_inputs(distance_px, valid):
    shape = distance_px.shape
    image = np.zeros((*shape, 3), np.uint8)
    full = [np.full(shape, depth, np.float32) for depth in (10.0, 20.0)]
    stereo = StereoEstimate(full[0], np.full(shape, valid))
    return FusionInputs(image, image, stereo, LidarEstimate(full[1], full[1], full[1], distance_px), 384.0)


def test_confidence_follows_the_distance_to_the_returns():
    distance = np.arange(40, dtype=np.float32)[None]
    depth, confidence = confidence_fusion(fusion_inputs(distance, valid=True))
    assert depth[0, 0] == pytest.approx(20) and depth[0, -1] == pytest.approx(10, rel=1e-3)
    assert (np.diff(confidence[0]) <= 0).all() and confidence.min() >= 0 and confidence.max() == 1


def test_completion_reaches_further_where_stereo_found_nothing():
    distance = np.full((1, 1), 15, np.float32)
    assert confidence_fusion(fusion_inputs(distance, valid=False))[1] > 0.5
    assert confidence_fusion(fusion_inputs(distance, valid=True))[1] < 0.1
