# SPDX-License-Identifier: Apache-2.0
"""Images and cameras that an indoor robot may send: answered, or refused with the reason, and the node goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from helpers.indoor_model import CAMERA, HEIGHT, WIDTH, picture, untrained_model
from helpers.indoor_run import FRAME_ID, IndoorRun
from helpers.node_run import STEP_NS
from helpers.processes import local_ros_environment

from geo_perception.geometry import PinholeCamera
from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig
from geo_perception.ros import conversions
from geo_perception.ros.nodes.indoor_depth.node import build_pipeline

pytestmark = pytest.mark.ros


@pytest.fixture(autouse=True, scope="module")
def this_machine_only() -> None:
    os.environ.update(local_ros_environment())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return untrained_model(tmp_path_factory.mktemp("models") / "indoor")


@pytest.fixture
def make(model: str) -> Iterator[Callable[..., IndoorRun]]:
    """Starts a node around the real pipeline, or the stand-in where the node itself decides."""
    runs: list[IndoorRun] = []

    def build(listen: tuple[str, ...] = ("depth",), *, stand_in: bool = False, **options: Any) -> IndoorRun:
        runs.append(IndoorRun(listen, model=model, precision="float32", **options))
        if not stand_in:
            runs[-1].build = build_pipeline
        return warmed_up(runs[-1])

    yield build
    for run in runs:
        run.close()


def warmed_up(run: IndoorRun) -> IndoorRun:
    """The node once it has answered: before, a message may be lost that its reader does not expect yet."""
    run.start()
    assert any(run.peer.answered(run.send(), limit_s=1.0) for _ in range(30))
    return run


def camera_of(height: int, width: int) -> PinholeCamera:
    """Of an image of that size, with the field of view of CAMERA."""
    focal_px = CAMERA.fx * width / WIDTH
    return PinholeCamera(focal_px, focal_px, (width - 1) / 2, (height - 1) / 2, width, height)


def sent(run: IndoorRun, pixels: np.ndarray, encoding: str = "rgb8", **info: Any) -> int:
    """Publish an image with the CameraInfo of its size, fields of which may be replaced; gives the stamp."""
    header = conversions.header(run.stamp_ns + STEP_NS, FRAME_ID)
    message = conversions.info_from_camera(camera_of(*pixels.shape[:2]), header)
    for name, value in info.items():
        setattr(message, name, value)
    return run.send(image=conversions.encode_image(pixels, encoding, header), info=message)


def goes_on(run: IndoorRun) -> None:
    """The next good frame is answered."""
    run.peer.wait_for_output(sent(run, picture()))


GREY = picture()[..., 0]
REFUSED = {
    "16 bit grey": (GREY.astype(np.uint16) << 8, "mono16", "encoding 'mono16' has no colours of known order"),
    "NaN float": (
        np.full((HEIGHT, WIDTH, 3), np.nan, np.float32),
        "32FC3",
        "encoding '32FC3' has no colours of known",
    ),
    "tiny": (picture(8, 8), "rgb8", "image is 8x8, allowed are 32 px a side and more"),
}


@pytest.mark.parametrize(("pixels", "encoding", "says"), REFUSED.values(), ids=REFUSED)
def test_other_images_are_refused_and_the_node_goes_on(
    make: Callable[..., IndoorRun], pixels: np.ndarray, encoding: str, says: str
) -> None:
    run = make()
    stamp_ns = sent(run, pixels, encoding)
    run.wait_for_drop("refused")
    (text,) = run.node.health.report().troubles
    assert says in text
    goes_on(run)
    assert stamp_ns not in run.peer.outputs["depth"]


ANSWERED = {
    "grey": (GREY, "mono8", np.repeat(GREY[..., None], 3, axis=2)),
    "portrait": (picture(WIDTH, HEIGHT), "rgb8", picture(WIDTH, HEIGHT)),
    "colours the other way": (picture()[..., ::-1], "bgr8", picture()),
    "16 bit colour": (picture().astype(np.uint16) * 257, "rgb16", picture()),
}


@pytest.mark.parametrize(("pixels", "encoding", "rgb"), ANSWERED.values(), ids=ANSWERED)
def test_any_image_of_known_colours_is_answered_as_the_pipeline_does(
    make: Callable[..., IndoorRun], model: str, pixels: np.ndarray, encoding: str, rgb: np.ndarray
) -> None:
    run = make(listen=("depth", "info"))
    stamp_ns = sent(run, np.ascontiguousarray(pixels), encoding)
    got = conversions.decode_depth(run.peer.wait_for_output(stamp_ns))
    camera = camera_of(*rgb.shape[:2])
    want = IndoorDepth(IndoorDepthConfig(model=model, precision="float32"))(rgb, camera).depth_m
    np.testing.assert_allclose(got, want, rtol=1e-4)
    assert conversions.camera_from_info(run.peer.wait_for_output(stamp_ns, "info")) == camera


SHOWS_NOTHING = {
    "black": (np.zeros_like(picture()), "the image is uniform"),
    "white": (np.full_like(picture(), 255), "the image is uniform"),
    "overexposed": (
        np.concatenate((np.full_like(picture()[:72], 255), picture()[72:])),
        "75% of the image is",
    ),
}


@pytest.mark.parametrize(("pixels", "says"), SHOWS_NOTHING.values(), ids=SHOWS_NOTHING)
def test_what_shows_nothing_is_answered_and_said(
    make: Callable[..., IndoorRun], pixels: np.ndarray, says: str
) -> None:
    run = make()
    depth_m = conversions.decode_depth(run.peer.wait_for_output(sent(run, pixels)))
    assert depth_m.shape == (HEIGHT, WIDTH) and np.isfinite(depth_m).all()
    run.wait_for_status("degraded", lambda what: what.startswith(says))
    goes_on(run)
    run.wait_for_status("degraded", lambda what: what == "no")


def matrix(focal_px: float) -> dict[str, np.ndarray]:
    """K and P of a focal length, which need not make sense."""
    K = np.array([[focal_px, 0, WIDTH / 2], [0, focal_px, HEIGHT / 2], [0, 0, 1]])
    return {"k": K.reshape(9), "p": np.column_stack((K, np.zeros(3))).reshape(12)}


def test_an_unusual_camera_is_answered_said_and_logged_once(make: Callable[..., IndoorRun]) -> None:
    run = make(stand_in=True)
    far = matrix(CAMERA.fx)
    for name, columns in (("k", 3), ("p", 4)):
        far[name][2], far[name][columns + 2] = WIDTH - 0.5, HEIGHT - 0.5
    for _ in range(2):
        run.peer.wait_for_output(sent(run, picture(), **far))
    says = "camera_info: P: principal point 127.5, 95.5 of a 128x96 image (middle of 256x192)"
    run.wait_for_status("degraded", lambda what: what.startswith(says))
    goes_on(run)
    run.wait_for_status("degraded", lambda what: what == "no")


def test_depth_is_unknown_where_rectification_left_black(make: Callable[..., IndoorRun]) -> None:
    run = make()
    rectified = {**matrix(CAMERA.fx), "d": [0.3, 0.0, 0.0, 0.0, 0.0]}
    header = conversions.header(1, FRAME_ID)
    message = conversions.info_from_camera(camera_of(HEIGHT, WIDTH), header)
    for name, value in rectified.items():
        setattr(message, name, value)
    outside = conversions.camera_from_info(message).outside
    assert outside is not None
    image = picture()
    raw = conversions.decode_depth(run.peer.wait_for_output(sent(run, image, **rectified)))
    assert np.isfinite(raw).all()  # a picture everywhere: it did not come rectified
    image[outside] = 0
    depth_m = conversions.decode_depth(run.peer.wait_for_output(sent(run, image, **rectified)))
    np.testing.assert_array_equal(np.isnan(depth_m), outside)


UNUSABLE = {
    "uncalibrated": (matrix(0.0), "is it calibrated"),
    "NaN": (matrix(float("nan")), "must be finite"),
    "focal length too short": (matrix(1.0), "field of view of 178 degrees, possible are 1 to 178"),
    "focal length too long": (matrix(1e5), r"field of view of 0.0733 degrees"),
    "of another size": (
        {"width": 2 * WIDTH, "height": 2 * HEIGHT},
        "image is 128x96, its CameraInfo says 256x192",
    ),
}


@pytest.mark.parametrize(("info", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_held_nothing_goes_out_with_an_unusable_camera_info(
    make: Callable[..., IndoorRun], info: dict[str, Any], says: str
) -> None:
    run = make(stand_in=True)
    before = len(run.pipeline.calls)
    stamp_ns = sent(run, picture(), **info)
    run.wait_for_drop("refused")
    (text,) = run.node.health.report().troubles
    assert text.startswith("camera_info: ") and says in text
    assert len(run.pipeline.calls) == before
    goes_on(run)
    assert stamp_ns not in run.peer.outputs["depth"]


@pytest.mark.parametrize(("info", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_degraded_it_goes_on_without_a_usable_camera_info(
    make: Callable[..., IndoorRun], info: dict[str, Any], says: str
) -> None:
    run = make(listen=("depth", "cloud"), stand_in=True, on_missing="degrade")
    stamp_ns = sent(run, picture(), **info)
    run.peer.wait_for_output(stamp_ns)
    run.wait_for_status("degraded", lambda what: what.startswith("camera_info: ") and says in what)
    assert run.pipeline.calls[-1].camera is None
    assert stamp_ns not in run.peer.outputs["cloud"]


def test_held_it_waits_for_a_camera_info_that_does_not_come(make: Callable[..., IndoorRun]) -> None:
    run = make(stand_in=True, warn_missing_s=0.1)
    stamp_ns = run.send(without="info")
    run.peer.wait_for_status("inputs", "camera_info: no message")
    goes_on(run)
    assert stamp_ns not in run.peer.outputs["depth"]


def test_degraded_it_goes_on_where_no_camera_info_comes(make: Callable[..., IndoorRun], model: str) -> None:
    run = make(listen=("depth", "cloud"), on_missing="degrade")
    stamp_ns = run.send(without="info")
    got = conversions.decode_depth(run.peer.wait_for_output(stamp_ns))
    want = IndoorDepth(IndoorDepthConfig(model=model, precision="float32"))(picture()).depth_m
    np.testing.assert_allclose(got, want, rtol=1e-4)
    said = "camera_info: missing; no camera: depth is for a focal length of 0.5 image sides"
    run.wait_for_status("degraded", lambda what: what == said)
    assert stamp_ns not in run.peer.outputs["cloud"]


def test_8k_is_answered(make: Callable[..., IndoorRun]) -> None:
    run = make(stand_in=True)
    tall, wide = 4320, 7680
    pixels = np.ascontiguousarray(np.broadcast_to(np.uint8(100), (tall, wide, 3)))
    depth = run.peer.wait_for_output(sent(run, pixels))
    assert (depth.height, depth.width) == (tall, wide)
