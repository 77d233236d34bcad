# SPDX-License-Identifier: Apache-2.0
"""Random photographic augmentation, from the published colour jitter to the faults of cheap sensors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Image
from training.options import SHARE, Range

Float = NDArray[np.float32]

GREY = np.array((0.299, 0.587, 0.114), np.float32)


@dataclass(frozen=True)
class Photographic:
    """Strengths; 0 switches one off. `public_2024` is the published jitter, the rest closes the gap to real cameras."""

    chance: Annotated[float, SHARE] = 0.5  # of the jitter of a sample
    brightness: Annotated[float, SHARE] = 0.2  # factor of the jitter, 1 +- this
    contrast: Annotated[float, SHARE] = 0.2  # factor about the mean grey, 1 +- this
    saturation: Annotated[float, SHARE] = 0.2  # factor of the distance from grey, 1 +- this
    # turn of the colour circle, +- this share of it; VA 0.1, MonoDepth2 0.1
    hue: Annotated[float, Range(0, 0.5)] = 0.3
    # drawn anew for every frame (public DistDepth); MonoDepth2 and ManyDepth: once a sample
    per_frame: bool = True
    exposure_stops: Annotated[float, Range(0, 10)] = 0.0  # in linear light, clipped as a sensor does
    gamma: Annotated[float, Range(0, 3)] = 0.0  # exponent exp(+-this)
    white_balance: Annotated[float, Range(0, 3)] = 0.0  # gain of red and blue, exp(+-this)
    blur_px: Annotated[float, Range(0, 50)] = 0.0  # largest Gaussian sigma, at the network's size
    noise: Annotated[float, SHARE] = 0.0  # largest standard deviation of sensor noise, of 1
    jpeg: Annotated[float, SHARE] = 0.0  # share of frames compressed, quality 30 to 90
    grey: Annotated[float, SHARE] = 0.0  # share of frames without colour
    # share of frames without fine texture: where dense, only rendered rooms are far
    smooth: Annotated[float, SHARE] = 0.0
    # share of frames with patches in direct light or shade, most of them overexposed
    sunlight: Annotated[float, SHARE] = 0.0


REALISTIC = Photographic(
    chance=0.8,
    hue=0.05,
    exposure_stops=0.8,
    gamma=0.25,
    white_balance=0.15,
    blur_px=1.0,
    noise=0.03,
    jpeg=0.3,
)
# For training on rendered images alone. Wilder colours, blur and exposure than these cost more than they brought.
RENDERED = replace(REALISTIC, grey=0.03, sunlight=0.2)


def augment(image: Image, options: Photographic, random: np.random.Generator) -> Float:
    """(H,W,3) RGB -> float32 0..1 of the same shape, with the options' effects drawn from `random`."""
    out: Float = image.astype(np.float32) / np.float32(255)
    if random.random() < options.chance:
        out = jitter(lens_and_sensor(out, options, random), options, random)
    if options.smooth and random.random() < options.smooth:
        out = without_texture(out, random)
    return out


def jitter(image: Float, options: Photographic, random: np.random.Generator) -> Float:
    """Jitter brightness, contrast, saturation and hue in random order."""
    for step in random.permutation(4):
        if step == 0 and options.brightness:
            image = image * factor(options.brightness, random)
        elif step == 1 and options.contrast:
            image = blend(image, (image @ GREY).mean(), factor(options.contrast, random))
        elif step == 2 and options.saturation:
            image = blend(image, (image @ GREY)[..., None], factor(options.saturation, random))
        elif step == 3 and options.hue:
            image = turn_hue(image, random.uniform(-options.hue, options.hue))
        image = np.clip(image, 0, 1)
    if options.grey and random.random() < options.grey:
        image = np.repeat((image @ GREY)[..., None], 3, axis=2)
    return image


def factor(strength: float, random: np.random.Generator) -> np.float32:
    """Draw a factor 1 +- strength."""
    return np.float32(random.uniform(1 - strength, 1 + strength))


def blend(image: Float, other: Float | np.float32, share: np.float32) -> Float:
    """Blend a share of the image with the rest of the other, (H,W,3)."""
    return share * image + (1 - share) * other


def turn_hue(image: Float, share: float) -> Float:
    """Rotate hues (H,W,3) by a share of a full turn."""
    hsv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + np.float32(360 * share)) % 360
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def lens_and_sensor(image: Float, options: Photographic, random: np.random.Generator) -> Float:
    """Apply blur, exposure, white balance, noise, gamma and compression to (H,W,3), in a camera's order."""
    if options.blur_px:
        sigma = random.uniform(0, options.blur_px)
        image = cv2.GaussianBlur(image, (0, 0), sigma) if sigma > 0.2 else image
    gains = light_gains(options, random)
    if options.sunlight and random.random() < options.sunlight:
        gains = gains * patches(image.shape[:2], random)[..., None]
    if (gains != 1).any():
        image = np.clip(image**2.2 * gains, 0, 1) ** np.float32(1 / 2.2)
    if options.noise:
        image = image + random.normal(0, random.uniform(0, options.noise), image.shape).astype(np.float32)
    image = np.clip(image, 0, 1)
    if options.gamma:
        image = image ** np.float32(np.exp(random.uniform(-options.gamma, options.gamma)))
    if options.jpeg and random.random() < options.jpeg:
        image = compress(image, int(random.integers(30, 91)))
    return image


def light_gains(options: Photographic, random: np.random.Generator) -> Float:
    """Draw the gain of each channel in linear light."""
    exposure = 2 ** random.uniform(-options.exposure_stops, options.exposure_stops)
    red, blue = np.exp(random.uniform(-options.white_balance, options.white_balance, 2))
    return np.asarray((exposure * red, exposure, exposure * blue), np.float32)


def patches(size: tuple[int, int], random: np.random.Generator) -> Float:
    """Draw a gain (H,W) in linear light: brighter or darker parallelograms, as a window casts on floors and walls.

    They do not follow the geometry, so that brightness alone is no cue for depth.
    """
    height, width = size
    mask = np.zeros(size, np.float32)
    centre = random.uniform(0, 1, 2) * (width, height)
    sides = random.normal(0, 0.35, (2, 2)) * min(size)
    panes = int(random.integers(1, 4))
    for pane in range(panes):  # side by side with bars between
        start = centre + sides[0] * pane / panes
        corners = start + np.asarray(((0, 0), (1, 0), (1, 1), (0, 1))) @ (sides * ((0.9 / panes,), (1.0,)))
        cv2.fillConvexPoly(mask, np.round(corners * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
    mask = cv2.GaussianBlur(mask, (0, 0), random.uniform(0.3, 0.03 * min(size)))
    stops = random.uniform(1, 4) if random.random() < 0.75 else random.uniform(-3, -1)
    return np.asarray(2 ** (stops * mask), np.float32)


def compress(image: Float, quality: int) -> Float:
    """Compress the image (H,W,3) by JPEG and decode it."""
    bgr = np.ascontiguousarray(np.round(image[..., ::-1] * 255).astype(np.uint8))
    _, data = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32)[..., ::-1] / np.float32(255)


def without_texture(image: Float, random: np.random.Generator) -> Float:
    """Remove fine texture from (H,W,3) and keep edges: a median or bilateral filter of a few pixels, once or twice."""
    kind = random.integers(4)
    for _ in range(random.integers(1, 3)):
        if kind == 3:
            image = cv2.bilateralFilter(image, 7, random.uniform(0.1, 0.3), 3)
        else:
            image = cv2.medianBlur(image, 3 if kind == 0 else 5)
    return image
