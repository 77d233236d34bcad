# SPDX-License-Identifier: Apache-2.0
"""Self-supervised objective: named, weighted terms from sigmoid maps and views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional as F

from geo_perception.geometry.reprojection import synthesise_view
from training.distributed import ALONE, Ranks
from training.losses.photometric import (
    SMOOTHNESS,
    Combination,
    Reference,
    depth_hint_terms,
    edge_aware_smoothness,
    minimum_reprojection,
    photometric_map,
    with_tie_break,
)
from training.options import WEIGHT


@dataclass(frozen=True)
class Views:
    """A reference image with its neighbours in time and its stereo partner."""

    reference: Sequence[Tensor]  # scale s: (B,3,H/2^s,W/2^s), without photographic augmentation
    sources: Mapping[str, Tensor]  # "-1", "1" or "s" -> (B,3,H,W)
    source_from_reference: Mapping[str, Tensor]  # the same keys -> (B,4,4)
    K: Tensor  # (B,4,4), pixels at full resolution
    K_inverse: Tensor  # (B,4,4)
    hint_m: Tensor | None = None  # (B,1,H,W) depth hints, 0 = none: the DepthHints objective is used


@dataclass(frozen=True)
class Photometric:
    """Options for the combination of the photometric terms."""

    combination: Combination = "minimum"  # of the frames that a pixel is compared with
    auto_mask: bool = True  # the dissertation does not mention it
    # weight of the edge-aware smoothness, halved from scale to scale
    smoothness: Annotated[float, WEIGHT] = SMOOTHNESS
    align_corners: bool = False  # True is exact, and what ManyDepth does


def photometric_terms(
    sigmoids: Sequence[Tensor],
    depths_m: Sequence[Tensor],
    views: Views,
    options: Photometric,
    noise: Tensor | None = None,
    ranks: Ranks = ALONE,
) -> tuple[dict[str, Tensor], Tensor]:
    """Compute `reprojection`, `smoothness` and, with hints, `hint`, means over scales; and the share warping explains.

    Args:
        sigmoids: the network's maps, scale 0 first.
        depths_m: (B,1,H,W) of each scale at FULL resolution, as used for warping.
        views: images and poses.
        options: combination of the terms.
        noise: (sources, B,1,H,W) standard normal, breaks ties of the auto-mask; None = none.
        ranks: processes sharing the batch.
    """
    target = Reference.of(views.reference[0])
    identity = _identity_maps(views, target, noise) if options.auto_mask else []
    rows: list[dict[str, Tensor]] = []
    shares = []
    for scale, (sigmoid, depth_m) in enumerate(zip(sigmoids, depths_m, strict=True)):
        warped = [
            photometric_map(view, target) for view in warp_sources(depth_m, views, options.align_corners)
        ]
        term = minimum_reprojection(warped, identity, options.combination, ranks)
        shares.append(term.warped_share)
        smooth = options.smoothness / 2**scale * edge_aware_smoothness(sigmoid, views.reference[scale])
        row = {"reprojection": term.loss, "smoothness": smooth}
        rows.append(
            row
            if views.hint_m is None
            else {**row, **_hinted(warped, identity, depth_m, views, target, ranks)}
        )
    terms = {name: torch.stack([row[name] for row in rows]).mean() for name in rows[0]}
    return terms, torch.stack(shares).mean()


def _hinted(
    warped: list[Tensor],
    identity: list[Tensor],
    depth_m: Tensor,
    views: Views,
    target: Reference,
    ranks: Ranks,
) -> dict[str, Tensor]:
    assert views.hint_m is not None
    best = torch.cat(warped, 1).amin(1, keepdim=True)
    still = torch.cat(identity, 1).amin(1, keepdim=True) if identity else torch.full_like(best, torch.inf)
    with torch.no_grad():
        partner = {"s": views.sources["s"]}
        view = warp_sources(views.hint_m, replace(views, sources=partner))[0]
        error = photometric_map(view, target)
    terms = depth_hint_terms(best, still, error, views.hint_m, depth_m, ranks)
    return {"reprojection": terms["photometric"], "hint": terms["hint"]}


def warp_sources(depth_m: Tensor, views: Views, align_corners: bool = False) -> list[Tensor]:
    """Warp every source to the reference camera's view."""
    return [
        synthesise_view(
            image,
            depth_m,
            views.source_from_reference[name],
            views.K,
            views.K_inverse,
            align_corners=align_corners,
        )
        for name, image in views.sources.items()
    ]


def _identity_maps(views: Views, target: Reference, noise: Tensor | None) -> list[Tensor]:
    with torch.no_grad():
        maps = [photometric_map(image, target) for image in views.sources.values()]
    return [with_tie_break(one, None if noise is None else noise[i]) for i, one in enumerate(maps)]


def full_resolution(sigmoids: Sequence[Tensor], size: tuple[int, int]) -> list[Tensor]:
    """Resize every scale's map bilinearly to full resolution, for view synthesis."""
    return [
        sigmoid
        if sigmoid.shape[-2:] == size
        else F.interpolate(sigmoid, size, mode="bilinear", align_corners=False)
        for sigmoid in sigmoids
    ]
