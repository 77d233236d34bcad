# SPDX-License-Identifier: Apache-2.0
"""Losses of indoor depth training: the published values and gradients, and what each term must and must not do."""

import numpy as np
import pytest
import torch
from helpers.indoor_golden import error, load
from helpers.parity import image

from geo_perception.errors import ConfigError
from training.depth.self_supervision import (
    Photometric,
    Views,
    full_resolution,
    photometric_terms,
    warp_sources,
)
from training.losses import distillation as d
from training.losses import photometric as l

NUMERATOR, NEAREST, FARTHEST = 1.312, 0.1, 10.0


def picture(label, shape, *limits):
    return torch.from_numpy(image(label, shape, *limits))


def to_depth(sigmoid):
    return NUMERATOR / (1 / FARTHEST + (1 / NEAREST - 1 / FARTHEST) * sigmoid)


class TestMaps:
    golden = load("losses")
    x = picture("a:x", (2, 3, 48, 64)).requires_grad_()
    y = picture("a:y", (2, 3, 48, 64))

    def test_ssim(self):
        loss = l.ssim_loss_map(self.x, self.y)
        assert error(self.golden, "ssim_map", loss) < 1e-5
        (gradient,) = torch.autograd.grad(loss.mean(), self.x)
        assert error(self.golden, "ssim_mean_grad_x", gradient) < 1e-5

    def test_photometric(self):
        loss = l.photometric_map(self.x, self.y)
        assert error(self.golden, "photometric_map", loss) < 1e-5
        (gradient,) = torch.autograd.grad(loss.mean(), self.x)
        assert error(self.golden, "photometric_mean_grad_x", gradient) < 1e-5

    def test_smoothness(self):
        disparity = picture("a:disp", (2, 1, 48, 64), 0.01, 0.9).requires_grad_()
        loss = l.edge_aware_smoothness(disparity, self.y)
        assert error(self.golden, "smooth_loss_normdisp", loss) < 1e-5
        (gradient,) = torch.autograd.grad(loss, disparity)
        assert error(self.golden, "smooth_grad_disp", gradient) < 1e-5

    def test_statistics_of_depth(self):
        near, far = (picture(f"a:d{i}", (2, 1, 48, 64), 0.3, 8).requires_grad_() for i in (1, 2))
        assert error(self.golden, "stat_map_depth", l.ssim_loss_map(near, far)) < 1e-5
        (gradient,) = torch.autograd.grad(d.statistical(near, far), near)
        # variances about the maps' centre round less than the published ones: the difference is the latter's error
        assert error(self.golden, "stat_mean_grad_d1", gradient) < 1e-4
        exact = d.statistical(near.double(), far.double())
        (want,) = torch.autograd.grad(exact, near)
        assert (gradient - want).abs().max() < 3e-5 * want.abs().max()


FRAMES = {"stereo": ("s",), "temporal": ("-1", "1"), "both": ("-1", "1", "s")}


class Objective:
    """The complete public loss on the inputs of the reference outputs."""

    def __init__(self, mode):
        golden = load(f"trainloss_{mode}")
        self.outs = [
            picture(f"a:out:{s}", (2, 1, 64 >> s, 96 >> s), 0.01, 0.35).requires_grad_() for s in range(4)
        ]
        colour = {
            (f, s): picture(f"a:color:{f}:{s}", (2, 3, 64 >> s, 96 >> s))
            for f in ("0", *FRAMES[mode])
            for s in range(4)
        }
        K = torch.eye(4).repeat(2, 1, 1)
        K[:, 0, 0] = K[:, 0, 2] = 48
        K[:, 1, 1] = K[:, 1, 2] = 32
        poses = {
            f: torch.from_numpy(golden["stereo_T" if f == "s" else f"cam_T_cam_{f}"]) for f in FRAMES[mode]
        }
        self.views = Views(
            [colour["0", s] for s in range(4)],
            {f: colour[f, 0] for f in FRAMES[mode]},
            poses,
            K,
            torch.from_numpy(np.linalg.pinv(K.numpy())),
        )
        self.depths = [to_depth(out) for out in full_resolution(self.outs, (64, 96))]
        self.expert = picture("a:dptdisp", (2, 1, 64, 96), 20, 120) + 1500 * self.outs[0].detach()

    def reprojected(self, scale):
        target = self.views.reference[0]
        warped = [l.photometric_map(v, target) for v in warp_sources(self.depths[scale], self.views)]
        still = [l.photometric_map(image, target) for image in self.views.sources.values()]
        return l.minimum_reprojection(warped, still)


