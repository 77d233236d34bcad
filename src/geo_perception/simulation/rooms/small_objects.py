# SPDX-License-Identifier: Apache-2.0
"""Small objects on tables, shelves and floors. Feet at z = 0, middle at the origin."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception.simulation.mesh import Mesh, blob, join, surface, triangles
from geo_perception.simulation.rooms.materials import Coat, Palette
from geo_perception.simulation.rooms.shapes import panel, rod, sheet, slab

Rng = np.random.Generator
Values = NDArray[np.float64]
COARSE = 0.5  # edge of a lit quad; light changes little over a small object


def turned(profile: Values, coat: Coat, sides: int = 12) -> Mesh:
    """A body of revolution from (N, 2) radius and height; texture once around."""
    angle = np.linspace(2 * np.pi, 0, sides + 1)
    grid = np.empty((len(profile), sides + 1, 3))
    grid[..., 0] = profile[:, :1] * np.cos(angle)
    grid[..., 1] = profile[:, :1] * np.sin(angle)
    grid[..., 2] = profile[:, 1:]
    uv = np.empty((len(profile), sides + 1, 2))
    uv[..., 0] = 1 - np.linspace(0, 1, sides + 1)
    uv[..., 1] = np.linspace(0, 1, len(profile))[:, None]
    return surface(grid, *coat, uv=uv)


def lid(radius: float, z: float, coat: Coat, sides: int = 12) -> Mesh:
    """A horizontal disc."""
    return turned(np.array([[radius, z], [0.0, z]]), coat, sides)


def carton(rng: Rng, p: Palette) -> Mesh:
    """A box of cardboard or a printed package."""
    w, d, h = rng.uniform(0.05, 0.3), rng.uniform(0.04, 0.25), rng.uniform(0.04, 0.3)
    plain = rng.random() < 0.5
    coat = (
        p.of("plain", np.array([0.55, 0.38, 0.22], np.float32) * np.float32(rng.uniform(0.6, 1.2)))
        if plain
        else p.any_of("label", rng)
    )
    x, y = w / 2, d / 2
    faces = [
        sheet((-x, -y, 0), (w, 0, 0), (0, 0, h), coat),
        sheet((x, y, 0), (-w, 0, 0), (0, 0, h), coat),
        sheet((-x, y, 0), (0, -d, 0), (0, 0, h), coat),
        sheet((x, -y, 0), (0, d, 0), (0, 0, h), coat),
        sheet((-x, -y, h), (w, 0, 0), (0, d, 0), coat),
    ]
    return join(faces)


def book(rng: Rng, p: Palette) -> Mesh:
    """A book or magazine lying flat."""
    w, d, h = rng.uniform(0.13, 0.24), rng.uniform(0.18, 0.31), rng.uniform(0.004, 0.045)
    block = slab((-w / 2, -d / 2, 0), (w / 2, d / 2, h), p.of("plain", 0.75), COARSE)
    return join([block, sheet((-w / 2, -d / 2, h + 5e-4), (w, 0, 0), (0, d, 0), p.any_of("cover", rng))])


def pile(rng: Rng, p: Palette) -> Mesh:
    """Books or papers on each other."""
    parts, z = [], 0.0
    for _ in range(int(rng.integers(2, 7))):
        item = book(rng, p)
        parts.append(item.moved(0, 0, z, rng.normal(0, 0.15)))
        z += float(item.corners[..., 2].max())
    return join(parts)


def sheets(rng: Rng, p: Palette) -> Mesh:
    """A few loose papers."""
    parts = []
    for k in range(int(rng.integers(1, 5))):
        page = sheet((-0.105, -0.148, 0.001 + 0.001 * k), (0.21, 0, 0), (0, 0.297, 0), p.any_of("paper", rng))
        parts.append(page.moved(rng.normal(0, 0.06), rng.normal(0, 0.06), 0, rng.normal(0, 0.5)))
    return join(parts)


def mug(rng: Rng, p: Palette) -> Mesh:
    r, h = rng.uniform(0.033, 0.046), rng.uniform(0.07, 0.11)
    coat = p.of("ceramic", p.accent(rng)) if rng.random() < 0.6 else p.any_of("label", rng)
    inner = p.of("ceramic", 0.25)
    handle = rod((r, 0, 0.025), (r + 0.03, 0, 0.03), (0.006, 0.006), coat, sides=6)
    grip = rod((r + 0.03, 0, 0.02), (r + 0.03, 0, h - 0.02), (0.006, 0.006), coat, sides=6)
    return join([turned(np.array([[r, 0], [r, h]]), coat), lid(r * 0.92, h * 0.75, inner), handle, grip])


def can(rng: Rng, p: Palette) -> Mesh:
    r, h = rng.uniform(0.03, 0.055), rng.uniform(0.09, 0.17)
    return join([turned(np.array([[r, 0], [r, h]]), p.any_of("label", rng)), lid(r, h, p.of("metal"))])


def bottle(rng: Rng, p: Palette) -> Mesh:
    r, h = rng.uniform(0.03, 0.045), rng.uniform(0.18, 0.33)
    glass = p.of("ceramic", np.clip(p.accent(rng), np.float32(0.02), np.float32(0.4)))
    neck = turned(
        np.array([[r, h * 0.55], [r * 0.9, h * 0.62], [0.014, h * 0.75], [0.014, h], [0, h]]), glass
    )
    coat = p.any_of("label", rng) if rng.random() < 0.6 else glass
    return join([turned(np.array([[r, 0], [r, h * 0.55]]), coat), neck])


def vase(rng: Rng, p: Palette) -> Mesh:
    """A turned vessel of any form."""
    h, r = rng.uniform(0.12, 0.4), rng.uniform(0.04, 0.11)
    t = np.linspace(0, 1, 9)
    radius = r * (0.55 + 0.4 * np.sin(np.pi * t * rng.uniform(0.8, 1.6) + rng.uniform(0, 0.6)))
    return turned(np.stack([np.maximum(radius, 0.015), h * t], -1), p.of("ceramic", p.accent(rng)))


def bowl(rng: Rng, p: Palette) -> Mesh:
    """A bowl with fruit now and then."""
    r = rng.uniform(0.07, 0.15)
    t = np.linspace(0, 1, 6)
    parts = [turned(np.stack([r * np.sqrt(0.1 + 0.9 * t), 0.55 * r * t], -1), p.of("ceramic", p.accent(rng)))]
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.uniform(-0.45, 0.45, 2) * r
        colour = np.array([0.7, rng.uniform(0.1, 0.6), 0.05], np.float32) * np.float32(rng.uniform(0.4, 1))
        parts.append(blob((x, y, 0.4 * r), (0.035, 0.035, 0.035), *p.of("plastic", colour)))
    return join(parts)


def ball(rng: Rng, p: Palette) -> Mesh:
    r = rng.uniform(0.03, 0.12)
    return blob((0, 0, r), (r, r, r), *p.of("plastic", p.accent(rng)))


def toy(rng: Rng, p: Palette) -> Mesh:
    """A figure of rounded parts."""
    s, cloth = rng.uniform(0.6, 1.4), p.any_of("fabric", rng, p.accent(rng))
    parts = [blob((0, 0, 0.08), (0.07, 0.06, 0.08), *cloth), blob((0, 0, 0.2), (0.055, 0.055, 0.055), *cloth)]
    for x in (-0.05, 0.05):
        parts.append(blob((x, 0.05, 0.03), (0.025, 0.05, 0.025), *cloth))
        parts.append(blob((x, 0, 0.25), (0.02, 0.012, 0.02), *cloth))
    return join(parts).moved(scale=s)


def plant(rng: Rng, p: Palette, size: float | None = None) -> Mesh:
    """A pot with arching blades or round leaves."""
    h = size if size is not None else rng.uniform(0.15, 0.45)
    r = h * rng.uniform(0.16, 0.28)
    pot = turned(np.array([[r * 0.7, 0], [r, r * 1.4]]), p.of("ceramic", p.accent(rng)))
    parts = [pot, lid(r * 0.95, r * 1.2, p.of("plain", 0.06))]
    leaf, wide = p.of("leaf", rng.uniform(0.6, 1.4)), rng.uniform(0.015, 0.09) * h + 0.006
    count = int(rng.integers(12, 40))
    yaw, reach, rise = rng.uniform((0, 0.15, 0.4), (2 * np.pi, 0.45, 1), (count, 3)).T
    parts.append(blades(yaw, h * reach, h * rise, r * 1.3, wide, leaf))
    return join(parts)


def blades(yaw: Values, reach: Values, rise: Values, foot: float, wide: float, coat: Coat) -> Mesh:
    """Build N arching leaves that start at height `foot` and go `reach` outwards in the direction `yaw`."""
    t = np.linspace(0, 1, 5)
    out, up = reach[:, None] * t**1.5, foot + rise[:, None] * (t - 0.45 * t**3)
    half = np.broadcast_to(wide * np.sin(np.pi * (0.12 + 0.85 * t)), out.shape)
    c, s = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    grid = np.empty((len(yaw), 5, 2, 5))  # x, y, z, u, v
    for side, shift in enumerate((-half, half)):
        grid[:, :, side, 0], grid[:, :, side, 1], grid[:, :, side, 2] = (
            c * out - s * shift,
            s * out + c * shift,
            up,
        )
    step = np.linalg.norm(np.diff(grid[..., :3], axis=1), axis=-1).mean(-1)
    grid[:, 0, :, 3], grid[:, 1:, :, 3] = 0, np.cumsum(step, 1)[..., None]
    grid[:, :, 0, 4], grid[:, :, 1, 4] = 0, 2 * half.mean(1)[:, None]
    corners = np.stack([grid[:, :-1, 0], grid[:, 1:, 0], grid[:, 1:, 1], grid[:, :-1, 1]], 2)
    halves = corners[:, :, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3, 5)
    return triangles(halves[..., :3], halves[..., 3:], *coat)


def monitor(rng: Rng, p: Palette) -> Mesh:
    """A display on its foot, facing +y."""
    w = rng.uniform(0.45, 0.75)
    h, z = w * rng.uniform(0.54, 0.65), rng.uniform(0.08, 0.16)
    case = p.of("plastic", rng.choice([0.02, 0.03, 0.3, 0.7]))
    on = rng.random() < 0.6
    face = (
        p.emitter(f"screen{rng.integers(2)}", rng.uniform(0.4, 1.2), np.ones(3, np.float32))
        if on
        else p.of("glass")
    )
    panel = slab((-w / 2, -0.02, z), (w / 2, 0.02, z + h), case, COARSE)
    shown = sheet((w / 2 - 0.015, 0.0205, z + 0.02), (0.03 - w, 0, 0), (0, 0, h - 0.035), face)
    foot = slab((-0.12, -0.1, 0), (0.12, 0.1, 0.015), case, COARSE)
    return join([panel, shown, slab((-0.03, -0.06, 0), (0.03, -0.02, z + 0.1), case, COARSE), foot])


def laptop(rng: Rng, p: Palette) -> Mesh:
    """An open laptop, facing +y."""
    case = p.of("metal", rng.choice([0.05, 0.5, 0.8]))
    tilt = rng.uniform(0.02, 0.16)
    face = p.emitter(f"screen{rng.integers(2)}", rng.uniform(0.3, 1.0), np.ones(3, np.float32))
    back = panel((-0.16, -0.11, 0.015), (0.32, 0, 0), (0, -tilt, 0.2), case, COARSE)
    shown = sheet((0.15, -0.109, 0.025), (-0.3, 0, 0), (0, -tilt * 0.9, 0.18), face)
    keys = sheet((0.14, 0.02, 0.0165), (-0.28, 0, 0), (0, -0.1, 0), p.of("keyboard"))
    return join([slab((-0.16, -0.11, 0), (0.16, 0.11, 0.016), case, COARSE), back, shown, keys])


def keyboard(rng: Rng, p: Palette) -> Mesh:
    w = rng.uniform(0.3, 0.45)
    base = slab((-w / 2, -0.07, 0), (w / 2, 0.07, 0.02), p.of("plastic", 0.04), COARSE)
    keys = sheet((w / 2 - 0.005, 0.066, 0.0205), (0.01 - w, 0, 0), (0, -0.132, 0), p.of("keyboard"))
    return join([base, keys, blob((w / 2 + 0.08, 0.02, 0.012), (0.03, 0.05, 0.018), *p.of("plastic", 0.04))])


def frame(rng: Rng, p: Palette) -> Mesh:
    """A photograph or card standing up, leaning back."""
    w, h = rng.uniform(0.09, 0.22), rng.uniform(0.12, 0.28)
    edge = p.of("lacquer", p.accent(rng))
    back = panel((w / 2, -0.02, 0), (-w, 0, 0), (0, -0.25 * h, h), edge, COARSE)
    shown = sheet(
        (w / 2 - 0.012, -0.014, 0.012), (0.024 - w, 0, 0), (0, -0.23 * h, h * 0.92), p.any_of("cover", rng)
    )
    return join([back, shown])


def basket(rng: Rng, p: Palette) -> Mesh:
    """An open box of plastic or wicker."""
    w, d, h = rng.uniform(0.18, 0.4), rng.uniform(0.15, 0.3), rng.uniform(0.08, 0.25)
    coat = p.any_of("fabric", rng) if rng.random() < 0.5 else p.of("plastic", p.accent(rng))
    corners = np.array([[-w, -d], [-w, d], [w, d], [w, -d], [-w, -d]]) / 2
    rim = np.stack(
        [np.column_stack([corners * 0.85, np.zeros(5)]), np.column_stack([corners, np.full(5, h)])]
    )
    floor = panel((-w * 0.42, -d * 0.42, 0.3 * h), (w * 0.84, 0, 0), (0, d * 0.84, 0), coat)
    return join([surface(rim, *coat), floor])


def cable(rng: Rng, p: Palette) -> Mesh:
    """A lead lying in loops."""
    t = np.linspace(0, 1, 24)
    path = np.cumsum(rng.normal(0, 0.025, (24, 2)), 0)
    path = np.stack([np.convolve(np.pad(c, 2, "edge"), np.ones(5) / 5, "valid") for c in path.T], -1)
    side = np.gradient(path, axis=0)[:, ::-1] * np.array([-1, 1])
    side *= 0.004 / np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-6)
    grid = np.zeros((24, 3, 3))
    for k, (shift, z) in enumerate(((-1, 0.0), (0, 0.007), (1, 0.0))):
        grid[:, k, :2], grid[:, k, 2] = path + shift * side, z + 0 * t
    return surface(grid, *p.of("plastic", rng.choice([0.02, 0.7])))


def cushion(rng: Rng, p: Palette) -> Mesh:
    """A pillow leaning back, its foot at y = 0."""
    w, h = rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.45)
    s, t = np.meshgrid(np.linspace(-1, 1, 7), np.linspace(-1, 1, 7), indexing="ij")
    bulge = 0.09 * np.sqrt(np.clip((1 - s**4) * (1 - t**4), 0, 1))
    front = np.stack([w / 2 * s, bulge - 0.12 * (t + 1), h / 2 * (t + 1)], -1)
    back = np.stack([w / 2 * s, -bulge - 0.12 * (t + 1), h / 2 * (t + 1)], -1)
    coat = p.any_of("fabric", rng)
    return join([surface(front, *coat), surface(back, *coat)])


def crumple(rng: Rng, p: Palette) -> Mesh:
    """Clothes or a cloth thrown down."""
    n = 9
    s, t = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
    hill = np.clip(1 - s**2, 0, 1) * np.clip(1 - t**2, 0, 1)
    z = hill * (0.06 + 0.09 * cv2.GaussianBlur(rng.standard_normal((n, n)), (0, 0), 1.0)) + 0.004
    size = rng.uniform(0.15, 0.35)
    return surface(np.stack([size * s, size * t * rng.uniform(0.5, 1), z], -1), *p.any_of("fabric", rng))


def microwave(rng: Rng, p: Palette) -> Mesh:
    """An oven for a worktop, facing +y."""
    w, d, h = rng.uniform(0.4, 0.52), rng.uniform(0.28, 0.38), rng.uniform(0.24, 0.32)
    case = p.of("metal", rng.choice([0.05, 0.6, 1.0])) if rng.random() < 0.5 else p.of("plastic", 0.9)
    door = sheet((w / 2 - 0.02, d / 2 + 0.001, 0.03), (-0.7 * w, 0, 0), (0, 0, h - 0.06), p.of("glass"))
    return join([slab((-w / 2, -d / 2, 0), (w / 2, d / 2, h), case, COARSE), door])


def pens(rng: Rng, p: Palette) -> Mesh:
    """A cup of pens."""
    parts = [turned(np.array([[0.035, 0], [0.035, 0.1]]), p.of("plastic", p.accent(rng)))]
    for _ in range(int(rng.integers(3, 9))):
        x, y = rng.normal(0, 0.02, 2)
        pen = p.of("plastic", p.accent(rng))
        parts.append(rod((x / 2, y / 2, 0.02), (x * 1.7, y * 1.7, 0.15), (0.004, 0.004), pen, sides=5))
    return join(parts)


COMMON: tuple[Callable[[Rng, Palette], Mesh], ...] = (
    carton, book, pile, sheets, mug, can, bottle, vase, bowl, ball, toy, plant, frame, basket, pens, mug, book,
)  # fmt: skip
DESK: tuple[Callable[[Rng, Palette], Mesh], ...] = (
    sheets, book, pile, mug, keyboard, cable, pens, can, frame, plant, carton, sheets, laptop, book,
)  # fmt: skip
FLOOR: tuple[Callable[[Rng, Palette], Mesh], ...] = (carton, basket, ball, toy, pile, crumple, cable, carton)
BED: tuple[Callable[[Rng, Palette], Mesh], ...] = (crumple, book, toy, crumple)
KITCHEN: tuple[Callable[[Rng, Palette], Mesh], ...] = (
    bottle, can, mug, bowl, carton, vase, basket, microwave, plant, frame, bottle, mug,
)  # fmt: skip
DISPLAY: tuple[Callable[[Rng, Palette], Mesh], ...] = (frame, frame, frame, plant, vase, carton)
ON = {"desk": DESK, "bed": BED, "kitchen": KITCHEN, "display": DISPLAY}  # by kind of `Top`; COMMON on others
