# SPDX-License-Identifier: Apache-2.0
"""Data folders of every layout with one file damaged, emptied, replaced or gone: frames, or one error of ours."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers import indoor_folders, kitti_folders, rgbd_folders
from helpers.mutation import EXAMPLES, damaged_bytes, damaged_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_perception.datasets import open_dataset
from geo_perception.datasets.rgbd import open_rgbd
from geo_perception.datasets.rgbd.training_lists import open_set
from geo_perception.errors import GeoPerceptionError

fuzzed = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
TEXTS = (".txt", ".json", ".yaml", ".csv", ".xml")

STEREO: dict[str, Callable[[Path], object]] = {
    "object": lambda root: kitti_folders.object_folder(root, 2),
    "raw": lambda root: kitti_folders.raw_drive(root, 2),
    "odometry": kitti_folders.odometry,
    "single": kitti_folders.single_frame,
}
RGBD: dict[str, Callable[[Path], object]] = {
    "seven_scenes": rgbd_folders.seven_scenes,
    "redwood": rgbd_folders.redwood,
    "tum_pairs": rgbd_folders.tum_pairs,
    "tum_sequence": rgbd_folders.tum_sequence,
    "nyu_pairs": rgbd_folders.nyu_pairs,
    "sun_pairs": rgbd_folders.sun_pairs,
    "simsin": lambda root: indoor_folders.small_simsin(root, 1, 3, 16),
}


@cache
def template(make: Callable[[Path], object]) -> Path:
    """A good folder, made once."""
    root = Path(tempfile.mkdtemp(prefix="geo_perception_fuzz_"))
    make(root)
    return root


@pytest.fixture(autouse=True, scope="module")
def remove_templates():
    yield
    for make in (*STEREO.values(), *RGBD.values()):
        shutil.rmtree(template(make), ignore_errors=True)


def damage(data: st.DataObject, root: Path) -> None:
    """One file of the folder is no longer what it was."""
    files = sorted(p for p in root.rglob("*") if p.is_file())
    path = data.draw(st.sampled_from(files), label="file")
    kind = data.draw(
        st.sampled_from(("content", "content", "content", "gone", "folder", "other", "name")), label="kind"
    )
    content = path.read_bytes()
    if kind == "content":
        damaged = damaged_text if path.suffix in TEXTS else damaged_bytes
        path.write_bytes(data.draw(damaged(content), label="content"))
        return
    other = data.draw(st.sampled_from(files), label="other").read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "other":
        path.write_bytes(other)
    elif kind == "name":
        names = (f"x{path.name}", f"{path.stem}.PNG", f".{path.name}")
        path.with_name(data.draw(st.sampled_from(names))).write_bytes(content)


def spoilt(data: st.DataObject, make: Callable[[Path], object], folder: str) -> Path:
    root = Path(folder) / "set"
    shutil.copytree(template(make), root)
    damage(data, root)
    return root


@fuzzed
@given(st.sampled_from(sorted(STEREO)), st.data())
def test_stereo_and_lidar_folders(kind: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        for frame in open_dataset(spoilt(data, STEREO[kind], folder)):
            assert frame.left.shape == frame.right.shape == (*frame.rig.left.size, 3)
            assert frame.points_lidar.shape[1] == 4


@fuzzed
@given(st.sampled_from(sorted(RGBD)), st.data())
def test_rgbd_folders(kind: str, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        for frame in open_rgbd(spoilt(data, RGBD[kind], folder)):
            assert frame.image.shape == (*frame.camera.size, 3)
            known = frame.depth_truth_m[np.isfinite(frame.depth_truth_m)]
            assert (known > 0).all()


@fuzzed
@given(st.data())
def test_training_lists(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(GeoPerceptionError):
        chosen = open_set("simsin", spoilt(data, RGBD["simsin"], folder), "train.txt")
        for entry in chosen.entries:
            assert chosen.image(entry).ndim == 3
            depth_m = chosen.depth(entry)
            assert depth_m is not None and (depth_m >= 0).all()
