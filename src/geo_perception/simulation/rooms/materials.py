# SPDX-License-Identifier: Apache-2.0
"""Finishes of one environment: texture page, colour and gloss of every surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array
from geo_perception.simulation.rooms import material_textures as surface
from geo_perception.simulation.rooms import printed_textures as printed
from geo_perception.simulation.rooms.config import RoomConfig
from geo_perception.simulation.textures import PageAtlas

Rng = np.random.Generator
Coat = tuple[int, Array]  # material and tint, as the mesh primitives take them
WALLS, FLOORS = 4, 4  # one each per room

_MANY: dict[str, tuple[int, Callable[[Rng], Array]]] = {
    "art": (6, printed.art),
    "cover": (7, printed.cover),
    "label": (5, printed.label),
    "rug": (2, printed.rug),
    "paper": (3, printed.paper),
    "screen": (2, printed.screen),
    "outdoors": (2, printed.outdoors),
    "fabric": (4, surface.fabric),
    "wood": (3, surface.wood),
}
_ONE: dict[str, Callable[[Rng], Array]] = {
    f.__name__: f
    for f in (
        surface.plain,
        surface.marble,
        surface.leather,
        surface.metal,
        surface.leaf,
        printed.keyboard,
        surface.tiles,
    )
}
_FLOORS = (
    surface.planks, surface.planks, surface.parquet, surface.tiles, surface.carpet,
    surface.carpet, surface.terrazzo, surface.concrete,
)  # fmt: skip
_WALLS = (surface.wallpaper, surface.wallpaper, surface.plaster, surface.brick, surface.concrete)
_WOODS = np.array(
    [
        [0.95, 0.68, 0.42], [0.75, 0.45, 0.24], [0.5, 0.27, 0.14], [0.2, 0.12, 0.08], [1.15, 0.98, 0.76],
        [1.25, 1.22, 1.15],
    ]
)  # fmt: skip
_WOOD_SHARES = (0.3, 0.22, 0.12, 0.08, 0.16, 0.12)


@dataclass(frozen=True)
class Finish:
    """Appearance of a surface: `page` repeats every `tile_m` (1: the builder chose the coordinates)."""

    page: str
    tile_m: float = 1.0
    gloss: float = 0.0  # strength of highlights and mirrored light, 0..1
    rough: float = 0.3  # width of a highlight; above 0.35 nothing is mirrored
    emit: float = 0.0  # radiance that it gives off itself, times page and tint


class Palette:
    """Matching materials and colours, drawn once per environment."""

    def __init__(self, rng: Rng, config: RoomConfig) -> None:
        self._rng, self._config = rng, config
        self._pages: dict[str, Array] = {}
        self.finishes: list[Finish] = []
        self.id: dict[str, int] = {}
        self._tint: dict[str, Array] = {}
        self._paint_prints()
        self._add_furnishing()
        self._add_shell()
        self.atlas = PageAtlas(list(self._pages.values()))

    def of(self, name: str, tint: Array | float | None = None) -> Coat:
        """Look up material id and colour of a finish, in its own colour unless `tint` is given."""
        own = self._tint[name]
        return self.id[name], own if tint is None else np.asarray(tint, np.float32) * np.ones(3, np.float32)

    def any_of(self, kind: str, rng: Rng, tint: Array | float | None = None) -> Coat:
        """Draw one of the numbered finishes of a kind, e.g. "art"."""
        return self.of(f"{kind}{rng.integers(_MANY[kind][0])}", tint)

    def accent(self, rng: Rng) -> Array:
        """Draw the colour of a small object: mostly white, grey or black, else any hue."""
        if rng.random() < 0.5:
            return np.full(3, rng.choice([0.02, 0.06, 0.25, 0.6, 0.9]), np.float32) * self._shift(rng, 0.05)
        return np.asarray(np.clip(rng.uniform(0.1, 0.7) * self._shift(rng, 1.0), 0.01, 0.95), np.float32)

    def emitter(self, name: str, emit: float, tint: Array) -> Coat:
        """Add a finish that emits light."""
        key = f"{name}/{len(self.finishes)}"
        self._add(key, Finish(name, emit=emit), tint)
        return self.of(key)

    def table(self) -> dict[str, NDArray[np.float32]]:
        """Collect the columns page, tile_m, gloss, rough and emit by material id."""
        order = {name: k for k, name in enumerate(self._pages)}
        rows = [(order[f.page], f.tile_m, f.gloss, f.rough, f.emit) for f in self.finishes]
        columns = np.array(rows, np.float32).T
        return dict(zip(("page", "tile_m", "gloss", "rough", "emit"), columns, strict=True))

    def means(self) -> Array:
        """Compute the (M, 3) mean colour of each material's page."""
        mean = {name: cv2.mean(page)[:3] for name, page in self._pages.items()}
        return np.array([mean[f.page] for f in self.finishes], np.float32)

    def _shift(self, rng: Rng, spread: float) -> Array:
        """Draw a tint around grey whose saturation is limited by the configured variety of colours."""
        hue = rng.uniform(-1, 1, 3)
        return np.asarray(np.exp(spread * self._config.colour_variety * (hue - hue.mean())), np.float32)

    def _add(self, name: str, finish: Finish, tint: Array | float = 1.0) -> None:
        self.id[name] = len(self.finishes)
        self.finishes.append(finish)
        self._tint[name] = np.asarray(tint, np.float32) * np.ones(3, np.float32)

    def _paint_prints(self) -> None:
        for name, painter in _ONE.items():
            self._pages[name] = painter(self._rng)
        for kind, (count, painter) in _MANY.items():
            for k in range(count):
                self._pages[f"{kind}{k}"] = painter(self._rng)
        for kind in ("art", "cover", "label", "rug", "paper", "screen"):
            gloss = {"cover": 0.2, "label": 0.25, "screen": 0.35, "art": 0.08}.get(kind, 0.0)
            for k in range(_MANY[kind][0]):
                self._add(f"{kind}{k}", Finish(f"{kind}{k}", gloss=gloss, rough=0.15))

    def _add_furnishing(self) -> None:
        rng = self._rng
        self._add("plain", Finish("plain"))
        self._add("plastic", Finish("plain", gloss=0.3, rough=0.25))
        self._add("ceramic", Finish("plain", gloss=0.6, rough=0.12))
        self._add("lacquer", Finish("plain", gloss=0.35, rough=0.15), self.accent(rng))
        self._add("glass", Finish("plain", gloss=0.9, rough=0.05), 0.03)
        self._add("metal", Finish("metal", 0.6, 0.6, 0.2), rng.uniform(0.4, 1.1))
        self._add("leather", Finish("leather", 0.6, 0.15, 0.4), self._cloth(rng))
        self._add("stone", Finish("marble", 1.0, 0.4, 0.12), rng.choice([0.06, 0.25, 1.1]))
        self._add("leaf", Finish("leaf", 0.5, 0.1, 0.4))
        self._add("keyboard", Finish("keyboard"))
        self._add(
            "backsplash", Finish("tiles", rng.choice([0.3, 0.6, 1.0]), 0.4, 0.12), self._wall_paint(rng)
        )
        for k in range(_MANY["wood"][0]):
            self._add(
                f"wood{k}",
                Finish(f"wood{k}", 1.0, rng.uniform(0.05, 0.4), rng.uniform(0.15, 0.4)),
                self._wood(rng),
            )
        patterned = self._config.texture_variety
        for k in range(_MANY["fabric"][0]):
            page = f"fabric{k}" if rng.random() < 0.4 + 0.6 * patterned else "leather"
            self._add(f"fabric{k}", Finish(page, rng.uniform(0.3, 0.9)), self._cloth(rng))

    def _add_shell(self) -> None:
        rng, wild = self._rng, self._config.texture_variety
        common = self._wall_paint(rng)
        self._add("ceiling", Finish("plain", 2.0), rng.uniform(0.85, 1.05))
        self._add("trim", Finish("plain", 1.0, 0.15, 0.3), rng.choice([1.1, 1.0, 0.9, 0.3]))
        for k in range(WALLS):
            painter = surface.plain
            if rng.random() < 0.35 * wild:
                painter = _WALLS[int(rng.integers(len(_WALLS)))]
            self._pages[f"wall{k}"] = painter(rng)
            tint = common if rng.random() < 0.5 else self._wall_paint(rng)
            self._add(f"wall{k}", Finish(f"wall{k}", rng.uniform(0.6, 1.6), 0.03, 0.5), tint)
        for k in range(FLOORS):
            painter = (
                _FLOORS[int(rng.integers(len(_FLOORS)))] if rng.random() < 0.3 + 0.7 * wild else surface.plain
            )
            self._pages[f"floor{k}"] = painter(rng)
            self._add(f"floor{k}", *self._floor(rng, f"floor{k}", painter))

    def _floor(self, rng: Rng, page: str, painter: Callable[[Rng], Array]) -> tuple[Finish, Array]:
        if painter in (surface.planks, surface.parquet):
            return Finish(
                page, rng.uniform(0.9, 1.6), rng.uniform(0.1, 0.5), rng.uniform(0.12, 0.3)
            ), self._wood(rng)
        if painter is surface.carpet:
            return Finish(page, rng.uniform(0.4, 1.2)), self._cloth(rng)
        gloss = rng.uniform(0.15, 0.6)
        return Finish(page, rng.uniform(0.8, 1.8), gloss, rng.uniform(0.08, 0.3)), self._wall_paint(
            rng
        ) * rng.uniform(0.4, 1)

    def _wall_paint(self, rng: Rng) -> Array:
        """Draw a wall paint: white and pale tones mostly, strong colours now and then."""
        strong = rng.random() < 0.25 * self._config.colour_variety
        value = rng.uniform(0.25, 0.8) if strong else rng.uniform(0.72, 1.1)
        warm = np.array([1.02, 1.0, 0.95], np.float32) if rng.random() < 0.6 else np.ones(3, np.float32)
        return np.asarray(
            np.clip(value * warm * self._shift(rng, 0.55 if strong else 0.06), 0.02, 1.15), np.float32
        )

    def _wood(self, rng: Rng) -> Array:
        tone = _WOODS[int(rng.choice(len(_WOODS), p=_WOOD_SHARES))]
        return np.asarray(tone * rng.uniform(0.75, 1.15) * self._shift(rng, 0.08), np.float32)

    def _cloth(self, rng: Rng) -> Array:
        value = float(np.exp(rng.uniform(np.log(0.06), np.log(1.2))))
        return np.asarray(
            np.clip(value * self._shift(rng, 0.9 if rng.random() < 0.4 else 0.15), 0.015, 1.4), np.float32
        )


def hard(rng: Rng, palette: Palette) -> Coat:
    """Draw a hard finish for cabinets and tables."""
    kind = rng.random()
    if kind < 0.6:
        return palette.any_of("wood", rng)
    return palette.of("lacquer") if kind < 0.75 else palette.of("plastic", rng.choice([0.9, 0.75, 0.05, 0.4]))
