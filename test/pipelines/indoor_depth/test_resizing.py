# SPDX-License-Identifier: Apache-2.0
"""What part of an image a network sees, and that its depth comes back to where it was seen."""

import numpy as np
import pytest
from helpers.indoor_model import picture

from geo_perception.errors import ConfigError
from geo_perception.geometry import PinholeCamera, depth_to_points
from geo_perception.pipelines.indoor_depth.resizing import ASPECTS, frame

SIZES = [(480, 640), (640, 480), (33, 97), (64, 64), (1080, 1920)]
NETWORK = (64, 96)


def slanted_plane(size):
    """Inverse depth linear in the image: a plane; shares of the image as coordinates."""
    y, x = ((np.arange(n) + 0.5) / n for n in size)
    return (1 / (0.2 + 0.1 * x + 0.3 * y[:, None])).astype(np.float32)


@pytest.mark.parametrize("aspect", ASPECTS)
@pytest.mark.parametrize("size", SIZES)
def test_image_and_depth_have_their_sizes(size, aspect):
    framing = frame(size, NETWORK, aspect)
    assert framing.to_network(picture(*size)).shape == (*NETWORK, 3)
    depth_m = framing.to_image(np.full(NETWORK, 2.0, np.float32))
    assert depth_m.shape == size and depth_m.dtype == np.float32
    np.testing.assert_allclose(depth_m[framing.source.slices], 2.0, rtol=1e-6)
    assert np.isnan(depth_m).any() == (
        aspect == "crop" and framing.source.slices != frame(size, NETWORK, "stretch").source.slices
    )


@pytest.mark.parametrize("size", [(480, 640), (640, 480)])
def test_planes_stay_planes(size):
    depth_m = frame(size, NETWORK, "stretch").to_image(slanted_plane(NETWORK))
    inside = (slice(10, -10), slice(10, -10))  # at the border interpolation has nothing beyond
    np.testing.assert_allclose(depth_m[inside], slanted_plane(size)[inside], rtol=1e-4)


@pytest.mark.parametrize("aspect", ["pad", "crop"])
def test_kept_aspect_keeps_squares_square(aspect):
    framing = frame((480, 640), (64, 64), aspect)
    x = framing.target.width / framing.source.width
    y = framing.target.height / framing.source.height
    assert x == pytest.approx(y, rel=0.01)


@pytest.mark.parametrize("aspect", ASPECTS)
def test_padding_repeats_the_edge_and_nothing_is_mirrored(aspect):
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 100:] = 200
    seen = frame((100, 200), (64, 64), aspect).to_network(image)
    assert (seen[:, :31] == 0).all() and (seen[:, 33:] == 200).all()


def test_focal_length_is_that_of_what_is_seen():
    camera = PinholeCamera(320, 320, 319.5, 239.5, 640, 480)
    shares = {a: frame((480, 640), (64, 64), a).focal_share(camera) for a in ASPECTS}
    assert shares["crop"] == pytest.approx(320 / 480)
    assert shares["pad"] == pytest.approx(320 / 640)
    assert shares["stretch"] == pytest.approx(np.sqrt(shares["crop"] * shares["pad"]))


def test_a_scaled_plane_is_seen_alike_by_both_focal_lengths():
    """Why depth is multiplied: a longer lens sees at f times the depth what a shorter one sees at depth one."""
    size, depth_m = (48, 64), np.full((48, 64), 2.0, np.float32)
    short, long = (PinholeCamera(f, f, 31.5, 23.5, 64, 48) for f in (32.0, 64.0))
    factor = frame(size, size, "stretch").focal_share(long) / frame(size, size, "stretch").focal_share(short)
    near, far = depth_to_points(depth_m, short), depth_to_points(depth_m * np.float32(factor), long)
    np.testing.assert_allclose(near[..., :2], far[..., :2], rtol=1e-5)


def test_unknown_aspects_are_refused():
    with pytest.raises(ConfigError, match="aspect must be one of stretch, pad, crop, got 'squash'"):
        frame((10, 10), NETWORK, "squash")
