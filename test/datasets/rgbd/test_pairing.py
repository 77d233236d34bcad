# SPDX-License-Identifier: Apache-2.0
"""Colour finds its depth by name, number, time or list; what is not certain is refused with an example of each side."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_perception.datasets.rgbd.pairing import pair
from geo_perception.errors import DataError

COLOUR, DEPTH = Path("/set/color"), Path("/set/depth")
ROOT = Path("/set")


def names(pairs: list[tuple[Path, Path]]) -> list[tuple[str, str]]:
    return [(colour.name, depth.name) for colour, depth in pairs]


def paired(colours: list[str], depths: list[str], root: Path = ROOT) -> list[tuple[str, str]]:
    return names(pair([COLOUR / name for name in colours], [DEPTH / name for name in depths], root))


@pytest.mark.parametrize(
    ("colour", "depth"),
    [
        ("{}.jpg", "{:06d}.png"),
        ("frame-{:06d}.color.png", "frame-{:06d}.depth.png"),
        ("rgb_{}.png", "depth_{:04d}.png"),
        ("cam0_{:03d}_c.png", "d_{}_cam0.png"),
        ("2024-01-01_{:05d}.jpg", "{:05d}.png"),
        ("{:02d}.png", "{:02d}.npy"),
    ],
    ids=str,
)
def test_numbers_pair_whatever_stands_around_them(colour: str, depth: str) -> None:
    numbers = [11, 2, 10, 1, 0]
    got = paired([colour.format(n) for n in numbers], sorted(depth.format(n) for n in numbers))
    assert got == [(colour.format(n), depth.format(n)) for n in numbers]


@given(st.sets(st.integers(0, 10**6), min_size=1), st.integers(1, 8), st.randoms())
def test_order_and_leading_zeros_do_not_matter(numbers: set[int], digits: int, random: object) -> None:
    colours = [f"{n}.jpg" for n in numbers]
    depths = [f"d{n:0{digits}d}.png" for n in numbers]
    random.shuffle(depths)  # type: ignore[attr-defined]
    assert {(int(c[:-4]), int(d[1:-4])) for c, d in paired(colours, depths)} == {(n, n) for n in numbers}


def test_a_subset_by_number_pairs_and_the_rest_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        got = paired([f"{n}.jpg" for n in range(12)], ["0.png", "5.png", "10.png"])
    assert got == [("0.jpg", "0.png"), ("5.jpg", "5.png"), ("10.jpg", "10.png")]
    assert "9 of 12 images have no partner" in caplog.text


@pytest.mark.parametrize(
    ("colours", "depths", "said"),
    [
        (["1.jpg", "2.jpg"], ["0.png", "1.png"], r"2\.jpg has no depth image and 0\.png has no colour image"),
        (["0.jpg", "1.jpg", "2.jpg"], ["0.png", "1.png"], r"3 colour images, 2 depth images.*2\.jpg has no"),
        (["0.jpg", "1.jpg"], ["a.png", "b.png"], r"a\.png and b\.png"),
        (["1.jpg", "01.jpg"], ["1.png", "2.png"], r"1\.jpg and 01\.jpg have the same number"),
        (["1.jpg", "1.png"], ["1.png", "2.png"], r"color/1\.jpg and 1\.png have the same name"),
        (["3.jpg"], ["7.png"], r"3\.jpg has no depth image and 7\.png has no colour image"),
        (["a1.jpg", "b2.jpg"], ["1.png", "2.png"], r"several forms, a1\.jpg and b2\.jpg"),
        (["0.jpg", "1.jpg"], ["0.png", "5.png"], r"1\.jpg has no depth image and 5\.png has no colour"),
    ],
)
def test_what_is_not_certain_is_refused(colours: list[str], depths: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        paired(colours, depths)


def test_times_pair_with_the_nearest_and_each_depth_once() -> None:
    colours = ["10.000.png", "10.010.png", "10.033.png", "10.066.png"]
    assert paired(colours, ["10.011.png", "10.044.png", "10.120.png"]) == [
        ("10.010.png", "10.011.png"),
        ("10.033.png", "10.044.png"),
    ]
    stamps = ["1520531829251142058.png", "1520531829284475058.png"]
    later = ["1520531829254000000.png", "1520531829287000000.png"]
    assert paired(stamps, later) == list(zip(stamps, later, strict=True))
    with pytest.raises(DataError, match=r"no colour image has a depth image within 0.02 s, e\.g\. 10\.000"):
        paired(["10.000.png"], ["20.000.png"])


def tum_folder(root: Path) -> Path:
    for name in ("rgb/0.png", "rgb/1.png", "depth/7.png", "depth/8.png"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    return root


def listed(root: Path) -> list[tuple[str, str]]:
    return names(pair(sorted((root / "rgb").iterdir()), sorted((root / "depth").iterdir()), root))


@pytest.mark.parametrize("line", ["{0} depth/{1}.png {0} rgb/{0}.png", "{0} rgb/{0}.png {0} depth/{1}.png"])
def test_a_list_of_associations_decides(tmp_path: Path, line: str) -> None:
    tum_folder(tmp_path)
    lines = ["# made by hand", "", line.format(1, 7), line.format(0, 8)]
    (tmp_path / "associations.txt").write_text("\r\n".join(lines))
    assert listed(tmp_path) == [("1.png", "7.png"), ("0.png", "8.png")]


def test_lists_of_times_decide(tmp_path: Path) -> None:
    tum_folder(tmp_path)
    (tmp_path / "rgb.txt").write_text("# time file\n5.00 rgb/0.png\n6.00 rgb/1.png\n")
    (tmp_path / "depth.txt").write_text("5.01 depth/8.png\n6.01 depth/7.png\n")
    assert listed(tmp_path) == [("0.png", "8.png"), ("1.png", "7.png")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no pair"),
        ("0 rgb/0.png 0 rgb/1.png", r"line 1: expected 'time depth/FILE time rgb/FILE'"),
        ("0 rgb/0.png 0 depth/9.png", r"line 1: .*depth/9\.png is missing"),
        ("0 rgb/0.png", "line 1: expected"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(tmp_path: Path, text: str, said: str) -> None:
    tum_folder(tmp_path)
    (tmp_path / "associations.txt").write_text(text)
    with pytest.raises(DataError, match=rf"associations\.txt.*{said}"):
        listed(tmp_path)