@pytest.mark.parametrize("mode", FRAMES)
def test_the_whole_objective_equals_the_published_one(mode):
    golden, objective = load(f"trainloss_{mode}"), Objective(mode)
    for s in range(4):
        reprojected = objective.reprojected(s)
        smooth = (
            l.SMOOTHNESS / 2**s * l.edge_aware_smoothness(objective.outs[s], objective.views.reference[s])
        )
        assert float((reprojected.loss + smooth).detach()) == pytest.approx(
            float(golden[f"loss_{s}"]), abs=1e-6
        )
        moving = float(golden[f"identity_selection_{s}_mean"])
        assert float(reprojected.warped_share) == pytest.approx(moving, abs=5e-4)  # ties may turn
    terms, _ = photometric_terms(objective.outs, objective.depths, objective.views, Photometric())
    distilled = d.distillation_terms(objective.expert, objective.depths[0])
    assert float(sum(distilled.values()).detach()) / 0.05 == pytest.approx(
        float(golden["loss_pseudo"]), abs=1e-6
    )
    total = sum(terms.values()) + sum(distilled.values())
    assert float(total.detach()) == pytest.approx(float(golden["loss_total"]), abs=1e-6)
    for s, gradient in enumerate(torch.autograd.grad(total, objective.outs)):
        assert error(golden, f"grad_out{s}", gradient) < 5e-5


def test_every_step_of_the_distillation_equals_the_published_one():
    golden, objective = load("trainloss_stereo"), Objective("stereo")
    depth = objective.depths[0]
    relative = 1 / (objective.expert + 1)
    scale, shift = d.line_fit(relative[:, 0], depth[:, 0])
    assert error(golden, "lstsq_rows_scale", scale) < 1e-4
    assert error(golden, "lstsq_rows_shift", shift) < 1e-4
    target = d.align(relative, depth, "row_mean")
    assert error(golden, "target_depth", target) < 1e-5
    assert error(golden, "pred_depth", depth) < 1e-6
    assert error(golden, "sobel_target", torch.stack(d.sobel(target), 2)) < 1e-5
    edges, got = d.edge_strength(target), d.edge_strength(depth)
    assert error(golden, "edge_target_crop_flat", edges.flatten(1)) < 1e-5
    assert error(golden, "edge_pred_crop", got) < 1e-5
    assert error(golden, "bar_target_per_sample", torch.quantile(edges.flatten(1), 0.95, dim=1)) < 1e-5
    assert error(golden, "bar_pred_global", torch.quantile(got.flatten(), 0.95)) < 1e-5
    assert error(golden, "huber", d.spatial(target, depth, d.PUBLIC_2024)) < 1e-5
    assert error(golden, "stat_loss", d.statistical(target, depth)) < 1e-5
    assert error(golden, "warp_s_0", warp_sources(depth, objective.views)[0]) < 1e-5


