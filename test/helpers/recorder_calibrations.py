# SPDX-License-Identifier: Apache-2.0
"""Calibration files of one camera as recorders and tools write them: file name and content."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 1280, 720
FX, FY, CX, CY = 920.0, 919.0, 640.5, 361.5
ROWS = [FX, 0, CX, 0, FY, CY, 0, 0, 1]
COLUMNS = [FX, 0, 0, 0, FY, 0, CX, CY, 1]
FOUR = f"{FX} 0 {CX} 0\n0 {FY} {CY} 0\n0 0 1 0\n0 0 0 1\n"
ROS = """
image_width: 1280
image_height: 720
camera_name: rgb
camera_matrix: {rows: 3, cols: 3, data: [920, 0, 640.5, 0, 919, 361.5, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
"""
OPENCV = """%YAML:1.0
---
image_width: 1280
image_height: 720
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [920., 0., 640.5, 0., 919., 361.5, 0., 0., 1.]
"""
ORB_SLAM = """%YAML:1.0
Camera.fx: 920
Camera.fy: 919
Camera.cx: 640.5
Camera.cy: 361.5
Camera.width: 1280
Camera.height: 720
"""
SCANNET = f"""m_versionNumber = 4
m_colorWidth = 1280
m_colorHeight = 720
m_depthWidth = 640
m_calibrationColorIntrinsic = {FX} 0 {CX} 0 0 {FY} {CY} 0 0 0 1 0 0 0 0 1
m_calibrationDepthIntrinsic = 570 0 320 0 0 570 240 0 0 0 1 0 0 0 0 1
"""
SCENE = f"""colorHeight = 720
colorWidth = 1280
fx_color = {FX}
fx_depth = 570
fy_color = {FY}
mx_color = {CX}
my_color = {CY}
"""
VIEWER = f"""Frame Info: ,
Type,Color
Resolution x,1280
Resolution y,720

Intrinsic:,
Fx,{FX}
Fy,{FY}
PPx,{CX}
PPy,{CY}
Distorsion,Brown
"""

FILES = {
    "Open3D, by columns": ("camera_intrinsic.json", {"width": 1280, "height": 720, "intrinsic_matrix": COLUMNS}),
    "Open3D, by rows": ("intrinsic.json", {"width": 1280, "height": 720, "intrinsic_matrix": ROWS}),
    "nested rows": ("intrinsics.json", {"K": np.reshape(ROWS, (3, 3)).tolist(), "w": 1280, "h": 720}),
    "RealSense, both cameras": (
        "intrinsics.json",
        {"depth": {"fx": 640, "fy": 640, "ppx": 640, "ppy": 360}, "color": {"fx": FX, "fy": FY, "ppx": CX, "ppy": CY}},
    ),
    "RealSense Viewer": ("shot_Color_metadata_Color.csv", VIEWER),
    "nerfstudio": ("transforms.json", {"fl_x": FX, "fl_y": FY, "cx": CX, "cy": CY, "w": 1280, "h": 720, "frames": []}),
    "nerfstudio, by frame": ("transforms.json", {"frames": [{"fl_x": FX, "fl_y": FY, "cx": CX, "cy": CY}] * 2}),
    "Record3D": ("metadata", {"K": COLUMNS, "w": 1280, "h": 720, "fps": 60}),
    "Replica": ("cam_params.json", {"camera": {"w": 1280, "h": 720, "fx": FX, "fy": FY, "cx": CX, "cy": CY}}),
    "BOP camera": ("camera.json", {"fx": FX, "fy": FY, "cx": CX, "cy": CY, "width": 1280, "height": 720}),
    "BOP frames": ("scene_camera.json", {"0": {"cam_K": ROWS}, "1": {"cam_K": ROWS}}),
    "ScanNet's recorder": ("_info.txt", SCANNET),
    "BundleFusion": ("info.txt", SCANNET),
    "ScanNet's scene": ("scene0000_00.txt", SCENE),
    "ScanNet, exported": ("intrinsic/intrinsic_color.txt", FOUR),
    "tsdf-fusion": ("camera-intrinsics.txt", f" {FX} 0.0e+00 {CX}\n0 {FY} {CY}\n0 0 1\n"),
    "one line": ("intrinsics.txt", " ".join(map(str, ROWS))),
    "KITTI": ("calib.txt", f"P0: 1 0 0 0 0 1 0 0 0 0 1 0\nP2: {FX} 0 {CX} 44.8 0 {FY} {CY} 0.2 0 0 1 0.003\n"),
    "Middlebury": ("calib.txt", f"cam0=[{FX} 0 {CX}; 0 {FY} {CY}; 0 0 1]\ndoffs=1\nwidth=1280\nheight=720\n"),
    "names and numbers": ("intrinsics.txt", f"fx = {FX}\nfy = {FY}\ncx = {CX}\ncy = {CY}\n"),
    "four numbers": ("calibration.txt", f"# fx fy cx cy\n{FX} {FY} {CX} {CY}\n"),
    "Stray Scanner": ("camera_matrix.csv", f"{FX}, 0.0, {CX}\n0.0, {FY}, {CY}\n0.0, 0.0, 1.0\n"),
    "ARKitScenes": ("41069021_305.377.pincam", f"1280 720 {FX} {FY} {CX} {CY}"),
    "COLMAP": ("sparse/0/cameras.txt", f"# list\n1 PINHOLE 1280 720 {FX} {FY} {CX + 0.5} {CY + 0.5}\n"),
    "ROS": ("camera_info.yaml", ROS),
    "OpenCV": ("rgb.yml", OPENCV),
    "ORB-SLAM": ("D435.yaml", ORB_SLAM),
    "Kalibr": ("camchain.yaml", f"cam0:\n  intrinsics: [{FX}, {FY}, {CX}, {CY}]\n  resolution: [1280, 720]\n"),
}  # fmt: skip


def as_bytes(content: object) -> bytes:
    """What is in the file."""
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def write(folder: Path, name: str, content: object) -> Path:
    """The file below a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(content))
    return path
