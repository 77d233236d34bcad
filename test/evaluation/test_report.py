# SPDX-License-Identifier: Apache-2.0
"""The result folder: complete, self-contained, worst frames first; and the cloud's picture."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from helpers import scenes

from geo_perception.errors import ConfigError
from geo_perception.evaluation import result_folder
from geo_perception.evaluation.stereo_lidar_fusion import FusionReport, evaluate
from geo_perception.evaluation.view3d import BACKGROUND, Viewpoint, render_cloud
from geo_perception.frames import StereoLidarFrame
from geo_perception.pipelines import FusedDepth

ERRORS_M = [0.5, 3.0, 1.0, 2.0]
LEVEL = Viewpoint(back_m=0, up_m=0, right_m=0, pitch_down_rad=0, yaw_left_rad=0, splat_m=0)


class Page(HTMLParser):
    """Everything the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for key, value in attrs if key in ("src", "href")]


def pipeline(frame: StereoLidarFrame) -> FusedDepth:
    return scenes.answer(scenes.WALL_M + ERRORS_M[int(frame.name)])


def run(folder: Path, **options: object) -> Path:
    report = FusionReport("walls <&>", **options)  # type: ignore[arg-type]  # of several types, handed on
    frames = [scenes.wall(str(i), seed=i) for i in range(len(ERRORS_M))]
    evaluation = evaluate(pipeline, frames, observer=report.add)
    return report.write(folder, evaluation.metrics(), {"data": "walls", "limit": None})


def headings(page: str) -> list[str]:
    return re.findall(r"<summary>(\d):", page)


def test_folder_is_complete_and_the_page_needs_nothing_else(tmp_path: Path) -> None:
    text = run(tmp_path).read_text()
    assert {p.name for p in tmp_path.iterdir()} == {
        "report.html",
        "overview.png",
        "metrics.json",
        "config.yaml",
    }
    assert all(source.startswith("data:image/webp;base64,") for source in Page(text).sources)
    assert "http" not in text
    assert "walls &lt;&amp;&gt;" in text
    assert json.loads((tmp_path / "metrics.json").read_text())["frames"] == 4
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {"data": "walls", "limit": None}
    overview = cv2.imread(str(tmp_path / "overview.png"))
    assert overview.shape[1] == 2 * 5 * scenes.WIDTH  # two columns, enlarged until titles fit
    for title in ("depth: stereo alone", "lidar confidence", "error: fused", "cloud of fused depth"):
        assert title in text


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({}, ["1", "3", "2", "0"]),
        ({"max_frames": 2}, ["1", "3"]),
        ({"worst_first": False}, ["0", "1", "2", "3"]),
        ({"worst_first": False, "max_frames": 1}, ["0"]),
    ],
)
def test_frames_are_chosen_and_ordered(tmp_path: Path, options: dict[str, object], order: list[str]) -> None:
    assert headings(run(tmp_path, **options).read_text()) == order


def test_frames_without_truth_can_be_shown(tmp_path: Path) -> None:
    report = FusionReport("untold")
    frames = [scenes.wall(str(i), truth=False) for i in range(2)]
    evaluation = evaluate(pipeline, frames, observer=report.add)
    text = report.write(tmp_path, evaluation.metrics(), {}).read_text()
    assert re.findall(r"<summary>(\w+)</summary>", text) == ["0", "1"]
    assert "error: " not in text
    assert "without true depth, so that errors are unknown" in text


def test_an_empty_run_still_gives_a_page(tmp_path: Path) -> None:
    evaluation = evaluate(pipeline, [])
    path = FusionReport("nothing").write(tmp_path, evaluation.metrics(), {})
    assert "0 frames" in path.read_text()
    with pytest.raises(ConfigError, match="at least 1 frame"):
        FusionReport("none", max_frames=0)


def test_result_folders_do_not_collide(tmp_path: Path) -> None:
    folders = {result_folder("eval", tmp_path) for _ in range(3)}
    assert len(folders) == 3
    assert all(folder.name.startswith("eval-2") for folder in folders)