class TestProperties:
    depth = 1 + 4 * torch.rand(2, 1, 24, 32, generator=torch.Generator().manual_seed(0))

    @pytest.mark.parametrize("mode", ["sample", "row_mean", "median"])
    def test_alignment_undoes_a_scale(self, mode):
        torch.testing.assert_close(
            d.align(self.depth * 0.01, self.depth, mode), self.depth, atol=1e-3, rtol=0
        )

    @pytest.mark.parametrize("mode", ["sample", "row_mean"])
    def test_alignment_undoes_a_shift(self, mode):
        torch.testing.assert_close(
            d.align(self.depth * 0.01 + 7, self.depth, mode), self.depth, atol=1e-2, rtol=0
        )

    def test_a_constant_row_does_not_spoil_the_alignment(self):
        relative = self.depth * 0.01
        relative[:, :, 3] = 0.5
        assert torch.isfinite(d.align(relative, self.depth, "row_mean")).all()

    def test_an_expert_that_sees_no_shape_is_aligned_to_the_mean(self):
        target = d.align(torch.full_like(self.depth, 0.3), self.depth, "sample")
        torch.testing.assert_close(target, self.depth.mean((2, 3), keepdim=True).expand_as(target))

    def test_alignment_of_inverse_depth_undoes_what_a_line_through_its_reciprocal_cannot(self):
        expert = 300 / self.depth + 150
        inverse = d.Distillation(alignment="inverse")
        line = d.Distillation(alignment="sample")
        right, bent = (
            d.distillation_terms(expert, self.depth, options)["statistical"] for options in (inverse, line)
        )
        assert float(right) < 1e-6 and float(bent) > 1e-4

    def test_targets_of_inverse_depth_do_not_go_flat_with_a_student_that_sees_little(self):
        noise = torch.rand(self.depth.shape, generator=torch.Generator().manual_seed(1))
        student = 1 / (0.3 + 0.1 * noise)  # has nothing to do with the scene
        expert = 300 / self.depth + 150
        line, moved = d.fitted(expert, 1 / student), d.moved(expert, 1 / student)
        assert float(line.std()) < 0.2 * float((1 / student).std())
        assert float(moved.std()) > 0.8 * float((1 / student).std())

    def test_normalised_inverse_depths_know_no_scale_and_no_shift(self):
        options = d.Distillation(statistic="normalised", weight=1.0)
        expert = 300 / self.depth + 150
        assert float(d.distillation_terms(expert, self.depth, options)["statistical"]) < 1e-5
        inverse = torch.rand(self.depth.shape, generator=torch.Generator().manual_seed(1)) + 0.2
        inverse.requires_grad_()
        loss = d.distillation_terms(expert, 1 / inverse, options)["statistical"]
        (gradient,) = torch.autograd.grad(loss, inverse)
        assert float(loss.detach()) > 0.5
        along_shift, along_scale = gradient.sum((1, 2, 3)), (gradient * inverse.detach()).sum((1, 2, 3))
        assert float(along_shift.abs().max()) < 1e-5 and float(along_scale.abs().max()) < 1e-5

    def test_targets_of_inverse_depth_end_at_a_distance(self):
        expert = torch.where(self.depth > 4, -1e4, 300 / self.depth)  # far beyond infinity
        terms = d.distillation_terms(expert, self.depth, d.Distillation(alignment="inverse"))
        assert all(torch.isfinite(value) for value in terms.values())

    @pytest.mark.parametrize("preset", d.PRESETS)
    def test_gradients_reach_the_student_alone(self, preset):
        expert = (100 / self.depth).requires_grad_()
        student = (self.depth + 0.1 * torch.rand_like(self.depth)).requires_grad_()
        sum(d.distillation_terms(expert, student, d.PRESETS[preset]).values()).backward()
        assert expert.grad is None or not expert.grad.any()
        assert torch.isfinite(student.grad).all() and student.grad.any()

    @pytest.mark.parametrize("preset", d.PRESETS)
    def test_the_expert_s_own_depth_costs_no_more_than_a_flat_one(self, preset):
        expert = 1 / self.depth - d.PRESETS[preset].offset
        own = sum(d.distillation_terms(expert, self.depth, d.PRESETS[preset]).values())
        flat = sum(d.distillation_terms(expert, 3 + 0.01 * self.depth, d.PRESETS[preset]).values())
        assert own < flat

    def test_presets_are_what_the_sources_say(self):
        assert (d.THESIS.weight, d.THESIS.spatial_weight) == (0.1, 0.1)
        assert (d.PUBLIC_2024.weight, d.PUBLIC_2024.spatial_weight) == (0.05, 0.02)
        with pytest.raises(ConfigError, match=r"quantile.*1\.5"):
            d.Distillation(quantile=1.5)

    def test_a_view_that_stands_still_is_masked(self):
        warped, still = torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, 1, 4, 4)
        assert float(l.minimum_reprojection([warped], [still]).loss) == 0
        assert float(l.minimum_reprojection([warped], [still], "masked_mean").loss) == 0
        assert float(l.minimum_reprojection([warped, warped], [], "sum").loss) == 1
        assert float(l.minimum_reprojection([warped], []).warped_share) == 1

    def test_hints_teach_only_where_they_explain_the_image_better(self):
        maps = [
            torch.tensor([[[[a, b, c]]]]) for a, b, c in ((0.5, 0.1, 0.5), (0.9, 0.9, 0.2), (0.1, 0.9, 0.1))
        ]
        hint, depth = torch.tensor([[[[2.0, 2.0, 0.0]]]]), torch.ones(1, 1, 1, 3)
        terms = l.depth_hint_terms(*maps, hint, depth)
        assert float(terms["hint"]) == pytest.approx(0.6931, abs=1e-3)
        assert float(terms["photometric"]) == pytest.approx(0.3, abs=1e-6)

    def test_the_cost_volume_is_trusted_where_it_agrees_with_the_teacher(self):
        teacher = torch.tensor([[[[2.0, 2.0, 2.0, 2.0]]]])
        matched = torch.tensor([[[[2.5, 4.5, 0.9, 2.0]]]])
        mask = l.consistency_mask(torch.tensor([[[[1.0, 1.0, 1.0, 0.0]]]]), matched, teacher)
        assert mask.flatten().tolist() == [True, False, False, False]
        student = torch.full_like(teacher, 3.0)
        terms = l.multi_frame_terms(torch.ones_like(teacher), student, teacher, mask, torch.tensor([True]))
        assert float(terms["photometric"]) == pytest.approx(1) and float(
            terms["consistency"]
        ) == pytest.approx(0.75)

    def test_no_sample_is_tampered_with_twice(self):
        still, blind = l.tampered(1000, torch.Generator().manual_seed(0))
        assert not (still & blind).any() and 150 < still.sum() < 350 and 150 < blind.sum() < 350
