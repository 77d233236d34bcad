# SPDX-License-Identifier: Apache-2.0
"""Training of depth from a frame and the one before it beside a teacher of one image: ManyDepth (arXiv 2104.14540).

The teacher and the pose network learn as in MonoDepth2. The multi-frame network learns from the same views where its
cost volume can be trusted and from the teacher elsewhere. Some samples see a still scene or no neighbour at all, so
that the network copes with either. DistDepth-M is the same with an expert.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor, nn

from geo_perception.geometry.reprojection import transform_from_axis_angle
from geo_perception.networks.distdepth import DistDepth, DistDepthConfig, sigmoid_to_depth
from geo_perception.networks.encoders.matching import Neighbours, edges_at_zero
from geo_perception.networks.manydepth import MultiFrameOutput, track_bin_range
from geo_perception.networks.video_depth import VideoDepth, VideoDepthConfig
from training.data.depth import IndoorBatch
from training.depth.self_supervision import Views, full_resolution, warp_sources
from training.depth.student import (
    LossOutput,
    Objective,
    Prediction,
    Saved,
    StepNoise,
    compute_losses,
    focal_ratio,
    freeze_unused,
    pose_input,
    views_of,
)
from training.distributed import ALONE, Ranks, current_ranks
from training.losses.distillation import distillation_terms
from training.losses.photometric import (
    Reference,
    consistency_mask,
    edge_aware_smoothness,
    multi_frame_terms,
    photometric_map,
)
from training.options import SHARE, Range

PAIR = 2  # images that the pose network sees at once


@dataclass(frozen=True)
class MultiFrameOptions:
    """Options of ManyDepth; range of depth and upsampling are the teacher's. Off: a network of one image is trained."""

    enabled: bool = False  # train a network of several frames beside its teacher
    layers: Literal[18, 34, 50, 101, 152] = 18  # of the multi-frame network's ResNet; DistDepth-M has 101
    bins: Annotated[int, Range(2, 1024)] = 96  # depths that the cost volume tries
    binning: Literal["linear", "inverse"] = "linear"  # or inverse: how they are spread over the range
    adaptive: bool = True  # the bins follow the teacher's range of depth; off: they span the network's own
    # share of samples that see a still scene, and as many without a neighbour; 0 = off
    tampered: Annotated[float, Range(0, 0.5)] = 0.25
    # share of the steps after which teacher and poses rest (15 of 20 epochs); 1 = never
    freeze_after: Annotated[float, SHARE] = 0.75
    pretrained: str = ""  # file with ImageNet weights of the multi-frame network's ResNet


class MultiPrediction(NamedTuple):
    """Raw outputs of all networks."""

    teacher: Prediction
    own: MultiFrameOutput


