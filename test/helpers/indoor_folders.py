# SPDX-License-Identifier: Apache-2.0
"""Tiny indoor sets on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from helpers.parity import image
from PIL import Image


def picture(label: str, height: int, width: int) -> np.ndarray:
    return np.round(255 * image(label, (3, height, width))).astype(np.uint8).transpose(1, 2, 0)


def save_png(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def save_npy(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


def save_pfm(path: Path, values: np.ndarray, scale: float = -1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f"Pf\n{values.shape[1]} {values.shape[0]}\n{scale}\n"
    kind = "<f4" if scale < 0 else ">f4"
    path.write_bytes(header.encode() + values[::-1].astype(kind).tobytes())


def published_simsin(folder: Path) -> None:
    """Frames 1 to 3 of both eyes, as the reference outputs were made from."""
    for i in (1, 2, 3):
        for side in (0, 1):
            save_png(folder / f"scene/{i:03d}_{side}.png", picture(f"a:sim:{i}:{side}", 80, 80))
            save_npy(
                folder / f"scene/{i:03d}_{side}_depth.npy", image(f"a:simd:{i}:{side}", (80, 80), 0.2, 8)
            )


def published_unisin(folder: Path) -> None:
    for i in (1, 2, 3):
        for side in (0, 1):
            save_png(folder / f"run/{i:04d}_{side}.png", picture(f"a:uni:{i}:{side}", 72, 128))


def published_va(folder: Path) -> None:
    for i in (1, 2, 3):
        for side in (0, 1):
            save_png(folder / f"VA/camera_{side}/{i:08d}.png", picture(f"a:va:{i}:{side}", 80, 80))
            truth = image(f"a:vad:{i}:{side}", (80, 80), 0.2, 8)
            save_pfm(folder / f"VA/gt_depth_rectify/cam{side}_frame{i:04d}.depth.pfm", truth)


def published_nyu(folder: Path) -> None:
    save_png(folder / "NYUv2/img_val/00001.png", picture("a:nyu", 480, 640))
    save_npy(folder / "NYUv2/depth_val/00001.npy", image("a:nyud", (480, 640), 0.2, 9))


def small_simsin(folder: Path, scenes: int = 2, frames: int = 5, size: int = 64, way_px: int = 0) -> str:
    """A textured wall whose distance grows with the frame, seen by both eyes; returns the list's name.

    The right image is the left one shifted by the true disparity, so that the stereo loss has its minimum at the truth.
    With `way_px` the camera moves sideways, by so many pixels of the wall a frame.
    """
    lines = []
    for scene in range(scenes):
        wall = picture(f"wall:{scene}", size, 2 * size)
        for frame in range(frames):
            disparity = 2 + frame % 3
            depth_m = np.full((size, size), 0.5 * size * 0.131202 / disparity, np.float32)
            for side, shift in ((0, 0), (1, disparity)):
                name = f"room_{scene}/{frame:03d}_{side}"
                left = 10 + shift + frame * way_px
                save_png(folder / f"{name}.png", wall[:, left : left + size])
                save_npy(folder / f"{name}_depth.npy", depth_m)
            if 0 < frame < frames - 1:
                lines.append(f"room_{scene}/{frame:03d}_0 {frame} l")
    (folder / "train.txt").write_text("\r\n".join(lines) + "\r\n")
    return "train.txt"
