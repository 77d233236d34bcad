# SPDX-License-Identifier: Apache-2.0
"""Indoor depth as a whole: any image or one clear refusal, the camera's focal length, what the card decides."""

import numpy as np
import pytest
import torch
from helpers.indoor_model import CAMERA, HEIGHT, WIDTH, picture, untrained_model

from geo_perception.errors import ConfigError, GeoPerceptionError, InputError, WeightsError
from geo_perception.geometry import PinholeCamera
from geo_perception.networks import build
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.weights import ModelCard, load_model, save_model


def test_at_the_networks_size_it_is_the_network(pipeline, model):
    image = picture(64, 64)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    want = load_model(model)(pixels).depth_m[0, 0].numpy()
    got = pipeline(image)
    np.testing.assert_allclose(got.depth_m, want, rtol=1e-4)
    assert list(got.stages_ms) == ["resize", "network", "depth to image"]
    assert pipeline.models["depth"].network == "distdepth"


def test_half_precision_is_near(pipeline, model):
    half = IndoorDepth(IndoorDepthConfig(model=model, precision="bfloat16"))
    difference = half(picture()).depth_m / pipeline(picture()).depth_m - 1
    assert np.abs(difference).max() < 0.05


def test_the_focal_length_scales_depth(pipeline):
    without, with_camera = pipeline(picture()), pipeline(picture(), CAMERA)
    factor = np.sqrt(CAMERA.fx / WIDTH * CAMERA.fy / HEIGHT) / 0.5
    assert with_camera.focal_scale == pytest.approx(factor)
    assert without.focal_scale is None
    np.testing.assert_allclose(with_camera.depth_m, without.depth_m * factor, rtol=1e-5)
    assert any("no camera: depth is for a focal length of 0.5" in note for note in without.notes)
    assert with_camera.notes == ()


def test_scaling_can_be_switched_off(pipeline, model):
    unscaled = IndoorDepth(IndoorDepthConfig(model=model, precision="float32", scale_by_focal=False))
    result = unscaled(picture(), CAMERA)
    assert result.focal_scale is None and result.notes == ()
    np.testing.assert_array_equal(result.depth_m, pipeline(picture()).depth_m)


def test_a_card_without_canonical_focal_length_is_said(tmp_path):
    result = IndoorDepth(IndoorDepthConfig(model=untrained_model(tmp_path / "m", canonical_focal=None)))(
        picture(), CAMERA
    )
    assert result.focal_scale is None
    assert any("names no canonical focal length" in note for note in result.notes)


def test_the_card_decides_unless_told_otherwise(tmp_path):
    folder = untrained_model(tmp_path / "m", size=[64, 96], aspect="crop")
    assert IndoorDepth(IndoorDepthConfig(model=folder)).input_spec.size == (64, 96)
    assert IndoorDepth(IndoorDepthConfig(model=folder)).input_spec.aspect == "crop"
    told = IndoorDepth(IndoorDepthConfig(model=folder, network_width=128, aspect="pad"))
    assert (told.input_spec.size, told.input_spec.aspect) == ((64, 128), "pad")
    silent = untrained_model(tmp_path / "silent", size=None)
    contract = IndoorDepth(IndoorDepthConfig(model=silent)).input_spec
    assert (contract.size, contract.aspect) == ((256, 256), "stretch")


@pytest.mark.parametrize(
    ("entries", "name"),
    [
        ({"size": [64]}, "size"),
        ({"size": [70, 64]}, "size"),
        ({"aspect": "squash"}, "aspect"),
        ({"canonical_focal": "wide"}, "canonical_focal"),
        ({"flip": "yes"}, "flip"),
        ({"multi_scale": {"size": [64]}}, "multi_scale.size"),
        ({"multi_scale": {"size": [64, 100]}}, "multi_scale.size"),
        ({"multi_scale": {"share": 0.0}}, "multi_scale.share"),
        ({"multi_scale": {"share": 1}}, "multi_scale.share"),
        ({"multi_scale": {"model": 7}}, "multi_scale.model"),
        ({"type": "bgr"}, "type"),
        ({"layout": "NHWC"}, "layout"),
        ({"range": [0, 255]}, "range"),
        ({"mean": [0.5, 0.5, 0.5]}, "mean"),
        ({"std": [0.2, 0.2, 0.2]}, "std"),
    ],
)
def test_cards_that_make_no_sense_are_refused(tmp_path, entries, name):
    with pytest.raises(WeightsError, match=rf"input\.{name} of its card"):
        IndoorDepth(IndoorDepthConfig(model=untrained_model(tmp_path / "m", **entries)))


GOOD = {
    "colour": picture(),
    "portrait": picture(WIDTH, HEIGHT),
    "grey": picture()[..., 0],
    "grey with a channel": picture()[..., :1],
    "mirrored view": picture()[:, ::-1],
    "rows with gaps": picture(2 * HEIGHT)[::2],
    "read only": np.frombuffer(picture().tobytes(), np.uint8).reshape(HEIGHT, WIDTH, 3),
    "smallest": picture(32, 32),
    "panorama": picture(40, 2000),
}


@pytest.mark.parametrize("image", GOOD.values(), ids=GOOD)
def test_any_image_gives_depth_of_its_size(pipeline, image):
    depth_m = pipeline(image).depth_m
    assert depth_m.shape == image.shape[:2] and depth_m.dtype == np.float32
    config = pipeline.models["depth"].config
    assert config and (depth_m > 0.13).all() and (depth_m < 13.13).all()  # the range of the network's config


