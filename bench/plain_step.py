# SPDX-License-Identifier: Apache-2.0
"""The reference form of a training step: the public objective written down as its formulas stand, nothing shared.

Eager float32 in the default memory layout; every scale computes its identity maps and the statistics of the reference
image again, and the expert is aligned by a library's least squares, row by row.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.networks.distdepth import DistDepth
from training.data.depth import IndoorBatch

C1, C2 = 0.01**2, 0.03**2
SCALES = 4
QUANTILE, HUBER, BORDER = 0.95, 0.8, 5
SPATIAL, DISTILLATION, SMOOTHNESS, TIE_BREAK = 0.02, 0.05, 1e-3, 1e-5


def plain_step(
    network: DistDepth, optimiser: torch.optim.Optimizer, batch: IndoorBatch, expert: Tensor
) -> Tensor:
    """One update on stereo pairs; returns the loss."""
    sigmoids = network(batch.seen["0"]).sigmoids
    loss = total(network, sigmoids, batch, expert)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.detach()


def total(network: DistDepth, sigmoids: tuple[Tensor, ...], batch: IndoorBatch, expert: Tensor) -> Tensor:
    """The whole objective."""
    size = batch.true["0"].shape[-2:]
    pose = torch.eye(4).repeat(len(batch.K), 1, 1)
    pose[:, 0, 3] = batch.stereo_x_m
    terms = []
    for scale in range(SCALES):
        sigmoid = F.interpolate(sigmoids[scale], size, mode="bilinear", align_corners=False)
        depth_m = network.to_depth(sigmoid)
        if scale == 0:
            finest_m = depth_m
        view = warp(batch.true["s"], depth_m, pose, batch.K, batch.K_inverse)
        identity = photometric(batch.true["s"], batch.true["0"])
        identity = identity + TIE_BREAK * torch.randn(identity.shape)
        candidates = torch.cat((identity, photometric(view, batch.true["0"])), 1)
        smooth = smoothness(sigmoids[scale], batch.pyramid[scale])
        terms.append(candidates.min(1).values.mean() + SMOOTHNESS / 2**scale * smooth)
    return sum(terms, torch.zeros(())) / SCALES + DISTILLATION * distillation(expert, finest_m)


def warp(source: Tensor, depth_m: Tensor, pose: Tensor, K: Tensor, inv_K: Tensor) -> Tensor:
    """The source as the reference camera would see it."""
    batch, _, height, width = depth_m.shape
    v, u = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    pixels = torch.stack((u.flatten(), v.flatten(), torch.ones(height * width))).repeat(batch, 1, 1)
    points = depth_m.view(batch, 1, -1) * torch.matmul(inv_K[:, :3, :3], pixels)
    points = torch.cat((points, torch.ones(batch, 1, height * width)), 1)
    q = torch.matmul(torch.matmul(K, pose)[:, :3], points)
    xy = (q[:, :2] / (q[:, 2:] + 1e-7)).view(batch, 2, height, width).permute(0, 2, 3, 1)
    grid = torch.stack((xy[..., 0] / (width - 1), xy[..., 1] / (height - 1)), -1)
    return F.grid_sample(source, (grid - 0.5) * 2, padding_mode="border", align_corners=False)


def ssim_loss(x: Tensor, y: Tensor) -> Tensor:
    """clamp((1 - SSIM) / 2, 0, 1)."""
    x, y = (F.pad(image, (1, 1, 1, 1), mode="reflect") for image in (x, y))
    mean_x, mean_y = F.avg_pool2d(x, 3, 1), F.avg_pool2d(y, 3, 1)
    var_x = F.avg_pool2d(x**2, 3, 1) - mean_x**2
    var_y = F.avg_pool2d(y**2, 3, 1) - mean_y**2
    covariance = F.avg_pool2d(x * y, 3, 1) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    denominator = (mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2)
    return torch.clamp((1 - numerator / denominator) / 2, 0, 1)


def photometric(prediction: Tensor, target: Tensor) -> Tensor:
    """(B,1,H,W)."""
    difference = torch.abs(target - prediction).mean(1, True)
    return 0.85 * ssim_loss(prediction, target).mean(1, True) + 0.15 * difference


def smoothness(sigmoid: Tensor, image: Tensor) -> Tensor:
    """Edge-aware, of the mean-normalised sigmoid."""
    normal = sigmoid / (sigmoid.mean(2, True).mean(3, True) + 1e-7)
    along_x = torch.abs(normal[..., :-1] - normal[..., 1:])
    along_y = torch.abs(normal[..., :-1, :] - normal[..., 1:, :])
    image_x = torch.abs(image[..., :-1] - image[..., 1:]).mean(1, True)
    image_y = torch.abs(image[..., :-1, :] - image[..., 1:, :]).mean(1, True)
    return (along_x * torch.exp(-image_x)).mean() + (along_y * torch.exp(-image_y)).mean()


def distillation(expert: Tensor, depth_m: Tensor) -> Tensor:
    """Statistical term plus 0.02 times the spatial one."""
    relative = 1 / (expert + 1)
    scale, shift = row_fits(relative, depth_m.detach())
    target = (scale * relative + shift).detach()
    return ssim_loss(target, depth_m).mean() + SPATIAL * edges(target, depth_m)


def row_fits(relative: Tensor, depth_m: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares of every image row, averaged over rows and images."""
    rows = torch.stack((relative.flatten(0, 2), torch.ones_like(relative.flatten(0, 2))), -1)
    fit = torch.linalg.lstsq(rows, depth_m.flatten(0, 2)[..., None]).solution
    return fit[:, 0].nanmean(), fit[:, 1].nanmean()


def edges(target_m: Tensor, depth_m: Tensor) -> Tensor:
    """Predicted edges pulled up where the target has some."""
    wanted, got = gradient(target_m), gradient(depth_m)
    bar = torch.quantile(wanted.flatten(1), QUANTILE, dim=1).view(-1, 1, 1, 1)
    got_bar = torch.quantile(got.detach().flatten(), QUANTILE)
    chosen = F.softsign(got - got_bar)[wanted > bar]
    if not chosen.numel():  # a constant expert has no edges
        return depth_m.sum() * 0
    return F.huber_loss(chosen, torch.ones_like(chosen), delta=HUBER)


def gradient(depth_m: Tensor) -> Tensor:
    """Sobel magnitude over its norm, without the border."""
    kernel = torch.tensor(((-1.0, 0, 1), (-2, 0, 2), (-1, 0, 1)))[None, None] / 8
    padded = F.pad(depth_m, (1, 1, 1, 1), mode="replicate")
    along_x, along_y = F.conv2d(padded, kernel), F.conv2d(padded, kernel.transpose(2, 3))
    magnitude = torch.sqrt(along_x**2 + along_y**2 + 1e-6)
    unit = F.normalize(magnitude.flatten(1), eps=1e-12).view(magnitude.shape)
    return unit[..., BORDER:-BORDER, BORDER:-BORDER]
