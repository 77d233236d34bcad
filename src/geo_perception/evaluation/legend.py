# SPDX-License-Identifier: Apache-2.0
"""Titles and colour bars drawn into panels, so that a copied panel keeps its legend."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from geo_perception._types import Image as Image8
from geo_perception.preview import UNKNOWN_RGB, ColourScale

PAPER, INK = (250, 250, 250), (20, 20, 20)
TITLE_HEIGHT, LEGEND_HEIGHT = 28, 46
TITLE_SIZE, LEGEND_SIZE, SMALLEST_SIZE = 17, 17, 9  # pixels; the second is still readable on a phone
TITLE_MARGIN, MARGIN, TOP, BAR_HEIGHT, SWATCH = 6, 14, 5, 16, 16


def title_strip(text: str, width: int) -> Image8:
    """Draw text on a strip (TITLE_HEIGHT, width, 3), smaller where it would not fit, cut where it still does not."""
    strip, draw = _paper(TITLE_HEIGHT, width)
    room, size = width - 2 * TITLE_MARGIN, TITLE_SIZE
    while draw.textlength(text, _font(size)) > room and size > SMALLEST_SIZE:
        size -= 1
    if draw.textlength(text, _font(size)) > room:
        while len(text) > 1 and draw.textlength(f"{text} ..", _font(size)) > room:
            text = text[:-1]
        text = f"{text} .."
    draw.text((TITLE_MARGIN, TITLE_HEIGHT // 2), text, INK, _font(size), anchor="lm")
    return np.asarray(strip)


def colour_legend(scale: ColourScale, width: int) -> Image8:
    """Draw the colour bar (LEGEND_HEIGHT, width, 3) with ticks and unit, and the colour of unknown values."""
    strip, draw = _paper(LEGEND_HEIGHT, width)
    font = _font(LEGEND_SIZE)
    key = SWATCH + 6 + round(draw.textlength(scale.unknown, font)) + 2 * MARGIN if scale.unknown else 0
    bar_width = max(width - 2 * MARGIN - key, 40)
    colours = scale.table[1:, 0][np.linspace(0, len(scale.table) - 2, bar_width).round().astype(int)]
    strip.paste(Image.fromarray(np.repeat(colours[None], BAR_HEIGHT, 0)), (MARGIN, TOP))
    _ticks(draw, scale, bar_width)
    if scale.unknown:
        left = width - key + MARGIN
        draw.rectangle((left, TOP, left + SWATCH - 1, TOP + SWATCH - 1), fill=UNKNOWN_RGB)
        draw.text((left + SWATCH + 6, TOP + SWATCH // 2), scale.unknown, INK, font, anchor="lm")
    return np.asarray(strip)


def tick_label(scale: ColourScale, value: float) -> str:
    """Format a tick; the ends of a logarithmic scale stand for everything beyond them, too."""
    if not scale.logarithmic:
        return f"{value:g}"
    sign = {scale.low: "<", scale.high: ">"}.get(value, "")
    return f"{sign}{value:g}{f' {scale.unit}' if value == scale.high and scale.unit else ''}"


def scale_in_words(scale: ColourScale) -> str:
    """Describe the scale for those who do not see the panel."""
    unit = f" {scale.unit}" if scale.unit else ""
    unknown = f", grey: {scale.unknown}" if scale.unknown else ""
    return f"colours from {scale.low:g} to {scale.high:g}{unit}{unknown}"


def _ticks(draw: ImageDraw.ImageDraw, scale: ColourScale, bar_width: int) -> None:
    """Draw both ends always, ticks between where there is room."""
    font, bottom = _font(LEGEND_SIZE), TOP + BAR_HEIGHT
    ticks = scale.ticks()
    taken: list[tuple[float, float]] = []
    for value in (ticks[0], ticks[-1], *ticks[1:-1]):
        x = MARGIN + float(scale.position(np.float32(value))) * (bar_width - 1)
        text = tick_label(scale, value)
        half = draw.textlength(text, font) / 2
        middle = min(max(x, half + 2), bar_width + 2 * MARGIN - 4 - half)  # the ends' letters stay inside
        if any(middle - half < right + 5 and middle + half > left - 5 for left, right in taken):
            continue
        taken.append((middle - half, middle + half))
        draw.line((x, bottom, x, bottom + 3), INK)
        draw.text((middle, bottom + 4), text, INK, font, anchor="mt")


def _paper(height: int, width: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    strip = Image.new("RGB", (width, height), PAPER)
    return strip, ImageDraw.Draw(strip)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load Pillow's own scalable font, so that nothing has to be installed; Latin only."""
    return ImageFont.load_default(size)
