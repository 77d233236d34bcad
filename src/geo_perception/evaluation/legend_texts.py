# SPDX-License-Identifier: Apache-2.0
"""Legends and hover texts of a report: the meaning of each error measure and speed in a sentence."""

from __future__ import annotations

COLUMN_HELP = {
    "RMSE": "root mean square error in metres; large errors weigh most",
    "MAE": "mean absolute error in metres",
    "AbsRel": "mean of error / true depth; 0.05 is 5 %",
    "SqRel": "mean of squared error / true depth, in metres",
    "RMSElog": "root mean square error of the natural logarithm of depth",
    "delta1": "share of pixels whose depth is within a factor of 1.25 of the truth; 1 is best",
    "delta2": "share of pixels within a factor of 1.56 (1.25 squared)",
    "delta3": "share of pixels within a factor of 1.95 (1.25 cubed)",
    "coverage": "share of these pixels that have a depth at all; 1 is every one",
    "warp error": "mean difference of the left image and the right one moved by the depth, in grey levels of 255",
    "over stereo": "warp error as a multiple of stereo alone's, at pixels where both have one; below 1 is better",
    "RMSE over stereo": "RMSE of depth as a multiple of stereo alone's, where there is truth",
    "MAE over stereo": "MAE of depth as a multiple of stereo alone's, where there is truth",
}


SPEED_TITLES = {  # name in metrics.json, as ros2_benchmark has it -> title, and what it means
    "NUM_FRAMES_SENT": ("frames sent", "how many frames went in"),
    "NUM_MISSED_FRAMES": ("frames without an answer", "dropped because a newer one had come, or lost"),
    "MEAN_FRAME_RATE": ("answers per second", "depth images that came out"),
    "MEAN_LATENCY": ("time to the answer, mean [ms]", "from a frame to its depth"),
    "MIN_LATENCY": ("time to the answer, shortest [ms]", "from a frame to its depth"),
    "MAX_LATENCY": ("time to the answer, longest [ms]", "from a frame to its depth"),
    "MEAN_JITTER": ("unevenness, mean [ms]", "change from one interval between answers to the next"),
    "MAX_JITTER": ("unevenness, largest [ms]", "change from one interval between answers to the next"),
    "STD_DEV_JITTER": ("unevenness, standard deviation [ms]", "of that change"),
}
