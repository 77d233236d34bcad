# SPDX-License-Identifier: Apache-2.0
"""Indoor runs: what baselines are, what is forgiven, what the report shows, and the box behind things."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import rgbd_folders as rgbd

from geo_perception.datasets.rgbd import open_rgbd
from geo_perception.errors import ConfigError, DataError, InputError, WeightsError
from geo_perception.evaluation import Report
from geo_perception.evaluation.indoor_depth.baselines import read_mean_map, row_ramp
from geo_perception.evaluation.indoor_depth.panels import indoor_highlights, indoor_panels
from geo_perception.evaluation.indoor_depth.protocol import indoor_protocol, score_indoor
from geo_perception.evaluation.indoor_depth.run import DataSetInfo, IndoorEvaluation
from geo_perception.evaluation.indoor_depth.tables import indoor_tables
from geo_perception.evaluation.indoor_depth.virtual_box import (
    VirtualBox,
    agreement,
    insert_box,
    place_box,
    visible_share,
)
from geo_perception.evaluation.truth_survey import survey_truth
from geo_perception.frames import RgbdFrame
from geo_perception.geometry import PinholeCamera
from geo_perception.pipelines import DepthEstimate

CAMERA = PinholeCamera(60.0, 60.0, 31.5, 23.5, rgbd.WIDTH, rgbd.HEIGHT)
SIZE = CAMERA.size
ROOM = DataSetInfo("room", "fake", "exact", 2.0)


def frame(truth_m: np.ndarray | None = None, name: str = "0") -> RgbdFrame:
    return RgbdFrame(name, np.full((*SIZE, 3), 90, np.uint8), CAMERA, truth_m)


def ramp() -> np.ndarray:
    truth = rgbd.depth_m()
    truth[0, 0] = np.nan
    return truth


def times(factor: float):
    return lambda f: DepthEstimate(np.nan_to_num(ramp(), nan=1.0) * np.float32(factor), notes=("dark",))


def run(pipeline, frames, **options) -> IndoorEvaluation:
    evaluation = IndoorEvaluation(**options)
    evaluation.run(ROOM, frames, pipeline, {"exact": times(1.0)})
    return evaluation


def test_scaling_forgives_the_models_factor_and_baselines_stand_beside_it():
    metrics = run(times(1.3), [frame(ramp())], stored_mean_m=np.full((6, 8), 2, np.float32)).metrics()
    rows = {row: regions["everywhere"] for row, regions in metrics["accuracy"].items()}
    assert list(rows) == ["model", "exact", "constant", "row_ramp", "mean_map"]
    assert rows["model"]["unscaled"]["AbsRel"] == pytest.approx(0.3, abs=1e-4)
    assert rows["model"]["median_scaled"]["AbsRel"] == pytest.approx(0, abs=1e-4)
    assert rows["exact"]["unscaled"]["AbsRel"] == pytest.approx(0, abs=1e-6)
    assert rows["constant"] == rows["mean_map"]
    assert metrics["protocol"]["name"] == "native" and metrics["protocol"]["cap_m"] == 10
    assert metrics["per_frame"][0]["notes"] == ["dark"]
    assert metrics["data_sets"]["room"]["frames"] == 1
    json.dumps(metrics, allow_nan=False)
    titles = [table.title for table in indoor_tables(metrics)]
    assert titles[:2] == [
        "room: depth error, as the robot gets it",
        "room: depth error, as the robot gets it",
    ]


def test_the_cap_leaves_out_truth_and_runs_repeat():
    near, far = (run(times(1.0), [frame(ramp())], cap_m=cap).metrics() for cap in (2.0, None))
    pixels = [m["accuracy"]["model"]["everywhere"]["unscaled"]["pixels"] for m in (near, far)]
    assert 0 < pixels[0] < pixels[1] == rgbd.WIDTH * rgbd.HEIGHT - 1
    again = run(times(1.0), [frame(ramp())]).metrics()
    assert {k: v for k, v in again.items() if k != "timings"} == {
        k: v for k, v in far.items() if k != "timings"
    }
    with pytest.raises(ConfigError, match="cap must be positive"):
        IndoorEvaluation(cap_m=0.0)


def test_truth_may_have_another_resolution_than_the_image():
    truth = cv2.resize(rgbd.depth_m(), (32, 24), interpolation=cv2.INTER_AREA)
    metrics = run(times(1.0), [frame(truth)]).metrics()
    row = metrics["accuracy"]["model"]["everywhere"]["unscaled"]
    assert row["pixels"] == 32 * 24 and row["AbsRel"] < 0.01


def test_frames_without_truth_are_run_and_not_scored():
    metrics = run(times(1.0), [frame(), frame(ramp(), "1")]).metrics()
    assert (metrics["frames"], metrics["frames_with_truth"]) == (2, 1)


def test_depth_of_another_size_and_taken_names_are_refused():
    with pytest.raises(InputError, match=r"depth is \(5, 5\), image is \(48, 64\)"):
        run(lambda f: DepthEstimate(np.ones((5, 5), np.float32)), [frame(ramp())])
    with pytest.raises(ConfigError, match="may not be named constant"):
        IndoorEvaluation().run(ROOM, [], times(1.0), {"constant": times(1.0)})


def test_truth_of_another_aspect_is_refused_wherever_it_comes_from():
    with pytest.raises(
        DataError, match=r"image of .*, frame 0, is 64x48, its truth is 64x36: another aspect"
    ):
        run(times(1.0), [frame(np.full((36, 64), 2, np.float32))])
    assert run(times(1.0), [frame(np.full((24, 32), 2, np.float32))]).scores[0].rows


def test_baselines_know_one_number_of_a_data_set():
    truths = [np.float32([[1, np.nan]]), np.float32([[3, 3]]), np.float32([[9, 9]])]
    assert survey_truth(truths).checked_typical_m() == 3
    with pytest.raises(DataError, match="no frame has a known depth"):
        survey_truth([np.float32([[np.nan]])]).checked_typical_m()
    depth = row_ramp((101, 4), 2.0)
    assert depth[50, 0] == pytest.approx(2.0) and depth[0, 0] == pytest.approx(2 * depth[-1, 0])


def test_mean_maps_hold_positive_metres(tmp_path: Path):
    mean = np.linspace(1, 4, 16, dtype=np.float32).reshape(4, 4)
    assert read_mean_map(tmp_path) is None
    np.save(tmp_path / "mean_depth.npy", mean)
    assert np.array_equal(read_mean_map(tmp_path), mean)
    np.save(tmp_path / "mean_depth.npy", mean * 0)
    with pytest.raises(WeightsError, match="positive metres"):
        read_mean_map(tmp_path)


def test_a_box_has_its_size_at_its_distance():
    surface, picture = VirtualBox((0.0, 0.0, 3.0), 0.6).cast(CAMERA)
    hit = np.isfinite(surface)
    assert 0.6 * 60 / 3 < np.ptp(np.flatnonzero(hit.any(0))) + 1 < 0.6 * 60 / 3 * 1.7
    assert 3 - 0.6 < surface[hit].min() < 3 - 0.3 and surface[hit].max() < 3.6
    assert len(np.unique(picture[hit].reshape(-1, 3), axis=0)) == 4  # three faces and their edges
    with pytest.raises(ConfigError, match="positive side and a distance beyond it"):
        VirtualBox((0.0, 0.0, 0.3), 0.4)


def test_a_box_is_hidden_where_depth_is_nearer_and_only_there():
    depth_m = np.full(SIZE, 5, np.float32)
    depth_m[:, :32] = 1
    box = VirtualBox((0.0, 0.0, 3.0), 0.6)
    image = np.full((*SIZE, 3), 7, np.uint8)
    drawn = (insert_box(image, depth_m, CAMERA, box) != 7).any(-1)
    whole = np.isfinite(box.cast(CAMERA)[0])
    assert not drawn[:, :32].any() and np.array_equal(drawn[:, 32:], whole[:, 32:])
    assert agreement(box, depth_m, depth_m, CAMERA) == 1
    assert agreement(box, depth_m, np.full(SIZE, 5, np.float32), CAMERA) == pytest.approx(
        1 - whole[:, :32].sum() / whole.sum()
    )
    assert 0.3 < visible_share(place_box(depth_m, CAMERA, 3.0), depth_m, CAMERA) < 0.9
    with pytest.raises(ConfigError, match="without any depth"):
        place_box(np.full(SIZE, np.nan, np.float32), CAMERA)


@pytest.mark.parametrize("with_truth", [True, False])
def test_the_report_shows_box_and_cloud(tmp_path: Path, with_truth: bool):
    evaluation = IndoorEvaluation()
    report = Report("rooms", tables=indoor_tables, highlights=indoor_highlights)
    panels = []

    def observe(f, depths_m, score):
        panels.extend(indoor_panels(f, depths_m, score))
        report.show(score.heading, float("nan"), lambda: panels)

    evaluation.run(ROOM, [frame(ramp() if with_truth else None)], times(1.1), observer=observe)
    text = report.write(tmp_path, evaluation.metrics(), {}).read_text()
    assert (
        "room 0" in text and "hidden where predicted depth is nearer" in text and "the camera (dark)" in text
    )
    assert ("error when scaled by 0.91" in text) == with_truth
    overview = cv2.imread(str(tmp_path / "overview.png"))
    # Two columns, enlarged until titles fit; the cloud is no wider.
    assert overview.shape[1] == 2 * 8 * rgbd.WIDTH
    assert panels[-1].rgb.any()


DATA = os.environ.get("GEO_PERCEPTION_DATA")
PUBLISHED = {
    "seven_scenes_office": (0.338, 0.265),  # of registered depth; 0.341 and 0.266 as the depth camera saw it
    "redwood5": (0.229, 0.203),
    "tum_pair": (0.243, 0.219),
}


@pytest.mark.skipif(not DATA, reason="needs GEO_PERCEPTION_DATA")
@pytest.mark.parametrize("name", PUBLISHED)
def test_baselines_of_recorded_rooms_have_their_known_errors(name: str):
    frames = open_rgbd(Path(str(DATA)) / "indoor_rgbd" / name)
    truths = [frames.truth(i) for i in range(len(frames))]
    for guess, want in zip(
        (np.ones((480, 640), np.float32), row_ramp((480, 640), 2.0)), PUBLISHED[name], strict=True
    ):
        errors = [score_indoor(guess, t, indoor_protocol("native"))["median_scaled"].absrel for t in truths]
        assert np.mean(errors) == pytest.approx(want, abs=6e-4)
