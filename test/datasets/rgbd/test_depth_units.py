# SPDX-License-Identifier: Apache-2.0
"""Depth in every unit: what is stated wins, what files say comes next, what makes no room of it is asked about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers import rgbd_folders as rgbd

from geo_perception.datasets.rgbd import open_rgbd
from geo_perception.datasets.rgbd.depth_files import METRES, DepthReader, read_stored
from geo_perception.datasets.rgbd.depth_units import parse_unit, settled
from geo_perception.errors import ConfigError, DataError


def folder(root: Path, save: Callable[[Path], None], colour: str = "color", suffix: str = "png") -> Path:
    """Two counted frames."""
    for i in (0, 1):
        rgbd.save_picture(root / f"{colour}/{i}.jpg")
        (root / "depth").mkdir(exist_ok=True)
        save(root / f"depth/{i}.{suffix}")
    return root


def png(per_m: float) -> Callable[[Path], None]:
    return lambda path: rgbd.save_png16(path, rgbd.depth_m() * per_m)


def array(per_m: float, kind: type) -> Callable[[Path], None]:
    return lambda path: np.save(path, (rgbd.depth_m() * per_m).astype(kind))


def step_m(said: str) -> float:
    """How finely a unit (or half precision) stores depth."""
    return 6e-3 if said.startswith("100 ") else 2e-3


def check(root: Path, said: str, unit: str = "") -> None:
    """The ramp from 1 to 3 m, and how its unit is described."""
    frames = open_rgbd(root, unit)
    np.testing.assert_allclose(frames.truth(0)[1:], rgbd.depth_m()[1:], atol=step_m(said))
    assert said in frames.assumptions()[0]


def test_counted_png_is_millimetres(tmp_path: Path) -> None:
    check(folder(tmp_path, png(1000)), "depth is in millimetres, as they are integers")


@pytest.mark.parametrize(
    "name", ["associations.txt", "groundtruth.txt", "config.json", "info.txt", "orb.yaml"]
)
def test_a_file_beside_says_5000(tmp_path: Path, name: str) -> None:
    folder(tmp_path, png(5000), "rgb")
    text = {
        "associations.txt": "0 depth/0.png 0 rgb/0.jpg\n1 depth/1.png 1 rgb/1.jpg\n",
        "groundtruth.txt": "# timestamp tx ty tz\n",
        "config.json": '{"depth_scale": 5000.0}',
        "info.txt": "m_depthShift = 5000\n",
        "orb.yaml": "DepthMapFactor: 5000.0\n",
    }
    (tmp_path / name).write_text(text[name])
    check(tmp_path, "5000" if name in ("config.json", "info.txt", "orb.yaml") else "1/5000 m")


def test_the_size_of_a_scale_tells_which_way_it_is_meant(tmp_path: Path) -> None:
    folder(tmp_path, png(4000))
    (tmp_path / "realsense.json").write_text('{"depth_scale": 0.00025}')
    check(tmp_path, "4000 units a metre (depth_scale in")
    (tmp_path / "other.json").write_text('{"depth_scale": 1000}')
    with pytest.raises(DataError, match=r"4000 a metre .*realsense\.json\)"):
        open_rgbd(tmp_path)


@pytest.mark.parametrize(
    ("per_m", "kind", "said"),
    [
        (1.0, np.float32, "metres, as they are floats"),
        (1000.0, np.uint16, "millimetres"),
        (1.0, np.float16, "metres"),
    ],
)
def test_arrays_are_metres_and_integers_millimetres(
    tmp_path: Path, per_m: float, kind: type, said: str
) -> None:
    check(folder(tmp_path, array(per_m, kind), suffix="npy"), said)


@pytest.mark.parametrize(
    ("save", "colour", "suffix", "said"),
    [
        (png(5000), "color", "png", r"median 10\.1 m .* as millimetres.*2 m as 1/5000 m"),
        (png(5000), "rgb", "png", r"2 m as 1/5000 m"),
        (png(100), "color", "png", r"2 m as cm"),
        (array(1000.0, np.float32), "color", "npy", r"median 2\.02e\+03 m .* as metres.*2 m as mm"),
        (array(100.0, np.float32), "color", "npy", r"2 m as cm"),
        (array(5000.0, np.uint16), "color", "npy", r"2 m as 1/5000 m"),
        (array(1.5, np.uint8), "color", "npy", r"as millimetres.*m as m"),
    ],
)  # fmt: skip
def test_numbers_that_contradict_the_unit_are_asked_about(
    tmp_path: Path, save: Callable[[Path], None], colour: str, suffix: str, said: str
) -> None:
    folder(tmp_path, save, colour, suffix)
    with pytest.raises(DataError, match=rf"{said}.*state the unit \(--depth-unit"):
        open_rgbd(tmp_path)


def test_what_is_stated_is_believed(tmp_path: Path) -> None:
    check(folder(tmp_path, png(5000)), "5000 units a metre, as stated", "5000")
    check(folder(tmp_path / "cm", png(100)), "100 units a metre, as stated", "cm")


def test_kittis_unit_read_as_millimetres_is_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder(tmp_path, png(256))
    found = open_rgbd(tmp_path)
    np.testing.assert_allclose(found.truth(0)[1:], 0.256 * rgbd.depth_m()[1:], atol=1e-3)
    said = "has a median of 0.517 m as millimetres, as they are integers, which is close for a room; as KITTI's 1/256 m"
    assert f"{tmp_path}: depth {said} it is 2.02 m: if it is that, state --depth-unit 256 (in" in caplog.text


@pytest.mark.parametrize(
    ("per_m", "unit", "settings"), [(1000, "", ""), (256, "256", ""), (256, "mm", ""), (256, "", "1000")]
)
def test_rooms_and_what_is_stated_or_recorded_are_not_doubted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, per_m: float, unit: str, settings: str
) -> None:
    folder(tmp_path, png(per_m))
    if settings:
        (tmp_path / "config.json").write_text(f'{{"depth_scale": {settings}}}')
    open_rgbd(tmp_path, unit)
    assert "has a median" not in caplog.text


def test_a_desk_before_a_far_wall_is_not_doubted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    depth_m = np.concatenate([np.linspace(0.6, 0.8, 60), np.linspace(3.3, 3.6, 40)])  # no room holds 14 m
    np.save(tmp_path / "a.npy", (1000 * depth_m).astype(np.uint16).reshape(10, 10))
    settled(DepthReader(METRES), [tmp_path / "a.npy"])
    assert "has a median" not in caplog.text


def test_tum_names_in_millimetres_are_asked_about(tmp_path: Path) -> None:
    rgbd.save_picture(tmp_path / "1.png")
    rgbd.save_png16(tmp_path / "1_depth.png", rgbd.depth_m() * 1000)
    with pytest.raises(DataError, match=r"median 0\.404 m .*1/5000 m.*2 m as mm"):
        open_rgbd(tmp_path)
    check(tmp_path, "1000 units a metre, as stated", "mm")


def test_codes_of_their_own_have_no_unit(tmp_path: Path) -> None:
    rgbd.nyu_pairs(tmp_path)
    with pytest.raises(ConfigError, match=r"NYU Depth raw\) stores depth in a code of its own"):
        open_rgbd(tmp_path, "mm")


@pytest.mark.parametrize("text", ["inch", "0", "-5", "nan", "inf", "1e9"])
def test_units_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"depth unit must be m, cm, mm.*got '{text}'"):
        parse_unit(text)


def test_what_says_that_nothing_was_seen_is_unknown_and_counted(tmp_path: Path) -> None:
    values = np.full((8, 8), 2.0, np.float32)
    values[0] = [np.nan, np.inf, -np.inf, -1, 1e10, 65535, 101, 0]
    np.save(tmp_path / "a.npy", values)
    stored = np.full((8, 8), 2000, np.uint16)
    stored[0, :2] = 65535, 0
    rgbd.save_png16(tmp_path / "a.png", stored)
    reader = DepthReader(METRES)
    for name, unseen in (("a.npy", 7), ("a.png", 1)):
        depth_m = reader(tmp_path / name)
        assert (depth_m[1:] == 2).all()
        assert not depth_m[0, : unseen + 1].any() and np.isfinite(depth_m).all()
    assert (reader.tally.unseen, reader.tally.values) == (8, 128)
    assert reader.tally.text().startswith("6.25% of the depth values say that nothing was seen")


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0, 1e10, 5000.0])
def test_a_map_without_any_depth_is_named_where_each_must_have_some(tmp_path: Path, value: float) -> None:
    np.save(tmp_path / "a.npy", np.full((4, 4), value))
    with pytest.raises(DataError, match=r"a\.npy holds no positive value up to 100 m"):
        DepthReader(METRES)(tmp_path / "a.npy")
    assert not DepthReader(METRES, empty=True)(tmp_path / "a.npy").any()


def test_damaged_files_do_not_hide_the_others_unit(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.npy" for i in range(2)]
    paths[0].write_bytes(b"no array")
    np.save(paths[1], np.full((4, 4), 2000.0))
    with pytest.raises(DataError, match=r"2 m as mm"):
        settled(DepthReader(METRES), paths)


@pytest.mark.parametrize("suffix", ["exr", "jpg", "bin", ""])
def test_other_kinds_of_files_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"depth.{suffix}".rstrip(".")
    path.write_bytes(b"content")
    with pytest.raises(DataError, match=r"is not read; allowed: \.png, \.tif"):
        read_stored(path)


def test_a_folder_of_other_depth_files_names_them(tmp_path: Path) -> None:
    rgbd.save_picture(tmp_path / "color/0.jpg")
    (tmp_path / "depth").mkdir()
    (tmp_path / "depth/0.exr").touch()
    with pytest.raises(DataError, match=r"depth holds no file that is read, but \.exr; depth may be \.png"):
        open_rgbd(tmp_path)
