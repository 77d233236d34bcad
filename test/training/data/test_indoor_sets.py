# SPDX-License-Identifier: Apache-2.0
"""Readers of the indoor sets: the published numbers, every list format, and one clear error for every defect."""

import json

import numpy as np
import pytest
from helpers import indoor_folders as make
from helpers.indoor_golden import FOLDER, error, load
from helpers.published_sample import read_sample
from PIL import Image

from geo_perception.datasets.rgbd import files
from geo_perception.datasets.rgbd.depth_files import METRES, DepthReader
from geo_perception.datasets.rgbd.training_lists import open_set
from geo_perception.errors import ConfigError, DataError

SIZE = (64, 64)
GOLDEN = load("datasets")


def case(tmp_path, kind, line):
    maker = {"simsin": "simsin", "unisin": "unisin", "va_published": "va", "nyuv2": "nyu"}[kind]
    getattr(make, f"published_{maker}")(tmp_path)
    (tmp_path / "list.txt").write_text(line)
    return open_set(kind, tmp_path, "list.txt")


def check(prefix, sample):
    for (frame, scale), colour in sample.colour.items():
        assert np.array_equal(GOLDEN[f"{prefix}/color_{frame}_{scale}"], colour.transpose(2, 0, 1)), (
            frame,
            scale,
        )
    for scale, (K, inverse) in enumerate(zip(sample.K, sample.K_inverse, strict=True)):
        assert error(GOLDEN, f"{prefix}/K_{scale}", K) < 1e-6
        assert error(GOLDEN, f"{prefix}/inv_K_{scale}", inverse) < 1e-6
    if sample.stereo_transform is not None:
        assert error(GOLDEN, f"{prefix}/stereo_T", sample.stereo_transform) < 1e-6
    if sample.depth_m is not None:
        assert np.array_equal(GOLDEN[f"{prefix}/depth_gt"], sample.depth_m.reshape(-1)[::97])


@pytest.mark.parametrize(
    ("prefix", "kind", "line", "frames"),
    [
        ("SimSIN", "simsin", "scene/002_0 2 l\n", ("0", "-1", "1", "s")),
        ("SimSIN_r", "simsin", "scene/002_1 2 r\n", ("0", "s")),
        ("UniSIN", "unisin", "run/0002_0 2 l\n", ("0", "-1", "1", "s")),
        ("VA", "va_published", "VA/camera_0/00000002 2 l\n", ("0", "-1", "s")),
        ("NYUv2", "nyuv2", "NYUv2/img_val/00001\n", ("0",)),
    ],
)
def test_samples_equal_the_published_ones(tmp_path, prefix, kind, line, frames):
    check(prefix, read_sample(case(tmp_path, kind, line), 0, SIZE, frames))


@pytest.mark.parametrize(
    ("prefix", "kind", "line"),
    [
        ("SimSIN_flip", "simsin", "scene/002_0 2 l"),
        ("SimSIN_r_flip", "simsin", "scene/002_1 2 r"),
        ("UniSIN_flip", "unisin", "run/0002_0 2 l"),
        ("VA_flip", "va_published", "VA/camera_0/00000002 2 l"),
    ],
)
def test_mirrored_samples_equal_the_published_ones(tmp_path, prefix, kind, line):
    indoor = case(tmp_path, kind, line)
    check(prefix, read_sample(indoor, 0, SIZE, ("0", "s"), mirror=True, with_depth=False))


def test_neighbours_in_time_of_va_are_read_unless_the_published_loader_is_asked_for(tmp_path):
    case(tmp_path, "va_published", "VA/camera_0/00000002 2 l")
    ours = open_set("va", tmp_path, "list.txt")
    assert ours.image_path(ours.entries[0], "-1").name == "00000001.png"


@pytest.mark.parametrize(
    "text",
    [
        "scene/002_0 2 l\r\nscene/002_1 2 r\r\n",
        "  scene/002_0\t2   l  \n\n   \nscene/002_1 2 r",
        "\ufeffscene/002_0 2 l\nscene/002_1 2 r\n",
        "scene/002_0\nscene/002_1\n",
    ],
)
def test_lists_may_come_from_windows_and_hold_stray_spaces(tmp_path, text):
    (tmp_path / "list.txt").write_bytes(text.encode())
    entries = open_set("simsin", tmp_path, "list.txt").entries
    assert [(e.path, e.index, e.side) for e in entries] == [("scene/002_0", 2, "l"), ("scene/002_1", 2, "r")]


