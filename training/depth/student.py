# SPDX-License-Identifier: Apache-2.0
"""Student: a depth network, with a pose network where views in time are compared, and their objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from geo_perception.errors import ConfigError
from geo_perception.geometry.reprojection import transform_from_axis_angle
from geo_perception.networks.distdepth import DistDepth, DistDepthConfig
from geo_perception.networks.posenet import PoseNet, PoseNetConfig
from training.data.depth import IndoorBatch
from training.depth.self_supervision import Photometric, Views, full_resolution, photometric_terms
from training.distributed import ALONE, Ranks
from training.losses.distillation import Distillation, distillation_terms
from training.losses.supervised import supervised_terms
from training.options import WEIGHT, Range

Mode = Literal["supervised", "stereo", "temporal", "both"]
FRAMES: dict[str, tuple[str, ...]] = {
    "supervised": ("0",),
    "stereo": ("0", "s"),
    "temporal": ("0", "-1", "1"),
    "both": ("0", "-1", "1", "s"),
}
TIMES = ("-1", "1")


@dataclass(frozen=True)
class Objective:
    """Objective of the training."""

    mode: Mode = "stereo"  # what teaches: the stereo partner, neighbours in time, both, or true depth
    photometric: Photometric = field(default_factory=Photometric)
    distillation: Distillation = field(default_factory=Distillation)
    # "log": |ln prediction - ln truth|; "mse": squared metres (dissertation, Table 5.2)
    supervised: Literal["log", "mse"] = "log"
    # weight of the log depth's differences in the supervised loss: edges and flat surfaces
    gradient: Annotated[float, WEIGHT] = 0.5
    # weight of the log error that is left when each image's mean error is taken off (its scale)
    shape: Annotated[float, WEIGHT] = 0.0
    # Weight of inverse depth's difference from the truth, free of each image's scale and shift (MiDaS): how a room is
    # shaped, beside the metres of the log error.
    inverse: Annotated[float, WEIGHT] = 0.0
    hints: bool = False  # DepthHints: stereo matching teaches where it explains the partner's image better
    # The stereo baseline assumed in training, metres; 0 = the data's own. The public code assumes 0.1 whatever the
    # baseline and keeps the numerator 1.312 in the warp, so that its depth comes out 1.312 times too small.
    baseline_m: Annotated[float, Range(0, 100)] = 0.0
    # Depth is learnt for a camera of this focal length (share of the image's side; 0 = off, as published) and
    # multiplied by the camera's own over it: an image alone does not tell a wide from a long lens.
    canonical_focal: Annotated[float, Range(0, 100)] = 0.5

    def __post_init__(self) -> None:
        if self.hints and self.mode not in ("stereo", "both"):
            raise ConfigError(f"depth hints come from stereo pairs; mode {self.mode} has none")


class Prediction(NamedTuple):
    """Raw outputs of the networks."""

    sigmoids: tuple[Tensor, ...]
    axis_angle: Tensor | None  # (n*B or B, m, 1, 3)
    translation: Tensor | None


class StepNoise(NamedTuple):
    """Random values of a step beside the batch."""

    noise: Tensor | None  # (sources,B,1,H,W) breaks ties of the auto-mask
    still: Tensor  # (B,) bool: the multi-frame network gets a still scene
    withheld: Tensor  # (B,) bool: it gets no neighbour


class Saved(NamedTuple):
    """Content of the model folder of a trained student."""

    network: str  # a name in networks.NETWORKS
    config: dict[str, Any]
    module: nn.Module


class Student(nn.Module):
    """Depth and pose networks as one module, so that one wrapper spreads both over processes."""

    def __init__(self, depth: DistDepthConfig, pose: PoseNetConfig | None) -> None:
        super().__init__()
        self.depth = DistDepth(depth)
        self.pose = None if pose is None else PoseNet(pose)
        freeze_unused(self)

    def set_progress(self, done: float) -> None:
        """Set training mode for a step, whatever share of the run is done."""
        self.train()

    def inputs(self, batch: IndoorBatch, step_noise: StepNoise) -> tuple[Tensor | None, ...]:
        """Make the arguments of `forward`."""
        return batch.seen["0"], None if self.pose is None else pose_input(batch, self.pose.config.images)

    def forward(self, image: Tensor, stacked: Tensor | None) -> Prediction:
        """Run both networks on (B,3,H,W) and on the input of the pose network from `pose_input`."""
        sigmoids = tuple(self.depth(image).sigmoids)
        if self.pose is None or stacked is None:
            return Prediction(sigmoids, None, None)
        motions = self.pose(stacked)
        return Prediction(sigmoids, motions.axis_angle, motions.translation)

    def compute_losses(
        self,
        prediction: Prediction,
        batch: IndoorBatch,
        objective: Objective,
        expert: Tensor | None,
        step_noise: StepNoise,
        ranks: Ranks = ALONE,
    ) -> LossOutput:
        """Compute all terms of the objective; `expert` (B,1,H,W) larger = nearer."""
        images = self.pose.config.images if self.pose is not None else 0
        return compute_losses(
            prediction, batch, self.depth, objective, expert, step_noise.noise, images, ranks
        )

    def predict(self, frames: Mapping[str, Tensor], K: Tensor) -> Tensor:
        """Predict (B,1,H,W) depth for the canonical camera, from frame "0"."""
        depth_m: Tensor = self.depth(frames["0"]).depth_m
        return depth_m

    def saved(self) -> Saved:
        """Return the content of the model folder: the depth network alone."""
        return Saved("distdepth", asdict(self.depth.config), self.depth)


def freeze_unused(network: nn.Module) -> None:
    """Freeze the classifiers of published ResNets, which nothing uses and data-parallel training would wait for."""
    for name, parameter in network.named_parameters():
        if ".fc." in name:
            parameter.requires_grad_(False)


def pose_input(batch: IndoorBatch, images: int) -> Tensor | None:
    """Stack frames on channels: (B,9,H,W) in the order 0, -1, 1, or (2B,6,H,W) pairs in temporal order."""
    if "-1" not in batch.seen:
        return None
    now, before, after = (batch.seen[name] for name in ("0", *TIMES))
    if images == 3:
        return torch.cat((now, before, after), 1)
    return torch.cat((torch.cat((before, now), 1), torch.cat((now, after), 1)))


def poses(prediction: Prediction, batch: IndoorBatch, objective: Objective, images: int) -> dict[str, Tensor]:
    """Compute poses, source from reference (B,4,4), by source; predicted ones are for the canonical camera."""
    out = {}
    if prediction.axis_angle is not None and prediction.translation is not None:
        focal = focal_ratio(batch, objective.canonical_focal)
        axis_angle, translation = prediction.axis_angle, prediction.translation
        translation = translation * focal.repeat(len(translation) // len(focal), 1, 1, 1)
        if images == 3:
            out = {
                name: transform_from_axis_angle(axis_angle[:, i], translation[:, i])
                for i, name in enumerate(TIMES)
            }
        else:
            half = len(axis_angle) // 2
            out["-1"] = transform_from_axis_angle(axis_angle[:half, 0], translation[:half, 0], invert=True)
            out["1"] = transform_from_axis_angle(axis_angle[half:, 0], translation[half:, 0])
    if "s" in batch.true:
        x_m = batch.stereo_x_m
        out["s"] = torch.eye(4, device=x_m.device).repeat(len(x_m), 1, 1)
        out["s"][:, 0, 3] = x_m.sign() * objective.baseline_m if objective.baseline_m else x_m
    return out


class LossOutput(NamedTuple):
    """Objective of a batch."""

    terms: dict[str, Tensor]  # named, weighted; their sum is minimised
    depth_m: Tensor  # (B,1,H,W) detached
    warped_share: Tensor  # of pixels that warping explains; NaN without self-supervision


def compute_losses(
    prediction: Prediction,
    batch: IndoorBatch,
    network: DistDepth,
    objective: Objective,
    expert: Tensor | None,
    noise: Tensor | None = None,
    pose_images: int = 3,
    ranks: Ranks = ALONE,
) -> LossOutput:
    """Compute all terms of the objective.

    Args:
        prediction: output of the student.
        batch: the batch it was run on.
        network: holds the range of depth.
        objective: the weights.
        expert: (B,1,H,W) larger = nearer, or None.
        noise: (sources,B,1,H,W) that breaks ties of the auto-mask.
        pose_images: stacked images of the pose network.
        ranks: processes sharing the batch.
    """
    size = batch.pyramid[0].shape[-2:]
    focal = focal_ratio(batch, objective.canonical_focal)
    depths_m = [focal * network.to_depth(s) for s in full_resolution(prediction.sigmoids, (size[0], size[1]))]
    share = torch.full((), torch.nan)
    if objective.mode == "supervised":
        terms = supervised_terms(depths_m, batch.depth_m, objective, ranks)
    else:
        views = views_of(prediction, batch, objective, pose_images)
        terms, share = photometric_terms(
            prediction.sigmoids, depths_m, views, objective.photometric, noise, ranks
        )
    if expert is not None:
        terms = {**terms, **distillation_terms(expert, depths_m[0], objective.distillation, ranks)}
    return LossOutput(terms, depths_m[0].detach(), share)


def views_of(prediction: Prediction, batch: IndoorBatch, objective: Objective, images: int) -> Views:
    """Collect the reference and its neighbours, with poses of the pose network or the stereo baseline."""
    from_reference = poses(prediction, batch, objective, images)
    sources = {name: batch.true[name] for name in from_reference}
    hint_m = batch.hint_m if batch.hint_m.numel() else None
    return Views(batch.pyramid, sources, from_reference, batch.K, batch.K_inverse, hint_m)


def focal_ratio(batch: IndoorBatch, canonical: float) -> Tensor:
    """Compute the factor (B,1,1,1) from canonical depth to this camera's; geometric mean of both axes."""
    height, width = batch.pyramid[0].shape[-2:]
    if not canonical:
        return batch.K.new_ones(len(batch.K), 1, 1, 1)
    area = (batch.K[:, 0, 0] / width) * (batch.K[:, 1, 1] / height)
    return (area.sqrt() / canonical).reshape(-1, 1, 1, 1)
