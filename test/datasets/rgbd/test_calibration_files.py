# SPDX-License-Identifier: Apache-2.0
"""The calibration files of recorders are found before any default, read right, and refused in one line when broken."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from helpers import rgbd_folders as rgbd
from helpers.recorder_calibrations import CX, CY, FILES, FOUR, FX, FY, HEIGHT, ROS, ROWS, VIEWER, WIDTH, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geo_perception.datasets.rgbd import open_rgbd
from geo_perception.datasets.rgbd.calibration_files import NAMES, PATTERNS, find_calibration
from geo_perception.datasets.rgbd.calibration_formats import read_stated
from geo_perception.datasets.rgbd.camera_source import read_calibration
from geo_perception.errors import DataError
from geo_perception.geometry import PinholeCamera

AZURE = {  # of a device whose 1920x1080 intrinsics Open3D gives as 919.43, 919.38, 953.07, 551.76
    "Location": "CALIBRATION_CameraLocationPV0",
    "NormalizedIntrinsics": {
        "ModelParameters": [0.49665233, 0.50851589, 0.47886968, 0.63845801, *[0.0] * 10]
    },
}


def folder(root: Path, name: str, content: object) -> Path:
    """A 16:9 RGB-D folder with this calibration file."""
    for kind, pixels in (("color", np.full((72, 128, 3), 90, np.uint8)), ("depth", None)):
        path = root / kind / "00000.png"
        if pixels is None:
            rgbd.save_png16(path, np.full((72, 128), 2000))
        else:
            rgbd.save_png(path, pixels)
    write(root, name, content)
    return root


@pytest.mark.parametrize(("name", "content"), FILES.values(), ids=FILES)
def test_files_of_recorders_are_read(tmp_path, name, content):
    root = folder(tmp_path / "scene0000_00", name, content)
    found = find_calibration(root)
    assert found is not None and found.path == root / name
    assert found.camera(WIDTH, HEIGHT) == PinholeCamera(FX, FY, CX, CY, WIDTH, HEIGHT)
    assert Path(name).name in open_rgbd(root).registration


def test_a_file_that_states_its_size_is_scaled(tmp_path):
    root = folder(tmp_path, "camera_intrinsic.json", FILES["Open3D, by columns"][1])
    camera = open_rgbd(root)[0].camera
    assert camera == PinholeCamera(FX, FY, CX, CY, WIDTH, HEIGHT).scaled(128, 72)
    with pytest.raises(
        DataError, match=r"camera_intrinsic.json is for 1280x720, the image is 640x480: another aspect"
    ):
        find_calibration(root).camera(640, 480)


def test_azure_kinects_wide_images_are_the_middle_of_its_sensor(tmp_path):
    root = folder(
        tmp_path, "calibration.json", {"CalibrationInformation": {"Cameras": [AZURE, {"Location": "D0"}]}}
    )
    camera = find_calibration(root).camera(1920, 1080)
    values = camera.fx, camera.fy, camera.cx, camera.cy
    assert values == pytest.approx((919.42980957, 919.3795166, 953.07250977, 551.76287842), abs=1e-3)
    tall = find_calibration(root).camera(2048, 1536)
    assert (tall.fx, tall.cy) == pytest.approx((919.43 * 2048 / 1920, 0.50851589 * 1536 - 0.5), abs=1e-2)


def test_icl_nuims_upward_fy_is_taken_downwards_and_said(tmp_path):
    root = folder(tmp_path, "camera-intrinsics.txt", "481.20 0 319.50\n0 -480.00 239.50\n0 0 1\n")
    found = find_calibration(root)
    assert found.camera(640, 480) == PinholeCamera(481.2, 480.0, 319.5, 239.5, 640, 480)
    assert found.described() == "camera of camera-intrinsics.txt (fy -480 taken as 480)"


def test_distortion_that_is_not_undone_is_said(tmp_path, caplog):
    content = f"1 OPENCV 1280 720 {FX} {FY} {CX} {CY} 0.1 -0.05 0 0\n"
    root = folder(tmp_path, "cameras.txt", content)
    with caplog.at_level(logging.WARNING):
        find_calibration(root).camera(WIDTH, HEIGHT)
    assert caplog.text.count(r"distortion coefficients [0.1, -0.05] are not undone") == 1


@pytest.mark.parametrize("separator", [";", "\t", ","])
@pytest.mark.parametrize("decimal", [",", "."])
def test_realsense_csv_saved_by_a_spreadsheet(tmp_path, separator, decimal):
    focal = f"920{decimal}5"
    cell = f'"{focal}"' if separator == decimal else focal
    content = VIEWER.replace(",", separator).replace(f"{FX}", cell)
    found = find_calibration(folder(tmp_path, "a_Color_metadata.csv", content))
    assert found.camera(WIDTH, HEIGHT) == PinholeCamera(920.5, FY, CX, CY, WIDTH, HEIGHT)
    assert found.alternatives[0].size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("cell", ["920,5", "", "1.920,5", "wide"])
def test_realsense_csv_with_a_number_that_is_not_certain(tmp_path, cell):
    root = folder(tmp_path, "a_Color_metadata.csv", VIEWER.replace(f"{FX}", cell))
    with pytest.raises(
        DataError, match=rf"metadata\.csv: Fx needs one number, has '{cell}'; decimals have a"
    ):
        find_calibration(root)


def ost(distortion: float, focal: float) -> str:
    """What camera_calibration writes: K, and P of the rectified image."""
    lens = f"distortion_coefficients: {{rows: 1, cols: 5, data: [{distortion}, 0, 0, 0, 0]}}"
    return ROS.replace(ROS.splitlines()[-1], lens) + (
        f"projection_matrix: {{rows: 3, cols: 4, data: [{focal}, 0, 650, 0, 0, {focal}, 355, 0, 0, 0, 1, 0]}}\n"
    )


@pytest.mark.parametrize(
    ("distortion", "focal", "taken", "said"),
    [
        (
            0.1,
            850,
            (850, 650, 355),
            "for 1280x720, P with fx 850, not K with fx 920, as images are taken as rectified",
        ),
        (
            0,
            850,
            (FX, CX, CY),
            "for 1280x720, K with fx 920, not P with fx 850, as the lens does not distort",
        ),
        (0, 920, (FX, CX, CY), "for 1280x720"),
        (0.1, 0, (FX, CX, CY), "for 1280x720, K with fx 920, as P with fx 0 cannot be"),
        (0.1, 2, (FX, CX, CY), "for 1280x720, K with fx 920, as P with fx 2 cannot be"),
    ],
)
def test_rectified_images_have_the_projection_matrix(tmp_path, distortion, focal, taken, said):
    root = folder(tmp_path, "ost.yaml", ost(distortion, focal))
    found = find_calibration(root)
    camera = found.camera(WIDTH, HEIGHT)
    assert (camera.fx, camera.cx, camera.cy) == taken
    assert found.described() == f"camera of ost.yaml ({said})"
    assert f"({said})" in open_rgbd(root).registration


def test_messages_have_their_projection_matrix_as_p(tmp_path):
    P = [850, 0, 650, 0, 0, 850, 355, 0, 0, 0, 1, 0]
    content = {"width": WIDTH, "height": HEIGHT, "d": [0.1, 0, 0, 0, 0], "k": ROWS, "p": P}
    found = find_calibration(folder(tmp_path, "camera_info.json", content))
    assert found.camera(WIDTH, HEIGHT) == PinholeCamera(850, 850, 650, 355, WIDTH, HEIGHT)


def test_a_second_file_that_says_otherwise_is_named(tmp_path, caplog):
    root = folder(tmp_path, "camera-intrinsics.txt", " ".join(map(str, ROWS)))
    (root / "intrinsic.json").write_text(
        json.dumps({"fx": 460, "fy": 459.5, "cx": 320, "cy": 180, "width": 640, "height": 360})
    )
    with caplog.at_level(logging.WARNING):
        assert find_calibration(root).path.name == "camera-intrinsics.txt"
    assert "camera-intrinsics.txt is taken, intrinsic.json says otherwise" in caplog.text
    assert "fx 920, fy 919 against fx 460, fy 459.5 for 640x360" in caplog.text


def test_other_peoples_files_are_left_alone(tmp_path):
    rgbd.redwood(tmp_path)
    for name, content in {
        "metadata.json": '{"author": "x"}',
        "info.txt": "a room",
        "config.yaml": "rate: 5",
        "metadata": "\0",
    }.items():
        (tmp_path / name).write_text(content)
    assert find_calibration(tmp_path) is None
    assert (
        "no calibration file: intrinsics of PrimeSense (nominal) are assumed"
        in open_rgbd(tmp_path).registration
    )


def test_nominal_values_are_not_stretched_over_another_aspect(tmp_path):
    root = folder(tmp_path, "readme.txt", "")
    with pytest.raises(
        DataError, match=r"images are 128x72 and no calibration lies beside them: .* for 640x480, would be"
    ):
        open_rgbd(root)[0]


@pytest.mark.parametrize("frames, said", [(2, "different cameras for its 2 frames"), (1, "lacks fy")])
def test_frames_of_several_cameras_are_refused(tmp_path, frames, said):
    other = [FX * 1.1, *ROWS[1:]]
    content = {"0": {"cam_K": ROWS}, "1": {"cam_K": other}} if frames == 2 else {"fx": 1, "cx": 2, "cy": 3}
    with pytest.raises(DataError, match=rf"scene_camera.json: .*{said}"):
        find_calibration(folder(tmp_path, "scene_camera.json", content))


BROKEN = {
    "empty": "",
    "binary": b"\xff\xfe\x00\x01\x80",
    "text": "see the manual",
    "numbers missing": "525 0 319.5",
    "NaN": "nan 0 319.5 0 525 239.5 0 0 1",
    "transposed": "525 0 0\n0 525 0\n319.5 239.5 1",
    "transposed rows": '{"K": [[525, 0, 0], [0, 525, 0], [319.5, 239.5, 1]]}',
    "a number too many": "525 0 319.5 0 525 239.5 0 0 1 0",
    "JSON cut": '{"width": 640, "intrin',
    "JSON without a camera": '{"name": "room"}',
    "JSON with words": '{"fx": "wide", "fy": 1, "cx": 1, "cy": 1}',
    "JSON with NaN": '{"fx": NaN, "fy": 525, "cx": 319.5, "cy": 239.5}',
    "JSON with no size": '{"fx": 525, "fy": 525, "cx": 319.5, "cy": 239.5, "width": 0, "height": 480}',
    "JSON list": "[1, 2]",
    "nested too deep": "[" * 1500,
    "matrix of text": '{"intrinsic_matrix": ["a", "b"]}',
}


@pytest.mark.parametrize("name", dict.fromkeys(name for name, _ in NAMES))
def test_a_broken_file_under_a_calibrations_name_is_refused_in_one_line(tmp_path, name):
    for index, content in enumerate(BROKEN.values()):
        write(tmp_path / str(index), name, content)
        with pytest.raises(DataError) as caught:
            find_calibration(tmp_path / str(index)).camera(640, 480)
        assert name.rpartition("/")[2] in str(caught.value) and "\n" not in str(caught.value)


KEYS = ["fx", "fy", "cx", "cy", "K", "width", "h", "color", "camera_matrix", "CalibrationInformation", "frames",
        "cam_K", "data", "resolution"]  # fmt: skip
VALUES = st.one_of(st.floats(), st.integers(), st.text(), st.none())
OBJECTS = st.recursive(
    VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner)
).map(json.dumps)
PARSERS = [parse for _, parse in NAMES] + [parse for _, parse, _ in PATTERNS]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(PARSERS), st.text() | OBJECTS)
def test_any_content_is_read_or_refused(tmp_path, parse, content):
    path = tmp_path / "file"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        for stated in read_stated(path, parse):
            assert stated.K.shape == (3, 3) and np.isfinite(stated.K).all()
    except DataError as error:
        assert "\n" not in str(error)


def test_other_recorders_files_serve_as_camera_option(tmp_path):
    root = folder(tmp_path, *FILES["Open3D, by columns"])
    _, camera = read_calibration(root / "camera_intrinsic.json")(np.zeros((360, 640, 3), np.uint8), "a.png")
    assert camera == PinholeCamera(FX, FY, CX, CY, WIDTH, HEIGHT).scaled(640, 360)
    (root / "K.txt").write_text(FOUR)
    with pytest.raises(DataError, match=r"K\.txt does not say the size of its images"):
        read_calibration(root / "K.txt")


def test_names_count_in_any_letters(tmp_path):
    (tmp_path / "Camera_Intrinsic.JSON").write_text(
        '{"width": 640, "height": 480, "intrinsic_matrix": [600, 0, 0, 0, 601, 0, 319.5, 239.5, 1]}'
    )
    found = find_calibration(tmp_path)
    assert found is not None and found.path.name == "Camera_Intrinsic.JSON"
    assert found.alternatives[0].K[0, 0] == 600
