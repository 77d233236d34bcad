# SPDX-License-Identifier: Apache-2.0
"""Small folders in KITTI's layouts, with calibration numbers in which nothing is an identity."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH = 40, 64
K = np.array([[70.0, 0, 31.0], [0, 70.0, 19.0], [0, 0, 1]])
SHIFT_LEFT = np.array([0.06, -0.0004, 0.0027])  # camera 0 to camera 2, metres
SHIFT_RIGHT = np.array([-0.47, 0.0024, 0.0027])
BASELINE_M = SHIFT_LEFT[0] - SHIFT_RIGHT[0]
P2 = K @ np.column_stack([np.eye(3), SHIFT_LEFT])
P3 = K @ np.column_stack([np.eye(3), SHIFT_RIGHT])


def rotation(x: float, y: float, z: float) -> np.ndarray:
    return cv2.Rodrigues(np.array([x, y, z]))[0]


RECTIFY = rotation(0.004, -0.007, 0.01)
LIDAR = np.column_stack(
    [rotation(0.01, 0.0, -0.005) @ [[0, -1, 0], [0, 0, -1], [1, 0, 0]], [-0.004, -0.08, -0.27]]
)


def line(key: str, values: np.ndarray) -> str:
    return f"{key}: {' '.join(f'{v:.12e}' for v in np.ravel(values))}\n"


def object_calibration(**changed: np.ndarray) -> str:
    """A calib.txt; a keyword replaces a matrix, an empty one removes it."""
    matrices = {"P2": P2, "P3": P3, "R0_rect": RECTIFY, "Tr_velo_to_cam": LIDAR} | changed
    return "".join(line(key, values) for key, values in matrices.items() if np.size(values))


def rgb(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def points(index: int, count: int = 50) -> np.ndarray:
    low, high = [5, -5, -1.5, 0], [40, 5, 1.5, 1]
    return np.random.default_rng(100 + index).uniform(low, high, (count, 4)).astype(np.float32)


def disparity16(index: int) -> np.ndarray:
    """Stored values of a disparity map: 2..20 px, a quarter of it 0."""
    rng = np.random.default_rng(200 + index)
    return np.where(rng.random((HEIGHT, WIDTH)) < 0.25, 0, rng.integers(512, 5120, (HEIGHT, WIDTH))).astype(
        np.uint16
    )


def write_png(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image):
        raise OSError(path)


def write_cloud(path: Path, cloud: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cloud.astype("<f4").tofile(path)


def write_pair(left: Path, right: Path, index: int) -> None:
    write_png(left, rgb(index))
    write_png(right, rgb(1000 + index))


def object_folder(root: Path, count: int = 3) -> Path:
    """As the sample data have it: everything there, one calibration."""
    for index in range(count):
        name = f"{index:06d}"
        write_pair(root / f"image_02/{name}.png", root / f"image_03/{name}.png", index)
        write_cloud(root / f"velodyne_points/{name}.bin", points(index))
        write_png(root / f"disp_occ_0/{name}.png", disparity16(index))
        write_png(root / f"psmnet_disparity/{name}.png", disparity16(50 + index))
    (root / "calib.txt").write_text(object_calibration())
    return root


def raw_drive(date: Path, count: int = 3, name: str = "2011_09_26_drive_0001_sync") -> Path:
    """A drive below its date folder."""
    drive = date / name
    for index in range(count):
        stem = f"{index:010d}"
        write_pair(drive / f"image_02/data/{stem}.png", drive / f"image_03/data/{stem}.png", index)
        write_cloud(drive / f"velodyne_points/data/{stem}.bin", points(index))
    stamps = "".join(f"2011-09-26 13:02:25.{594360375 + 100 * i}\n" for i in range(count))
    (drive / "image_02/timestamps.txt").write_text(stamps)
    text = "calib_time: 09-Jan-2012 13:57:47\n" + line("P_rect_02", P2) + line("P_rect_03", P3)
    text += line("S_rect_02", np.array([WIDTH, HEIGHT]))
    (date / "calib_cam_to_cam.txt").write_text(text + line("R_rect_00", RECTIFY))
    lidar = line("R", LIDAR[:, :3]) + line("T", LIDAR[:, 3])
    (date / "calib_velo_to_cam.txt").write_text("calib_time: 15-Mar-2012 11:37:16\n" + lidar)
    return drive


def odometry(root: Path, count: int = 2) -> Path:
    """A sequence without lidar."""
    for index in range(count):
        write_pair(root / f"image_2/{index:06d}.png", root / f"image_3/{index:06d}.png", index)
    (root / "calib.txt").write_text(line("P2", P2) + line("P3", P3))
    (root / "times.txt").write_text("0.000000e+00\n1.036117e-01\n2.073529e-01\n")
    return root


def single_frame(root: Path) -> Path:
    write_pair(root / "left.png", root / "right.png", 0)
    write_cloud(root / "lidar.bin", points(0))
    (root / "calib.txt").write_text(object_calibration())
    return root