def test_a_room_may_be_called_like_an_eye(tmp_path):
    """Paths of VA: only the camera's folder changes for the partner, and a bare path's side is that of its camera."""
    (tmp_path / "list.txt").write_text("room_0/camera_1/00000002\nroom_1/camera_0/00000003 3 l\n")
    right, left = (indoor := open_set("va", tmp_path, "list.txt")).entries
    assert (right.side, left.side) == ("r", "l")
    assert indoor.image_path(right, "s") == tmp_path / "room_0/camera_0/00000002.png"
    assert indoor.image_path(left, "s") == tmp_path / "room_1/camera_1/00000003.png"


def test_a_bare_path_in_a_room_called_1_is_of_the_eye_at_its_end(tmp_path):
    make.published_simsin(tmp_path)
    (tmp_path / "scene").rename(tmp_path / "scene_1")
    (tmp_path / "list.txt").write_text("scene_1/002_0\n")
    assert open_set("simsin", tmp_path, "list.txt").entries[0].side == "l"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("scene/002_0 3 l", "scene/002_0 is frame 2, its line says 3"),
        ("scene/002_0 2 r", "scene/002_0 is of side l, its line says r"),
        ("", "lists no sample"),
        ("scene/002_0 2", "line 1: 2 fields"),
        ("scene/002_0 two l", "line 1: frame must be a number"),
        ("scene/002_0 2 x", "side l or r, got '2 x'"),
        ("scene/abc", "does not end in a frame number"),
        (f"{300 * 'x'}/002_0 2 l", r"data set .* cannot be read: file name too long"),
    ],
)
def test_malformed_lists_are_refused(tmp_path, text, says):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(DataError, match=says):
        open_set("simsin", tmp_path, "list.txt")


def test_missing_folder_list_and_kind_are_named(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        open_set("simsin", tmp_path / "nowhere", "list.txt")
    with pytest.raises(DataError, match=r"none\.txt"):
        open_set("simsin", tmp_path, "none.txt")
    with pytest.raises(ConfigError, match="'kitti' is not one of simsin"):
        open_set("kitti", tmp_path, "list.txt")


def damage(path, how):
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "nonsense":
        path.write_bytes(b"no image at all")
    elif how == "nan":
        values = np.load(path)
        values[3, 4] = np.nan
        np.save(path, values)
    elif how == "flat":
        np.save(path, np.zeros(5, np.float32))
    elif how == "empty":
        np.save(path, np.zeros((8, 8), np.float32))


@pytest.mark.parametrize("how", ["missing", "truncated", "nonsense"])
@pytest.mark.parametrize("frame", ["0", "-1", "1", "s"])
def test_a_damaged_image_is_named(tmp_path, frame, how):
    indoor = case(tmp_path, "simsin", "scene/002_0 2 l")
    path = indoor.image_path(indoor.entries[0], frame)
    damage(path, how)
    with pytest.raises(DataError, match=path.name):
        read_sample(indoor, 0, SIZE, ("0", "-1", "1", "s"))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("missing", "is missing"),
        ("truncated", "cannot be read"),
        ("nonsense", "cannot be read"),
        ("flat", "must hold one image"),
        ("empty", "no positive value"),
    ],
)
def test_a_damaged_depth_file_is_named(tmp_path, how, says):
    indoor = case(tmp_path, "simsin", "scene/002_0 2 l")
    damage(tmp_path / "scene/002_0_depth.npy", how)
    with pytest.raises(DataError, match=rf"002_0_depth\.npy.*{says}"):
        read_sample(indoor, 0, SIZE)


def test_what_marks_that_nothing_was_seen_is_unknown_and_counted(tmp_path):
    indoor = case(tmp_path, "simsin", "scene/002_0 2 l")
    path = tmp_path / "scene/002_0_depth.npy"
    values = np.load(path)
    values[0, :6] = np.nan, np.inf, -np.inf, -1, 1e10, 65535
    values[1, 0] = 0
    np.save(path, values)
    depth_m = indoor.depth(indoor.entries[0])
    assert (depth_m[0, :6] == 0).all() and depth_m[0, 6] == values[0, 6]
    tally = indoor.read_depth_file.tally
    assert (tally.unseen, tally.values, tally.first) == (6, values.size, path)


def test_16_bit_pictures_are_refused(tmp_path):
    indoor = case(tmp_path, "simsin", "scene/002_0 2 l")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "scene/002_0.png")
    with pytest.raises(DataError, match=r"002_0\.png is not an 8-bit image"):
        read_sample(indoor, 0, SIZE)


