# SPDX-License-Identifier: Apache-2.0
"""The noise that textures are painted with."""

from __future__ import annotations

import numpy as np
import pytest

from geo_perception.simulation.textures import fractal, normal_deviates

SIZE = 256


@pytest.mark.parametrize(("slope", "shortest_px", "longest_px"), [(0.5, 2, 60), (1.2, 2, 256), (0.0, 8, 64)])
def test_fractal_noise_has_the_spectrum_that_was_asked_for(
    slope: float, shortest_px: float, longest_px: float
) -> None:
    rng = np.random.default_rng(5)
    x, y = np.meshgrid(np.fft.rfftfreq(SIZE), np.fft.fftfreq(SIZE))
    frequency, power = np.hypot(x, y), np.zeros((SIZE, SIZE // 2 + 1))
    for _ in range(30):
        noise = fractal(rng, slope, shortest_px, longest_px, SIZE)
        assert noise.dtype == np.float32 and noise.std() == pytest.approx(1, abs=1e-3)
        power += np.abs(np.fft.rfft2(noise)) ** 2
    inside = (frequency > 1 / longest_px) & (frequency < 0.999 / shortest_px)
    outside = (frequency < 0.98 / longest_px) | (frequency > 1.001 / shortest_px)
    assert power[outside].max() < 1e-6 * power[inside].min()
    flat = power[inside] * frequency[inside] ** (2 * slope)
    # In every direction alike: the same mean along the axes, whose coefficients are stored apart, as elsewhere.
    on_axis = ((x == 0) | (y == 0) | (x == 0.5))[inside]
    assert flat[on_axis].mean() == pytest.approx(flat[~on_axis].mean(), rel=0.15)
    low = frequency[inside] < np.median(frequency[inside])
    assert flat[low].mean() == pytest.approx(flat[~low].mean(), rel=0.05)


def test_normal_deviates_are_normal_and_repeatable() -> None:
    numbers = normal_deviates(np.random.default_rng(1), (300, 200, 3))
    assert numbers.shape == (300, 200, 3) and numbers.dtype == np.float32
    assert numbers.mean() == pytest.approx(0, abs=0.01) and numbers.std() == pytest.approx(1, abs=0.01)
    for limit, share in ((1, 0.6827), (2, 0.9545), (3, 0.9973)):
        assert (np.abs(numbers) < limit).mean() == pytest.approx(share, abs=0.003)
    assert (numbers == normal_deviates(np.random.default_rng(1), (300, 200, 3))).all()