class MultiFrameStudent(nn.Module):
    """Teacher, pose network and multi-frame network as one module; `video` is what is saved."""

    bin_range_m: Tensor  # (2,) running range of the assumed depths, for the canonical camera

    def __init__(
        self, teacher: DistDepthConfig, options: MultiFrameOptions, size: tuple[int, int], pose_layers: int
    ) -> None:
        super().__init__()
        self.options = options
        self.depth = DistDepth(teacher)
        self.video = VideoDepth(video_config(teacher, options, size, pose_layers))
        low, high = self.video.config.min_bin_m, self.video.config.max_bin_m
        self.register_buffer("bin_range_m", torch.tensor((low, high), dtype=torch.float64))
        self.frozen = False
        freeze_unused(self)

    def set_progress(self, done: float) -> None:
        """Set training mode for a step before which a share `done` of the run is over."""
        self.train()
        self.frozen = done >= self.options.freeze_after
        if self.frozen:
            self.depth.eval()
            self.video.pose.eval()

    def inputs(self, batch: IndoorBatch, step_noise: StepNoise) -> tuple[Tensor, ...]:
        """Make the arguments of `forward`."""
        stacked = pose_input(batch, PAIR)
        assert stacked is not None, "the configuration asks for frames in time"
        before = torch.where(_per_item(step_noise.still), batch.seen["0"], batch.seen["-1"])
        return batch.seen["0"], stacked, before, edges_at_zero(batch.K), step_noise.withheld

    def forward(
        self, image: Tensor, stacked: Tensor, before: Tensor, K: Tensor, withheld: Tensor
    ) -> MultiPrediction:
        """Run all networks.

        Args:
            image: (B,3,H,W) current frame.
            stacked: pairs of frames for the pose network, see `pose_input`.
            before: (B,3,H,W) frame to match.
            K: (B,4,4) intrinsics.
            withheld: (B,) bool, samples without a neighbour.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            sigmoids = tuple(self.depth(image).sigmoids)
            motions = self.video.pose(stacked)
        teacher = Prediction(sigmoids, motions.axis_angle, motions.translation)
        if self.options.adaptive and self.training and not self.frozen:
            self._track(self.depth.to_depth(sigmoids[0].detach()))
        pose = before_from_now(teacher) * ~withheld[:, None, None]
        near = Neighbours.of(before[:, None], pose[:, None], K)
        low, high = self.bin_range_m.tolist()
        return MultiPrediction(teacher, self.video.depth(image, near, (low, high)))

    def _track(self, depth_m: Tensor) -> None:
        extremes = torch.stack((depth_m.flatten(1).amin(1), depth_m.flatten(1).amax(1)), 1)
        everyone = current_ranks().gather(extremes)
        low, high = self.bin_range_m.tolist()
        floor_m = self.depth.config.numerator * self.depth.config.min_depth_m
        self.bin_range_m.copy_(torch.tensor(track_bin_range((low, high), everyone, floor_m=floor_m)))

    def compute_losses(
        self,
        prediction: MultiPrediction,
        batch: IndoorBatch,
        objective: Objective,
        expert: Tensor | None,
        step_noise: StepNoise,
        ranks: Ranks = ALONE,
    ) -> LossOutput:
        """Compute all terms; those of the teacher are left out once it rests."""
        teacher = compute_losses(
            prediction.teacher, batch, self.depth, objective, expert, step_noise.noise, PAIR, ranks
        )
        trusted = consistency_mask(*matched(prediction.own, batch, objective), teacher.depth_m)
        plain = ~(step_noise.still | step_noise.withheld)
        depths_m = self._depths(prediction.own, batch, objective)
        views = still_poses(views_of(prediction.teacher, batch, objective, PAIR))
        terms = own_terms(
            prediction.own, depths_m, views, objective, (teacher.depth_m, trusted, plain), ranks
        )
        if expert is not None:
            terms |= distillation_terms(expert, depths_m[0], objective.distillation, ranks)
        if not self.frozen:
            terms |= {f"teacher_{name}": value for name, value in teacher.terms.items()}
        return LossOutput(terms, depths_m[0].detach(), teacher.warped_share)

    def _depths(self, own: MultiFrameOutput, batch: IndoorBatch, objective: Objective) -> list[Tensor]:
        height, width = batch.pyramid[0].shape[-2:]
        config, focal = self.video.config, focal_ratio(batch, objective.canonical_focal)
        limits = config.min_depth_m, config.max_depth_m, config.numerator
        return [focal * sigmoid_to_depth(s, *limits) for s in full_resolution(own.sigmoids, (height, width))]

    def predict(self, frames: dict[str, Tensor], K: Tensor) -> Tensor:
        """Predict (B,1,H,W) depth for the canonical camera, from frames "0" and "-1"."""
        pair = torch.cat((frames["-1"], frames["0"]), 1)
        pose = self.video.pose(pair).transform(0, invert=True)
        near = Neighbours.of(frames["-1"][:, None], pose[:, None], edges_at_zero(K))
        low, high = self.bin_range_m.tolist()
        depth_m: Tensor = self.video.depth(frames["0"], near, (low, high)).depth_m
        return depth_m

    def saved(self) -> Saved:
        """Return the content of the model folder; its configuration names the range of bins that training found."""
        low, high = self.bin_range_m.tolist()
        config = replace(self.video.config, min_bin_m=low, max_bin_m=high)
        return Saved("video_depth", asdict(config), self.video)


def video_config(
    teacher: DistDepthConfig, options: MultiFrameOptions, size: tuple[int, int], pose_layers: int
) -> VideoDepthConfig:
    """Make the configuration of the multi-frame network that belongs to a teacher."""
    return VideoDepthConfig(
        layers=options.layers,
        height=size[0],
        width=size[1],
        bins=options.bins,
        binning=options.binning,
        min_bin_m=teacher.numerator * teacher.min_depth_m,
        max_bin_m=teacher.numerator * teacher.max_depth_m,
        upsampling=teacher.upsampling,
        min_depth_m=teacher.min_depth_m,
        max_depth_m=teacher.max_depth_m,
        numerator=teacher.numerator,
        pose_layers=pose_layers,
    )


def before_from_now(prediction: Prediction) -> Tensor:
    """Return the (B,4,4) pose of frame -1, for the canonical camera; matching passes no gradient to poses."""
    assert prediction.axis_angle is not None and prediction.translation is not None
    half = len(prediction.axis_angle) // 2
    axis_angle, translation = (
        prediction.axis_angle[:half, 0].detach(),
        prediction.translation[:half, 0].detach(),
    )
    return transform_from_axis_angle(axis_angle, translation, invert=True)


def matched(own: MultiFrameOutput, batch: IndoorBatch, objective: Objective) -> tuple[Tensor, Tensor]:
    """Return confidence and depth of the best match, both (B,1,h,w); depth in metres of the batch's cameras."""
    focal = focal_ratio(batch, objective.canonical_focal)
    return own.confidence[:, None], focal / own.lowest_cost_disparity[:, None]


def still_poses(views: Views) -> Views:
    """Return the same views with detached poses."""
    fixed = {name: pose.detach() for name, pose in views.source_from_reference.items()}
    return replace(views, source_from_reference=fixed)


def own_terms(
    own: MultiFrameOutput,
    depths_m: list[Tensor],
    views: Views,
    objective: Objective,
    guide: tuple[Tensor, Tensor, Tensor],
    ranks: Ranks = ALONE,
) -> dict[str, Tensor]:
    """Compute `reprojection`, `consistency` and `smoothness` of the multi-frame network, averaged over scales.

    Args:
        own: output of the network.
        depths_m: (B,1,H,W) of each scale at full resolution.
        views: images and poses.
        objective: the weights.
        guide: teacher's depth (B,1,H,W), where matching can be trusted (B,1,H,W), and samples not tampered with (B,).
        ranks: processes sharing the batch.
    """
    options, target = objective.photometric, Reference.of(views.reference[0])
    rows = []
    for scale, (sigmoid, depth_m) in enumerate(zip(own.sigmoids, depths_m, strict=True)):
        warped = [photometric_map(v, target) for v in warp_sources(depth_m, views, options.align_corners)]
        best = torch.cat(warped, 1).amin(1, keepdim=True)
        found = multi_frame_terms(best, depth_m, *guide, ranks)
        smooth = options.smoothness / 2**scale * edge_aware_smoothness(sigmoid, views.reference[scale])
        rows.append(
            {
                "reprojection": found["photometric"],
                "consistency": found["consistency"],
                "smoothness": smooth,
            }
        )
    return {name: torch.stack([row[name] for row in rows]).mean() for name in rows[0]}


def _per_item(flags: Tensor) -> Tensor:
    return flags.reshape(-1, 1, 1, 1)