def test_grey_is_the_same_in_three_channels(pipeline):
    grey = picture()[..., 0]
    want = pipeline(np.repeat(grey[..., None], 3, axis=2)).depth_m
    np.testing.assert_array_equal(pipeline(grey).depth_m, want)
    np.testing.assert_array_equal(pipeline(grey[..., None]).depth_m, want)


def test_portrait_has_depth_and_scale_of_its_own_camera(pipeline):
    """Stretched to a square, a portrait's pixels are widened where a landscape's are narrowed."""
    tall = PinholeCamera(CAMERA.fy, CAMERA.fx, CAMERA.cy, CAMERA.cx, HEIGHT, WIDTH)
    result = pipeline(picture(WIDTH, HEIGHT), tall)
    assert result.depth_m.shape == (WIDTH, HEIGHT)
    assert result.focal_scale == pytest.approx(pipeline(picture(), CAMERA).focal_scale)


def test_8k_has_the_depth_of_the_same_view_in_small(pipeline):
    small = picture(72, 128)
    large = np.repeat(np.repeat(small, 60, axis=0), 60, axis=1)
    depth_m = pipeline(large).depth_m
    assert depth_m.shape == (4320, 7680)
    np.testing.assert_allclose(depth_m[30::60, 30::60], pipeline(small).depth_m, rtol=0.02)


BAD = {
    "tiny": (picture(8, 8), r"image is 8x8, allowed are 32 px a side"),
    "empty": (np.zeros((0, 5, 3), np.uint8), "image is 5x0"),
    "gigantic": (np.broadcast_to(np.uint8(0), (1 << 14, 1 << 14, 3)), "up to 134217728 pixels"),
    "16 bit": (picture().astype(np.uint16), r"RGB uint8 .* got uint16 \(96, 128, 3\)"),
    "16 bit grey": (picture()[..., 0].astype(np.uint16), r"grey uint8 \(H, W\), got uint16 \(96, 128\)"),
    "NaN float": (np.full((96, 128, 3), np.nan, np.float32), r"got float32 \(96, 128, 3\)"),
    "float in 0..1": ((picture() / 255).astype(np.float32), r"got float32 \(96, 128, 3\)"),
    "alpha": (np.zeros((96, 128, 4), np.uint8), r"got \(96, 128, 4\)"),
    "batch": (np.zeros((1, 96, 128, 3), np.uint8), r"got \(1, 96, 128, 3\)"),
    "nothing": (None, "got NoneType"),
}


@pytest.mark.parametrize(("image", "says"), BAD.values(), ids=BAD)
def test_other_images_are_refused_with_the_reason(pipeline, image, says):
    with pytest.raises(InputError, match=says):
        pipeline(image)


@pytest.mark.parametrize(
    ("level", "note"), [(0, "uniform"), (255, "uniform"), (128, "uniform")], ids=["black", "white", "grey"]
)
def test_an_image_that_shows_nothing_is_said(pipeline, level, note):
    result = pipeline(np.full((HEIGHT, WIDTH, 3), level, np.uint8), CAMERA)
    assert result.depth_m.shape == (HEIGHT, WIDTH) and np.isfinite(result.depth_m).all()
    assert len(result.notes) == 1 and note in result.notes[0]


def test_overexposure_is_said(pipeline):
    image = picture()
    image[:72] = 255
    result = pipeline(image, CAMERA)
    assert result.notes == ("75% of the image is overexposed",)
    assert np.isfinite(result.depth_m).all()
    assert pipeline(image[60:], camera(80.0, height=36)).notes == ()  # a window at noon is no reason to worry


def camera(fx, fy=None, width=WIDTH, height=HEIGHT):
    return PinholeCamera(fx, fy or fx, width / 2, height / 2, width, height)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (camera(80.0, width=256), "image is 128x96, its camera 256x96"),
        (camera(1.0), "field of view of 178 degrees, allowed are 10 to 150"),
        (camera(1e5), "field of view of 0.0733 degrees, allowed are 10 to 150"),
        (camera(80.0, 20.0), "fx / fy must be between"),
    ],
)
def test_cameras_that_cannot_be_are_refused(pipeline, wrong, says):
    with pytest.raises(InputError, match=says):
        pipeline(picture(), wrong)


@pytest.mark.parametrize("focal_px", [0.0, -80.0, np.nan, np.inf])
def test_focal_lengths_that_are_none_make_no_camera(focal_px):
    with pytest.raises(InputError, match=r"fx, fy > 0"):
        camera(focal_px)


@pytest.mark.parametrize(
    "options",
    [
        {"precision": "int4"},
        {"aspect": "squash"},
        {"flip_augmentation": "both"},
        {"network_height": 100},
        {"network_width": 32},
    ],
)
def test_unknown_choices_list_what_exists(options):
    (name,) = options
    with pytest.raises(ConfigError, match=name):
        IndoorDepthConfig(**options)


def test_a_missing_or_foreign_model_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="no model 'nowhere'; there are"):
        IndoorDepth(IndoorDepthConfig(model="nowhere"))
    save_model(build("posenet"), tmp_path / "pose", ModelCard(network="posenet"))
    with pytest.raises(
        GeoPerceptionError, match="holds network 'posenet', 'distdepth' or 'video_depth' is needed"
    ):
        IndoorDepth(IndoorDepthConfig(model=str(tmp_path / "pose")))