def test_cloud_from_the_cameras_own_place_is_the_image() -> None:
    frame = scenes.wall()
    depth_m = np.full((scenes.HEIGHT, scenes.WIDTH), 10, np.float32)
    assert np.array_equal(render_cloud(depth_m, frame.left, frame.rig.left, LEVEL), frame.left)
    depth_m[:, :30] = np.nan
    depth_m[:, 30:40] = LEVEL.max_depth_m + 1
    picture = render_cloud(depth_m, frame.left, frame.rig.left, LEVEL)
    assert (picture[:, :40] == BACKGROUND).all()


def test_nearer_points_cover_farther_ones_in_the_cloud() -> None:
    """A red post before a blue wall, seen from the side: red stays in front wherever both fall."""
    size = (scenes.HEIGHT, scenes.WIDTH)
    depth_m, rgb = np.full(size, 20, np.float32), np.zeros((*size, 3), np.uint8)
    rgb[..., 2] = 255
    depth_m[:, 40:60], rgb[:, 40:60] = 5, (255, 0, 0)
    aside = Viewpoint(back_m=0, up_m=0, right_m=0.5, pitch_down_rad=0, yaw_left_rad=0, splat_m=0.2)
    picture = render_cloud(depth_m, rgb, scenes.RIG.left, aside)
    red = picture[..., 0] == 255
    shift = round(100 * 0.5 / 5)
    assert red[10:-10, 41 - shift : 59 - shift].all()
    assert not red[:, 62 - shift :].any()


def tables_of(page: str) -> tuple[str, str]:
    """The page before its first fold, and what is folded."""
    before, _, behind = page.partition("<details")
    return before, behind


def test_the_first_table_is_depth_as_the_robot_gets_it_and_the_rest_is_folded(tmp_path: Path) -> None:
    first, folded = tables_of(run(tmp_path).read_text())
    assert first.count("<table>") == 1
    assert "Depth error, as the robot gets it" in first and "oracle" not in first
    for title in ("median scaled", "Lidar confidence", "frames without an answer"):
        assert title in folded and title not in first
    for internal in ("NUM_MISSED_FRAMES</", "cap_m", "away_px", "far_px", "upper_truth_share"):
        assert internal not in first + folded


def test_every_column_says_what_it_means(tmp_path: Path) -> None:
    first, folded = tables_of(run(tmp_path).read_text())
    columns = re.findall(r'<th scope="col"( title="[^"]+")?>([^<]*)</th>', first)
    assert [name for title, name in columns if name and not title] == []
    assert 'title="share of pixels whose depth is within a factor of 1.25 of the truth; 1 is best"' in first
    assert "<dt>RMSE [m]</dt><dd>root mean square error in metres; large errors weigh most</dd>" in folded


def test_pictures_are_described_with_their_scale(tmp_path: Path) -> None:
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', run(tmp_path).read_text())
    assert all(alts)
    depths = [alt for alt in alts if alt.startswith("depth: ")]
    assert depths and all(alt.endswith("colours from 2 to 80 m, grey: unknown") for alt in depths)


def test_a_report_stays_small_enough_to_be_sent(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir(), (tmp_path / "few").mkdir()
    everything = run(tmp_path / "all")
    assert len(headings(everything.read_text())) == 4
    limit = everything.stat().st_size // 2
    page = run(tmp_path / "few", max_bytes=limit).read_text()
    assert 1 <= len(headings(page)) < 4 and f"({len(headings(page))} of 4)" in page
    assert len(headings(run(tmp_path / "few", max_bytes=1).read_text())) == 1


def test_the_summary_stands_above_the_tables(tmp_path: Path) -> None:
    evaluation = evaluate(pipeline, [])
    page = (
        FusionReport("nothing")
        .write(tmp_path, evaluation.metrics(), {}, ["5 < 6 frames dropped"])
        .read_text()
    )
    assert "<li>5 &lt; 6 frames dropped</li>" in page


def test_names_that_are_no_text_are_written_escaped(tmp_path: Path) -> None:
    name = "caf\udce9"  # as the system hands over a byte that no encoding has
    FusionReport(f"indoor_depth on {name}").write(tmp_path, evaluate(pipeline, []).metrics(), {"data": name})
    assert "caf\\udce9" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "caf" in (tmp_path / "config.yaml").read_text(encoding="utf-8")
