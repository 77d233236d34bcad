# SPDX-License-Identifier: Apache-2.0
"""Fast forms of the indoor depth networks against their eager float32 forms with all four output scales.

The sizes are the published one and that of the light network for rooms; a batch says whether a form scales.
"""

from __future__ import annotations

import torch

from bench.networks import compare
from bench.table import Row

PUBLISHED, ROOMS = (256, 256), (192, 256)  # height, width
# Single images come first: memory that a batch has freed stays with the process, and would spare the reference forms of
# single images the page faults that they have in a process of their own.
CASES = (
    ("efficientnet_lite0", ROOMS, 1, 15),
    ("resnet18", PUBLISHED, 1, 31),
    ("resnet152", PUBLISHED, 1, 11),
    ("resnet18", PUBLISHED, 8, 7),
    ("resnet152", PUBLISHED, 8, 5),
)  # encoder, size, images at a time, rounds


def run() -> list[Row]:
    """Rows for every case in float32 and bfloat16."""
    torch.manual_seed(0)
    rows = []
    for encoder, (height, width), batch, rounds in CASES:
        images = torch.rand(batch, 3, height, width)
        title = f"DistDepth {encoder} {batch}x{height}x{width}"
        rows += compare(title, "distdepth", {"encoder": encoder}, (images,), rounds)
    return rows