class TestPfm:
    want = np.load(FOLDER / "sample_pfm_expected.npy")

    @pytest.mark.parametrize("name", ["le", "be", "le_scale2"])
    def test_values_do_not_depend_on_the_byte_order_and_the_scale(self, name):
        values, _ = files.read_pfm(FOLDER / f"sample_{name}.pfm")
        assert np.array_equal(values, self.want)

    def test_depth_is_divided_by_the_scale_as_opencv_does(self):
        assert np.allclose(DepthReader(METRES)(FOLDER / "sample_le_scale2.pfm"), self.want / 2)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"P5\n2 2\n255\n0000", "no PFM header"),
            (b"Pf\n2 2\n0\n" + bytes(16), "no PFM header"),
            (b"Pf\n2 2\n-1\n" + bytes(12), "12 bytes of pixels, its header asks for 16"),
            (b"", "no PFM header"),
            (b"Pf\n2 2\n-1\n" + bytes(16), "no positive value"),
        ],
    )
    def test_damaged_files_are_refused(self, tmp_path, content, says):
        (tmp_path / "x.pfm").write_bytes(content)
        with pytest.raises(DataError, match=rf"x\.pfm.*{says}"):
            DepthReader(METRES)(tmp_path / "x.pfm")


class TestSevenScenes:
    def folder(self, tmp_path):
        for i in range(0, 80, 20):
            make.save_png(tmp_path / f"frame-{i:06d}.color.png", make.picture(f"scene:{i}", 48, 64))
            depth_mm = np.full((48, 64), 1500 + i, np.uint16)
            depth_mm[0] = 65535
            Image.fromarray(depth_mm).save(tmp_path / f"frame-{i:06d}.depth.png")
        np.savetxt(tmp_path / "camera-intrinsics.txt", [[58.5, 0, 32], [0, 58.5, 24], [0, 0, 1]])
        return open_set("seven_scenes", tmp_path)

    def test_frames_neighbours_and_depth(self, tmp_path):
        indoor = self.folder(tmp_path)
        assert len(indoor.entries) == 2 and indoor.intrinsics.fx == 58.5 / 64
        entry = indoor.entries[0]
        names = [indoor.image_path(entry, frame).name[6:12] for frame in ("-1", "0", "1")]
        assert names == ["000000", "000020", "000040"]
        depth_m = indoor.depth(entry)
        assert depth_m[0].max() == 0 and depth_m[1, 0] == pytest.approx(1.52)

    @pytest.mark.parametrize(("how", "says"), [("missing", "is missing"), ("truncated", "cannot be read")])
    def test_damaged_depth_is_named(self, tmp_path, how, says):
        indoor = self.folder(tmp_path)
        damage(tmp_path / "frame-000020.depth.png", how)
        with pytest.raises(DataError, match=rf"frame-000020\.depth\.png {says}"):
            indoor.depth(indoor.entries[0])

    def test_neighbours_follow_by_number(self, tmp_path):
        for i in (8, 9, 10, 11):
            make.save_png(tmp_path / f"frame-{i}.color.png", make.picture(f"scene:{i}", 48, 64))
            Image.fromarray(np.full((48, 64), 1500, np.uint16)).save(tmp_path / f"frame-{i}.depth.png")
        indoor = open_set("seven_scenes", tmp_path)
        first = [indoor.image_path(indoor.entries[0], frame).name for frame in ("-1", "0", "1")]
        assert first == ["frame-8.color.png", "frame-9.color.png", "frame-10.color.png"]

    def test_there_is_no_stereo(self, tmp_path):
        indoor = self.folder(tmp_path)
        with pytest.raises(DataError, match="seven_scenes has no stereo partners"):
            indoor.image(indoor.entries[0], "s")


def test_simulated_environments_have_cameras_of_their_own(tmp_path):
    indoor = case(tmp_path, "simsin", "scene/002_0 2 l")
    assert indoor.camera(indoor.entries[0]) == (indoor.intrinsics, 0.131202)
    record = {
        "camera": {"fx": 40, "fy": 60, "cx": 40, "cy": 41, "width": 80, "height": 80},
        "config": {"baseline_m": 0.2},
    }
    (tmp_path / "scene/environment.json").write_text(json.dumps(record))
    indoor = open_set("simsin", tmp_path, "list.txt")
    intrinsics, baseline_m = indoor.camera(indoor.entries[0])
    assert (intrinsics.fx, intrinsics.fy, intrinsics.cy, baseline_m) == (0.5, 0.75, 41.5 / 80, 0.2)
    (tmp_path / "scene/environment.json").write_text("{}")
    with pytest.raises(DataError, match=r"environment\.json does not record a camera"):
        open_set("simsin", tmp_path, "list.txt")
