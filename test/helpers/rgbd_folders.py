# SPDX-License-Identifier: Apache-2.0
"""Tiny RGB-D folders: a picture and a depth ramp from 1 to 3 m whose first pixel is unknown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers.indoor_folders import picture, save_png
from PIL import Image

HEIGHT, WIDTH = 48, 64


def depth_m() -> np.ndarray:
    """(HEIGHT, WIDTH) metres, 0 in the first pixel."""
    depth = np.repeat(np.linspace(1, 3, HEIGHT, dtype=np.float32)[:, None], WIDTH, axis=1)
    depth[0, 0] = 0
    return depth


def save_png16(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.round(values).astype(np.uint16)).save(path)


def save_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture("rgbd", HEIGHT, WIDTH)).save(path)


def seven_scenes(folder: Path) -> None:
    for i in (0, 20):
        save_picture(folder / f"frame-{i:06d}.color.png")
        stored = depth_m() * 1000
        stored[0, 0] = 65535
        save_png16(folder / f"frame-{i:06d}.depth.png", stored)


def redwood(folder: Path) -> None:
    for i in (0, 1):
        save_picture(folder / f"color/{i:05d}.jpg")
        save_png16(folder / f"depth/{i:05d}.png", depth_m() * 1000)


def tum_pairs(folder: Path) -> None:
    save_png(folder / "1.png", picture("rgbd", HEIGHT, WIDTH))
    save_png16(folder / "1_depth.png", depth_m() * 5000)


def tum_sequence(folder: Path) -> None:
    for colour, depth in (("10.000", "10.011"), ("10.033", "10.044"), ("10.066", "10.120")):
        save_picture(folder / f"rgb/{colour}.png")
        save_png16(folder / f"depth/{depth}.png", depth_m() * 5000)


def nyu_pairs(folder: Path) -> None:
    save_picture(folder / "room_color.ppm")
    metres = depth_m()
    raw = np.where(metres > 0, 1092.5 - 351.3 / np.where(metres > 0, metres, 1), 2047)
    header = f"P5 {WIDTH} {HEIGHT} 65535\n".encode()
    (folder / "room_depth.pgm").write_bytes(header + np.round(raw).astype("<u2").tobytes())


def sun_pairs(folder: Path) -> None:
    save_picture(folder / "room_color.jpg")
    millimetres = np.round(depth_m() * 1000).astype(np.uint16)
    save_png16(folder / "room_depth.png", (millimetres << 3) | (millimetres >> 13))
