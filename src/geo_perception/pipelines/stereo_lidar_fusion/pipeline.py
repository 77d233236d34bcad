# SPDX-License-Identifier: Apache-2.0
"""Stereo pair + lidar sweep -> dense metric depth (chapter 4 of the dissertation; backends chosen by name)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from geo_perception._types import Array, Image, Mask
from geo_perception.errors import ConfigError, InputError
from geo_perception.geometry import StereoRig, drop_no_returns, project_lidar, se3, visible_returns
from geo_perception.pipelines.common import PRECISIONS, ModelChoice, timed
from geo_perception.pipelines.stereo_lidar_fusion.agreement import compare
from geo_perception.pipelines.stereo_lidar_fusion.disparity_alignment import (
    align_disparity,
    alignment_trust,
    unrefuted_returns,
)
from geo_perception.pipelines.stereo_lidar_fusion.estimates import (
    FusedDepth,
    FusionInputs,
    LidarEstimate,
    StereoEstimate,
)
from geo_perception.pipelines.stereo_lidar_fusion.measured import measured_pixels, return_reach_px
from geo_perception.pipelines.stereo_lidar_fusion.near_objects import (
    coarse_matcher,
    nearer_than_searched,
    without_too_near,
)
from geo_perception.pipelines.stereo_lidar_fusion.search_range import SearchRange, search_px
from geo_perception.pipelines.stereo_lidar_fusion.stages import COMPLETION, FUSION, STEREO, check_choice
from geo_perception.pipelines.stereo_lidar_fusion.uncertainty import relative_uncertainty

if TYPE_CHECKING:  # weights need torch, which the classical backends do without
    from geo_perception.weights import ModelCard

UNKNOWNS = NAN, LIMIT = "nan", "limit"


@dataclass(frozen=True)
class StereoLidarFusionConfig:
    """Options of the pipeline: implementation and weights of each stage."""

    stereo: str = "sgbm"  # sgbm or sgbm_fast (no weights), or psmnet
    completion: str = "morphology"  # morphology (no weights) or ssdc
    fusion: str = "scadc"  # scadc: any network of the SCADC family; or confidence (no weights)
    stereo_model: str = ""  # name in models/ or a folder with a model card
    completion_model: str = ""
    fusion_model: str = ""  # empty: the shipped model
    device: str = "cpu"
    precision: str = (
        "auto"  # bfloat16 where the processor multiplies it natively, else float32; or either by name
    )
    align_stereo: bool = True  # fit each frame's disparities to the returns by a line before fusing
    check_returns: bool = True  # drop returns far behind a surface that stereo matched (glass, roofs)
    max_depth_m: float = 80.0  # all depths end here
    min_depth_m: float = (
        3.0  # stereo searches as near as this where the image's width allows it; time goes with it
    )
    unknown: str = (
        "nan"  # of what nothing measured, such as the sky: nan; or limit, a guess of at most max_depth_m
    )

    def __post_init__(self) -> None:
        check_choice("stereo", self.stereo, dict(STEREO))
        check_choice("completion", self.completion, dict(COMPLETION))
        check_choice("fusion", self.fusion, dict(FUSION))
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision must be one of {PRECISIONS}, got {self.precision!r}")
        if not 1.0 <= self.max_depth_m <= 1000.0:
            raise ConfigError(f"max_depth_m must be between 1 and 1000, got {self.max_depth_m}")
        if not 0.1 <= self.min_depth_m < self.max_depth_m:
            raise ConfigError(
                f"min_depth_m must be at least 0.1 and below max_depth_m {self.max_depth_m:g}, got {self.min_depth_m}"
            )
        if self.unknown not in UNKNOWNS:
            raise ConfigError(f"unknown must be one of {UNKNOWNS}, got {self.unknown!r}")


class StereoLidarFusion:
    """The whole pipeline as one callable; construct once, call per frame (not from two threads at a time)."""

    def __init__(self, config: StereoLidarFusionConfig = StereoLidarFusionConfig()) -> None:
        """Load the backends.

        Raises:
            WeightsError: a model is missing, damaged or made for another network.
            ConfigError: the device does not exist.
        """
        self.config = config

        def choice(model: str) -> ModelChoice:
            return ModelChoice(model, config.device, config.precision)

        self._coarse = coarse_matcher()
        self._match, stereo_card = STEREO[config.stereo](choice(config.stereo_model))
        self._complete, completion_card = COMPLETION[config.completion](choice(config.completion_model))
        self._fuse, fusion_card = FUSION[config.fusion](choice(config.fusion_model))
        cards = {"stereo": stereo_card, "completion": completion_card, "fusion": fusion_card}
        self.models: dict[str, ModelCard] = {stage: card for stage, card in cards.items() if card is not None}

    def __call__(
        self,
        left: Image,
        right: Image | None,
        points_lidar: Array | None,
        rig: StereoRig,
        camera_from_lidar: NDArray[np.float64],
        disparity_px: Array | None = None,
    ) -> FusedDepth:
        """Depth of one frame.

        Args:
            left: (H, W, 3) RGB, rectified, of the rig's size.
            right: the same; None: the lidar stands alone.
            points_lidar: (N, >=3) metres in the lidar frame. None, or no return in the image: stereo stands alone.
            rig: calibration of the pair.
            camera_from_lidar: 4x4, lidar frame to left optical frame.
            disparity_px: (H, W) disparity computed elsewhere, replaces the stereo backend; not positive = unknown.

        Raises:
            InputError: a size or shape is wrong, or both right image and sweep are missing.
        """
        check_images(left, right, rig)
        stages: dict[str, float] = {}
        stereo = lidar = None
        searched = self.search_range(rig) if right is not None and disparity_px is None else None
        if right is not None:
            with timed("stereo", stages):
                stereo = self.stereo_estimate(left, right, rig, disparity_px)
        no_returns = 0
        if points_lidar is not None:
            with timed("projection", stages):
                returns = drop_no_returns(points_lidar)
                no_returns = len(points_lidar) - len(returns)
            lidar = self._completed(left, returns, rig, camera_from_lidar, stereo, stages)
        usable, beyond = stereo, None
        if stereo is not None and right is not None and searched is not None:
            with timed("stereo", stages):
                usable, beyond = self._without_too_near(left, right, stereo, lidar, rig, searched)
        with timed("fusion", stages):
            depth_m, confidence, aligned = self._combine(left, right, usable, lidar, rig)
            np.minimum(depth_m, np.float32(self.config.max_depth_m), out=depth_m)
        with timed("unknown", stages):
            if beyond is not None:
                depth_m[beyond] = np.nan
            if self.config.unknown == NAN:
                known = measured_pixels(left, right, usable, lidar, depth_m, rig, self.config.max_depth_m)
                depth_m[~known] = np.nan
        return FusedDepth(
            depth_m,
            confidence,
            None if stereo is None else stereo.depth_m,
            None if lidar is None else lidar.depth_m,
            None if lidar is None else lidar.sparse_depth_m,
            stages,
            None if lidar is None else lidar.agreement,
            searched,
            no_returns,
            lambda: relative_uncertainty(depth_m, confidence, aligned, rig.focal_baseline),
        )

    def _without_too_near(
        self,
        left: Image,
        right: Image,
        stereo: StereoEstimate,
        lidar: LidarEstimate | None,
        rig: StereoRig,
        searched: SearchRange,
    ) -> tuple[StereoEstimate, Mask]:
        """Stereo where it can have seen the surface, and the (H, W) pixels that nobody measured since it cannot."""
        beyond = nearer_than_searched(self._coarse, left, right, searched.disparities_px)
        return without_too_near(stereo, lidar, beyond, searched.nearest_m, return_reach_px(rig.left))

    def search_range(self, rig: StereoRig) -> SearchRange:
        """The disparities that stereo tries on this rig."""
        wanted = search_px(rig.focal_baseline, self.config.min_depth_m, rig.left.width)
        return SearchRange(self._match.search(wanted), rig.focal_baseline, self.config.min_depth_m)

    def stereo_estimate(
        self, left: Image, right: Image, rig: StereoRig, disparity_px: Array | None = None
    ) -> StereoEstimate:
        """Dense depth from the pair, limited to max_depth_m."""
        if disparity_px is None:
            disparity_px, valid = self._match(left, right, self.search_range(rig).disparities_px)
        else:
            valid = disparity_px > 0
        floor = np.float32(rig.focal_baseline / self.config.max_depth_m)
        return StereoEstimate(np.float32(rig.focal_baseline) / np.maximum(disparity_px, floor), valid)

    def lidar_estimate(
        self,
        left: Image,
        points_lidar: Array,
        rig: StereoRig,
        camera_from_lidar: NDArray[np.float64],
        stereo: StereoEstimate | None = None,
        stages: dict[str, float] | None = None,
    ) -> LidarEstimate | None:
        """Projected, filtered and completed returns; None if no return falls into the image.

        With `stereo`, returns that it refutes are removed too, unless `check_returns` is off. If it refutes all of
        them, none is removed: then it is the rig that is wrong, which `agreement` tells.
        """
        returns = drop_no_returns(points_lidar)
        return self._completed(
            left, returns, rig, camera_from_lidar, stereo, {} if stages is None else stages
        )

    def _completed(
        self,
        left: Image,
        returns: Array,
        rig: StereoRig,
        camera_from_lidar: NDArray[np.float64],
        stereo: StereoEstimate | None,
        stages: dict[str, float],
    ) -> LidarEstimate | None:
        with timed("projection", stages):
            raw = project_lidar(se3.apply(camera_from_lidar, returns[:, :3]), rig.left)
            raw[raw > self.config.max_depth_m] = np.nan
            sparse = visible = visible_returns(raw, rig.left)
            if np.isnan(visible).all():
                return None
            agreement = None
            if stereo is not None:
                if self.config.check_returns:
                    sparse = unrefuted_returns(visible, stereo, rig.focal_baseline)
                agreement = compare(stereo.depth_m, stereo.valid, visible, sparse, rig.focal_baseline)
                sparse = visible if np.isnan(sparse).all() else sparse
        with timed("completion", stages):
            dense = self._complete(sparse, left)
            np.minimum(dense, np.float32(self.config.max_depth_m), out=dense)
            distance = cv2.distanceTransform(np.isnan(sparse).view(np.uint8), cv2.DIST_L2, 5)
        return LidarEstimate(raw, sparse, dense, distance, agreement)

    def fusion_inputs(
        self, left: Image, right: Image, stereo: StereoEstimate, lidar: LidarEstimate, rig: StereoRig
    ) -> FusionInputs:
        """Both estimates for the fusion stage, stereo aligned to the returns unless `align_stereo` is off."""
        if self.config.align_stereo:
            stereo = self._aligned(stereo, lidar, np.float32(rig.focal_baseline))
        return FusionInputs(left, right, stereo, lidar, rig.focal_baseline)

    def _aligned(
        self, stereo: StereoEstimate, lidar: LidarEstimate, focal_baseline: np.float32
    ) -> StereoEstimate:
        """Stereo corrected by `align_disparity`: fully near the returns, not at all far from every one."""
        pairs = np.flatnonzero(stereo.valid & ~np.isnan(lidar.sparse_depth_m))
        disparity = focal_baseline / stereo.depth_m
        measured = focal_baseline / lidar.sparse_depth_m.take(pairs)
        scale, offset = align_disparity(disparity.take(pairs), measured)
        floor = focal_baseline / np.float32(self.config.max_depth_m)
        out = disparity * np.float32(scale - 1)  # in place from here on: a new image costs more than the sum
        out += np.float32(offset)
        out *= alignment_trust(lidar.distance_px)
        out += disparity
        np.divide(focal_baseline, np.maximum(out, floor, out=out), out=out)
        # what stereo put at the limit, it did not measure: it stays there
        np.copyto(out, stereo.depth_m, where=disparity <= floor)
        return replace(stereo, depth_m=out)

    def _combine(
        self,
        left: Image,
        right: Image | None,
        stereo: StereoEstimate | None,
        lidar: LidarEstimate | None,
        rig: StereoRig,
    ) -> tuple[Array, Array, StereoEstimate | None]:
        """Depth, confidence, and stereo as it went into them."""
        if stereo is not None and right is not None and lidar is not None:
            inputs = self.fusion_inputs(left, right, stereo, lidar, rig)
            return *self._fuse(inputs), inputs.stereo
        if stereo is not None:
            return stereo.depth_m.copy(), np.zeros_like(stereo.depth_m), stereo
        if lidar is not None:
            return lidar.depth_m.copy(), np.ones_like(lidar.depth_m), None
        raise InputError(
            "neither a right image nor a lidar return in view: there is nothing to get depth from"
        )


def check_images(left: Image, right: Image | None, rig: StereoRig) -> None:
    """Raise InputError unless both images are (H, W, 3) uint8 of the rig's size."""
    want = (*rig.left.size, 3)
    for name, image in (("left", left), ("right", right)):
        if image is not None and (image.shape != want or image.dtype != np.uint8):
            raise InputError(
                f"{name} image must be {want} uint8 as calibrated, got {image.shape} {image.dtype}"
            )
