# SPDX-License-Identifier: Apache-2.0
"""Cache and batches: what is kept, that batches depend on seed and step alone, and that geometry follows every crop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.full_disk import limited_files
from helpers.indoor_folders import small_simsin

from geo_perception.errors import ConfigError, DataError
from geo_perception.geometry.reprojection import synthesise_view
from training.data.depth import Loader, LoaderOptions, Photographic, build_cache, open_set
from training.data.depth.augmentation import REALISTIC
from training.data.depth.hints import depth_hint
from training.depth.mean_depth import mean_depth_map
from training.depth.student import Objective, Prediction, focal_ratio, poses
from training.depth.teacher import SimulatedExpert

FRAMES = ("0", "-1", "1", "s")
PLAIN = LoaderOptions(size=(64, 64), batch=4, mirror=0.0, photographic=Photographic(chance=0.0))


@pytest.fixture(scope="module")
def indoor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simsin")
    return open_set("simsin", folder, small_simsin(folder))


@pytest.fixture(scope="module")
def cache(indoor, tmp_path_factory):
    return build_cache([indoor], FRAMES, (64, 64), tmp_path_factory.mktemp("cache"))


class TestCache:
    def test_it_holds_what_the_set_holds(self, indoor, cache):
        assert len(cache) == 6 and cache.size == (64, 64)
        for i, entry in enumerate(indoor.entries):
            for frame in FRAMES:
                assert np.array_equal(cache.image(i, frame), indoor.image(entry, frame))
            np.testing.assert_allclose(cache.depths_m[i], indoor.depth(entry), rtol=1e-3)

    def test_shared_neighbours_are_kept_once(self, cache):
        assert len(cache.images) == 2 * (5 + 3)

    def test_it_is_built_once_and_again_when_the_size_changes(self, indoor, tmp_path):
        build_cache([indoor], ("0",), (32, 32), tmp_path)
        (kept,) = tmp_path.iterdir()
        age = kept.stat().st_mtime_ns
        build_cache([indoor], ("0",), (32, 32), tmp_path)
        assert [(p, p.stat().st_mtime_ns) for p in tmp_path.iterdir()] == [(kept, age)]
        build_cache([indoor], ("0",), (64, 64), tmp_path)
        assert len(list(tmp_path.iterdir())) == 2

    def test_a_damaged_file_leaves_no_cache(self, tmp_path):
        indoor = open_set("simsin", tmp_path, small_simsin(tmp_path))
        (tmp_path / "room_1/002_1.png").write_bytes(b"nothing")
        with pytest.raises(DataError, match=r"002_1\.png cannot be read"):
            build_cache([indoor], FRAMES, (64, 64), tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []

    @pytest.mark.parametrize("partner", ["room_0/001_1.png", "room_0/000_0.png"])
    def test_a_missing_partner_is_named_and_leaves_no_cache(self, tmp_path, partner):
        indoor = open_set("simsin", tmp_path, small_simsin(tmp_path))
        (tmp_path / partner).unlink()
        with pytest.raises(DataError, match=f"image .*{partner} is missing"):
            build_cache([indoor], FRAMES, (64, 64), tmp_path / "cache")
        assert not (tmp_path / "cache").exists()

    def test_depth_without_any_value_is_named_and_leaves_no_cache(self, tmp_path):
        indoor = open_set("simsin", tmp_path, small_simsin(tmp_path))
        depth_m = np.load(tmp_path / "room_1/002_0_depth.npy")
        depth_m[:] = np.nan
        np.save(tmp_path / "room_1/002_0_depth.npy", depth_m)
        with pytest.raises(DataError, match=r"room_1/002_0_depth\.npy holds no positive value"):
            build_cache([indoor], ("0",), (64, 64), tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []

    def test_an_empty_background_is_unknown_and_counted(self, tmp_path, capsys):
        indoor = open_set("simsin", tmp_path, small_simsin(tmp_path))
        path = tmp_path / "room_1/002_0_depth.npy"
        depth_m = np.load(path)
        depth_m[:16] = 1e10  # infinite in half precision
        np.save(path, depth_m)
        cache = build_cache([indoor], ("0",), (64, 64), tmp_path / "cache")
        assert cache.depths_m is not None and np.isfinite(cache.depths_m).all()
        position = [entry.path for entry in indoor.entries].index("room_1/002_0")
        assert (cache.depths_m[position, :16] == 0).all() and (cache.depths_m[position, 16:] > 0).all()
        assert f"e.g. 1e+10 in {path}" in capsys.readouterr().err

    def test_integer_depth_is_millimetres_which_is_said(self, tmp_path):
        name = small_simsin(tmp_path)
        floats = build_cache([open_set("simsin", tmp_path, name)], ("0",), (64, 64), tmp_path / "a")
        for path in tmp_path.glob("*/*_depth.npy"):
            np.save(path, np.round(1000 * np.load(path)).astype(np.uint16))
        integers = build_cache([open_set("simsin", tmp_path, name)], ("0",), (64, 64), tmp_path / "b")
        np.testing.assert_allclose(integers.depths_m, floats.depths_m, atol=1e-3)
        assert integers.remarks[0].endswith("depth is in millimetres, as they are integers")
        assert not any("millimetres" in line for line in floats.remarks)

    def test_a_stated_unit_is_another_cache(self, tmp_path):
        name = small_simsin(tmp_path)
        for unit, metres in (("", 1.0), ("cm", 0.01)):
            cache = build_cache(
                [open_set("simsin", tmp_path, name, unit)], ("0",), (64, 64), tmp_path / "cache"
            )
            assert float(cache.depths_m[0].max()) == pytest.approx(
                metres * np.load(tmp_path / "room_0/001_0_depth.npy").max(), rel=1e-3
            )

    def test_depth_of_another_aspect_is_refused(self, tmp_path):
        indoor = open_set("simsin", tmp_path, small_simsin(tmp_path))
        np.save(tmp_path / "room_0/001_0_depth.npy", np.full((48, 64), 2, np.float32))
        with pytest.raises(DataError, match=r"001_0\.png is 64x64, depth .*001_0_depth\.npy is 64x48"):
            build_cache([indoor], ("0",), (64, 64), tmp_path / "cache")

    def test_a_full_disk_is_named_and_leaves_no_cache(self, indoor, tmp_path):
        with (
            pytest.raises(DataError, match=r"cannot write the cache .*file too large"),
            limited_files(20_000),
        ):
            build_cache([indoor], FRAMES, (64, 64), tmp_path / "cache")
        assert list((tmp_path / "cache").iterdir()) == []

    @pytest.mark.parametrize(("name", "says"), [("images", "is damaged"), ("frames", "is damaged")])
    def test_a_cache_that_was_damaged_since_is_named(self, indoor, tmp_path, name, says):
        build_cache([indoor], ("0",), (64, 64), tmp_path)
        (path,) = tmp_path.glob(f"*/{name}.*")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(DataError, match=rf"the cache {path.parent} {says}.*remove it"):
            build_cache([indoor], ("0",), (64, 64), tmp_path)

    def test_a_cache_that_lost_a_file_is_named(self, indoor, tmp_path):
        build_cache([indoor], ("0",), (64, 64), tmp_path)
        next(tmp_path.glob("*/rows.npy")).unlink()
        with pytest.raises(DataError, match="lacks files"):
            build_cache([indoor], ("0",), (64, 64), tmp_path)


class TestBatches:
    def test_they_depend_on_seed_and_step_alone(self, cache):
        options = replace(PLAIN, mirror=0.5, zoom=1.3, photographic=REALISTIC, batch=2, workers=3)
        straight = Loader(cache, options).batches(0)
        for _ in range(3):
            next(straight)
        fourth, again = next(straight), next(Loader(cache, options).batches(3))
        assert fourth.step == again.step == 3
        assert torch.equal(fourth.seen["s"], again.seen["s"]) and torch.equal(fourth.K, again.K)
        other = Loader(cache, replace(options, seed=1)).batch(3)
        assert not torch.equal(other.seen["0"], again.seen["0"])

    def test_processes_share_the_batch(self, cache):
        whole = Loader(cache, PLAIN).batch(0)
        halves = [Loader(cache, PLAIN, rank, 2).batch(0) for rank in (0, 1)]
        assert torch.equal(whole.true["-1"], torch.cat([half.true["-1"] for half in halves]))
        with pytest.raises(ConfigError, match="batch of 4 cannot be shared by 3"):
            Loader(cache, PLAIN, 0, 3)

    def test_an_epoch_sees_every_sample_once(self, cache):
        loader = Loader(cache, replace(PLAIN, batch=2))
        seen = torch.cat([loader.batch(step).sample for step in range(loader.steps_per_epoch)])
        assert sorted(seen.tolist()) == list(range(6))

    @pytest.mark.parametrize("mirror", [0.0, 1.0])
    @pytest.mark.parametrize("zoom", [1.0, 1.5])
    def test_the_partner_warped_with_the_true_depth_is_the_reference(self, cache, mirror, zoom):
        batch = Loader(cache, replace(PLAIN, mirror=mirror, zoom=zoom)).batch(0)
        pose = poses(Prediction((), None, None), batch, Objective(), 3)["s"]
        view = synthesise_view(
            batch.true["s"], batch.depth_m, pose, batch.K, batch.K_inverse, align_corners=True
        )
        wrong = synthesise_view(
            batch.true["s"], batch.depth_m, pose.inverse(), batch.K, batch.K_inverse, align_corners=True
        )
        inner = (..., slice(8, -8), slice(16, -16))
        error, other = (float((v[inner] - batch.true["0"][inner]).abs().mean()) for v in (view, wrong))
        assert error < 0.02 < other

    def test_a_zoomed_crop_has_a_longer_lens(self, cache):
        batch = Loader(cache, replace(PLAIN, zoom=1.5)).batch(1)
        ratio = focal_ratio(batch, 0.5).flatten()
        assert (ratio > 1).all() and (ratio <= 1.52).all()
        assert torch.equal(focal_ratio(batch, 0.0).flatten(), torch.ones(4))

    def test_the_camera_of_a_mirrored_image(self, cache):
        straight, mirrored = (Loader(cache, replace(PLAIN, mirror=m)).batch(0) for m in (0.0, 1.0))
        assert torch.equal(straight.stereo_x_m, -mirrored.stereo_x_m) and (straight.stereo_x_m < 0).all()
        torch.testing.assert_close(straight.K[:, 0, 2] + mirrored.K[:, 0, 2], torch.full((4,), 63.0))
        assert torch.equal(straight.true["0"].flip(3), mirrored.true["0"])

    def test_a_turn_about_the_axis_moves_image_and_depth_alike_and_keeps_depth(self, indoor, tmp_path):
        alone = build_cache([indoor], ("0",), (64, 64), tmp_path)
        # a picture of the depth itself: wherever the turn takes a pixel, it must meet its own depth
        codes = np.round(np.asarray(alone.depths_m, np.float32) * 20).clip(0, 255).astype(np.uint8)
        painted = replace(alone, images=np.repeat(codes[..., None], 3, axis=3), rows=np.arange(6)[:, None])
        batch = Loader(painted, replace(PLAIN, roll_deg=20.0)).batch(0)
        known = batch.depth_m > 0
        gap = (batch.true["0"][:, :1] * 255 / 20 - batch.depth_m).abs()[known]
        assert 0.8 < known.float().mean() < 0.999 and gap.median() < 0.03
        assert not torch.equal(batch.depth_m, Loader(painted, PLAIN).batch(0).depth_m)

    def test_shrunk_batches_show_the_whole_view_with_the_same_field_of_view(self, indoor, tmp_path):
        alone = build_cache([indoor], ("0",), (128, 192), tmp_path)
        loader = Loader(alone, replace(PLAIN, size=(128, 192), shrink=0.5))
        batches = [loader.batch(step) for step in range(12)]
        sizes = {batch.true["0"].shape[2:] for batch in batches}
        assert len(sizes) > 2 and all(rows % 32 == columns % 32 == 0 for rows, columns in sizes)
        assert {max(size) for size in sizes} <= {96, 128, 160, 192} and min(min(s) for s in sizes) == 64
        whole = Loader(alone, replace(PLAIN, size=(128, 192)))
        for batch in batches:
            (rows, columns), full = batch.true["0"].shape[2:], whole.batch(batch.step)
            assert batch.depth_m.shape[2:] == (rows, columns) == batch.seen["0"].shape[2:]
            torch.testing.assert_close(batch.K[:, 0, 0] / columns, full.K[:, 0, 0] / 192)
            means = (batch.depth_m.mean((1, 2, 3)), full.depth_m.mean((1, 2, 3)))
            torch.testing.assert_close(*means, rtol=0.03, atol=0)

    def test_images_with_partners_are_not_turned_or_shrunk(self, cache):
        with pytest.raises(ConfigError, match=r"roll_deg 5 .* are for single images; frames"):
            Loader(cache, replace(PLAIN, roll_deg=5.0))
        with pytest.raises(ConfigError, match=r"shrink 0\.5 are for single images; frames"):
            Loader(cache, replace(PLAIN, shrink=0.5))

    @pytest.mark.parametrize("share", [0.0, 1.5, -1.0])
    def test_an_impossible_shrink_is_refused(self, indoor, tmp_path, share):
        alone = build_cache([indoor], ("0",), (64, 64), tmp_path)
        with pytest.raises(ConfigError, match=f"loader.shrink must lie between 0 and 1, got {share:g}"):
            Loader(alone, replace(PLAIN, shrink=share))

    def test_too_few_samples_are_refused(self, cache):
        with pytest.raises(ConfigError, match="6 samples are fewer than a batch of 7"):
            Loader(cache, replace(PLAIN, batch=7))

    def test_frames_are_drawn_alone_or_together(self, indoor, tmp_path):
        cache = build_cache([indoor], ("0", "s"), (64, 64), tmp_path)
        flat = replace(cache, images=np.full_like(cache.images, 128))
        for per_frame in (True, False):
            style = Photographic(chance=1.0, per_frame=per_frame)
            batch = Loader(flat, replace(PLAIN, photographic=style)).batch(0)
            assert torch.equal(batch.seen["0"], batch.seen["s"]) is not per_frame


class TestMeanDepth:
    def test_it_is_the_mean_of_what_is_known_at_each_place(self, cache):
        depths_m = np.zeros((6, 64, 64), np.float16)
        depths_m[:, :32] = np.arange(1, 7, dtype=np.float16)[:, None, None]
        depths_m[0, :32] = 0  # unknown: 2 ... 6 remain
        depths_m[1, 40] = 8  # one row of one image in the lower half
        mean = mean_depth_map(replace(cache, depths_m=depths_m))
        assert mean.dtype == np.float16 and mean.shape == (16, 16)
        assert (mean[:8] == 4).all() and (mean[10] == 8).all()
        np.testing.assert_allclose(mean[12:], (5 * 32 * 4 + 8) / (5 * 32 + 1), rtol=1e-3)  # known nowhere

    def test_it_is_for_the_canonical_camera(self, cache):
        plain, canonical = (np.float32(mean_depth_map(cache, focal)) for focal in (0.0, 0.25))
        np.testing.assert_allclose(
            canonical, plain / 2, rtol=1e-3
        )  # these cameras' focal length is half a side
        assert mean_depth_map(replace(cache, depths_m=None)) is None


def test_the_simulated_expert_knows_order_but_not_scale(cache):
    batch = Loader(cache, PLAIN).batch(0)
    ramp = torch.linspace(1, 9, 64).expand(4, 1, 64, 64)
    predict = SimulatedExpert(0)(replace(batch, depth_m=ramp))
    assert (predict.diff(dim=3) < 0).all()
    assert not torch.allclose(predict[0], predict[1], rtol=0.01)
    assert torch.equal(predict, SimulatedExpert(0)(replace(batch, depth_m=ramp)))
    with pytest.raises(DataError, match="needs depth"):
        SimulatedExpert(0)(replace(batch, depth_m=torch.empty(4, 1, 0, 0)))


class TestHints:
    def views(self, folder):
        make = open_set("simsin", folder, small_simsin(folder, scenes=1, size=128))
        return make, build_cache([make], ("0", "s"), (128, 128), folder / "cache", hints=True)

    def test_they_are_the_true_depth_where_there_are_any(self, tmp_path):
        indoor, cache = self.views(tmp_path)
        for i, entry in enumerate(indoor.entries):
            hint, truth = np.asarray(cache.hints_m[i], np.float32), indoor.depth(entry)
            matched = hint > 0
            assert matched[:, 80:].mean() > 0.5
            assert np.median(np.abs(hint - truth)[matched] / truth[matched]) < 0.02

    def test_a_right_image_has_the_mirrored_hints_of_a_left_one(self, tmp_path):
        _, cache = self.views(tmp_path)
        left, right = cache.image(0, "0"), cache.image(0, "s")
        hint = depth_hint(left, right, 64.0, -0.13)
        mirrored = depth_hint(left[:, ::-1], right[:, ::-1], 64.0, 0.13)
        assert (
            hint == mirrored[:, ::-1]
        ).mean() > 0.95  # settings that explain a pixel equally well may swap

    def test_they_follow_crops_and_need_stereo(self, tmp_path):
        _, cache = self.views(tmp_path)
        batch = Loader(cache, replace(PLAIN, batch=2, mirror=1.0, zoom=1.2)).batch(0)
        assert batch.hint_m.shape == batch.depth_m.shape == (2, 1, 64, 64)
        with pytest.raises(ConfigError, match="mode temporal has none"):
            Objective(mode="temporal", hints=True)
