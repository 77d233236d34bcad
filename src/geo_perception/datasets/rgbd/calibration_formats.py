# SPDX-License-Identifier: Apache-2.0
"""Parsers of intrinsics in the calibration files that recorders and tools of RGB-D data write.

Sources: Open3D (camera.PinholeCameraIntrinsic: JSON, matrix by columns), ScanNet and its recorder (`_info.txt`,
`scene*.txt`, `intrinsic_color.txt`), RealSense Viewer (`*_metadata.csv`), Azure Kinect (raw calibration JSON, focal
lengths as shares of the 4:3 sensor), nerfstudio (`transforms.json`), Record3D (`metadata`), Stray Scanner
(`camera_matrix.csv`), ARKitScenes (`*.pincam`), COLMAP (`cameras.txt`), BOP (`camera.json`, `scene_camera.json`), ROS
and ORB-SLAM (YAML).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from geo_perception.datasets.rgbd.calibration_objects import azure_kinect, from_object
from geo_perception.datasets.rgbd.stated_camera import StatedCamera, from_values, stated_size
from geo_perception.errors import DataError, InputError

# `name: value` or `name = value`, and the names of matrices in such files, the left colour camera's first.
NAMED = re.compile(r"(?m)^[ \t]*([A-Za-z][\w.]*)[ \t]*[:=][ \t]*(\S.*)$")
NAMED_MATRICES = ("cam0", "P2", "P_rect_02", "P0", "K", "K0", "camera_matrix", "intrinsics")

# RealSense Viewer's rows of intrinsics, and what separates cells.
CSV_NAMES = ("fx", "fy", "ppx", "ppy")
CSV_FOCAL = re.compile(r'(?im)^[ \t]*"?fx"?[ \t]*([,;\t])')

# COLMAP's camera models: which parameters are fx, fy, cx, cy; the rest are of distortion. Its pixels begin at 0, ours
# have their centres at whole numbers.
COLMAP_SHARED_FOCAL = ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
COLMAP_TWO_FOCALS = ("PINHOLE", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV", "THIN_PRISM_FISHEYE")


def read_stated(path: Path, parse: Callable[[str], list[StatedCamera]]) -> list[StatedCamera]:
    """Read the cameras of a file, alternatives for different image sizes.

    Raises:
        DataError: unreadable, not text, or malformed; one line, naming the file.
    """
    try:
        return parse(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"calibration {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"calibration {path} is not text") from error
    except (InputError, DataError) as error:
        raise DataError(f"calibration {path}: {error}") from error
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        OverflowError,
        RecursionError,
        csv.Error,
        yaml.YAMLError,
    ) as error:
        said = " ".join(str(error).split())[:160]
        raise DataError(f"calibration {path} is malformed ({type(error).__name__}: {said})") from error


def matrix_text(text: str) -> list[StatedCamera]:
    """Parse 3x3, 3x4 or 4x4 numbers, or fx fy cx cy and distortion coefficients; `#` starts a comment.

    They may follow names, as in KITTI's and Middlebury's files: `P2: ...`, `cam0=[...]`, `fx = ...`.
    """
    plain = "\n".join(line.partition("#")[0] for line in text.splitlines())
    named = dict(NAMED.findall(plain))
    if not named:
        return [from_values(_numbers(plain))]
    matrix = next((named[name] for name in NAMED_MATRICES if name in named), None)
    if matrix is None:
        return [from_object({key: float(value) for key, value in named.items() if _is_number(value)})]
    return [from_values(_numbers(matrix), stated_size(named.get("width"), named.get("height")))]


def key_value_text(text: str) -> list[StatedCamera]:
    """Parse `key = value` lines of ScanNet's recorder, of its scenes, and of BundleFusion."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    values = {key.strip(): value.strip() for key, _, value in pairs}
    if "m_calibrationColorIntrinsic" in values:
        K = [float(word) for word in values["m_calibrationColorIntrinsic"].split()]
        return [from_values(K, stated_size(values.get("m_colorWidth"), values.get("m_colorHeight")))]
    numbers = [float(values[f"{name}_color"]) for name in ("fx", "fy", "mx", "my")]
    return [from_values(numbers, stated_size(values.get("colorWidth"), values.get("colorHeight")))]


def json_text(text: str) -> list[StatedCamera]:
    """Parse JSON of many tools: an object with fx etc. or a matrix, at the top or under the colour camera's name."""
    values = json.loads(text)
    if isinstance(values, Mapping) and "CalibrationInformation" in values:
        return azure_kinect(values["CalibrationInformation"]["Cameras"])
    return [from_object(values)]


def yaml_text(text: str) -> list[StatedCamera]:
    """Parse a camera_info of ROS, `Camera.fx` etc. of ORB-SLAM, or OpenCV's own YAML."""
    plain = re.sub(r"(?m)^%YAML.*$|!!opencv-matrix", "", text)
    values = yaml.safe_load(plain)
    if isinstance(values, Mapping) and any(str(key).startswith("Camera") for key in values):
        values = {re.sub(r"^Camera1?\.", "", str(key)): value for key, value in values.items()}
    return [from_object(values)]


def realsense_csv(text: str) -> list[StatedCamera]:
    """Parse `Fx,616.8` etc., as RealSense Viewer writes them beside an image.

    Spreadsheets of a locale with decimal commas save that as `Fx;616,8`. Raises DataError for `Fx,616,8`.
    """
    focal = re.search(CSV_FOCAL, text)
    if focal is None:
        raise DataError("holds no row Fx")
    values: dict[str, float] = {}
    for name, *cells in filter(None, csv.reader(text.splitlines(), delimiter=focal[1])):
        words = [word for cell in cells if _is_number(word := cell.replace(",", "."))]
        if name.strip().lower() in CSV_NAMES and len(words) != 1:
            raise DataError(
                f"{name.strip()} needs one number, has {focal[1].join(cells)!r}; decimals have a point"
            )
        if words:
            values[name.strip()] = float(words[0])
    return [from_object(values)]


def pincam(text: str) -> list[StatedCamera]:
    """Parse `width height fx fy cx cy` of ARKitScenes."""
    width, height, *K = (float(word) for word in text.split())
    if len(K) != 4:
        raise DataError(f"needs width height fx fy cx cy, got {text.strip()[:80]!r}")
    return [from_values(K, stated_size(width, height))]


def colmap(text: str) -> list[StatedCamera]:
    """Parse `CAMERA_ID MODEL WIDTH HEIGHT PARAMS...` lines. Raises DataError for several cameras."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) != 1:
        raise DataError(f"holds {len(lines)} cameras, one is needed")
    _, model, width, height, *rest = lines[0]
    values = [float(word) for word in rest]
    if model in COLMAP_SHARED_FOCAL:
        values = values[:1] + values
    elif model not in COLMAP_TWO_FOCALS:
        raise DataError(
            f"camera model {model!r} is not one of {', '.join((*COLMAP_SHARED_FOCAL, *COLMAP_TWO_FOCALS))}"
        )
    fx, fy, cx, cy, *distortion = values
    return [from_values([fx, fy, cx - 0.5, cy - 0.5, *distortion], stated_size(width, height))]


def _numbers(text: str) -> list[float]:
    words = re.split(r"[\s,;\[\]]+", text)
    return [float(word) for word in words if word]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
