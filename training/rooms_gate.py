# SPDX-License-Identifier: Apache-2.0
"""`python -m training.rooms_gate`: do simulated rooms teach depth?

A small network, trained with true depth for a few minutes, must cut the error of the best constant predictor by
30 % or more in environments it has never seen. The error is the mean absolute difference of log depth, whose best
constant is the median of the unseen environments themselves. Exit code 1 when the gate is missed.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import torch
from torch import nn

from geo_perception.progress import track
from geo_perception.simulation.rooms import RoomConfig, RoomSimulator

GATE = 0.30
SIZE = 64
UNSEEN = 100_000  # seeds from here on are for the test


def samples(seeds: range, views: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Render images (N, 3, 64, 64) in 0..1 and log depths (N, 1, 64, 64)."""
    config = RoomConfig(width=SIZE, height=SIZE, rooms=(1, 2))
    shown = track(seeds, "rendering rooms", unit="room")
    frames = [frame for seed in shown for frame in RoomSimulator(seed, config).frames(views)]
    images = np.stack([f.left for f in frames]).transpose(0, 3, 1, 2).astype(np.float32) / 255
    depths = np.nan_to_num(np.stack([f.depth_m for f in frames])[:, None], nan=10.0)
    return torch.from_numpy(images), torch.from_numpy(depths).log()


class Small(nn.Module):
    """Encoder-decoder with skips, about 0.5 million parameters."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 128)) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for before, after in zip((5, *widths[:-1]), widths, strict=True):
            self.down.append(self._block(before, after, 2))
        for before, after in zip(widths[:0:-1], widths[-2::-1], strict=True):
            self.up.append(self._block(before + after, after, 1))
        self.head = nn.Conv2d(widths[0], 1, 3, padding=1)

    @staticmethod
    def _block(before: int, after: int, stride: int) -> nn.Sequential:
        convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Predict log depth (B, 1, H, W) of (B, 3, H, W) in 0..1."""
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in image.shape[2:]), indexing="ij")
        place = torch.stack([x, y]).expand(len(image), -1, -1, -1)
        maps = [torch.cat([image * 2 - 1, place], 1)]
        for block in self.down:
            maps.append(block(maps[-1]))
        out = maps[-1]
        for block, skip in zip(self.up, maps[-2:0:-1], strict=True):
            out = block(torch.cat([nn.functional.interpolate(out, size=skip.shape[2:]), skip], 1))
        return nn.functional.interpolate(self.head(out), size=image.shape[2:], mode="bilinear")


def train(images: torch.Tensor, depths: torch.Tensor, steps: int) -> nn.Module:
    """Train a network on the samples, mirrored at random."""
    torch.manual_seed(0)
    model = Small()
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    for step in track(range(steps), "training", unit="step"):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps) + 1e-5
        pick = torch.randint(len(images), (16,))
        image, depth = images[pick], depths[pick]
        if torch.rand(()) < 0.5:
            image, depth = image.flip(-1), depth.flip(-1)
        loss = (model(image) - depth).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def main() -> None:
    """Simulate, train, test, print."""
    parser = argparse.ArgumentParser(
        prog="python -m training.rooms_gate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--environments", type=int, default=40, help="to learn from")
    parser.add_argument("--views", type=int, default=30, help="of each environment")
    parser.add_argument("--unseen", type=int, default=10, help="environments to judge by")
    parser.add_argument("--steps", type=int, default=4000, help="of training")
    options = parser.parse_args()
    learned = samples(range(options.environments), options.views)
    images, depths = samples(range(UNSEEN, UNSEEN + options.unseen), options.views)
    model = train(*learned, options.steps)
    with torch.no_grad():
        error = float((torch.cat([model(part) for part in images.split(32)]) - depths).abs().mean())
    constant = float((depths - depths.median()).abs().mean())
    mean_map = float((learned[1].median(0).values - depths).abs().mean())
    gain = 1 - error / constant
    print(f"mean |log depth error| on {len(images)} views of {options.unseen} unseen environments:")
    print(f"best constant {constant:.3f}, per-pixel median of training {mean_map:.3f}, network {error:.3f}")
    print(f"cut by {gain:.1%}; the gate is {GATE:.0%}")
    sys.exit(gain < GATE)


if __name__ == "__main__":
    main()
