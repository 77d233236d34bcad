# SPDX-License-Identifier: Apache-2.0
"""ManyDepth and DistDepth-M as trained: whom each term teaches, what rests when, and what the model folder holds."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.indoor_folders import small_simsin
from helpers.indoor_training import losses
from lightning_fabric import Fabric

from geo_perception.errors import ConfigError
from geo_perception.networks import build
from geo_perception.weights import load_model, read_card
from training.data.depth import Loader
from training.depth.config import PRESETS
from training.depth.multi_frame import MultiFrameStudent, before_from_now
from training.depth.student import Prediction, StepNoise, poses
from training.recipes import distdepth as recipe

OWN = {"reprojection", "consistency", "smoothness"}
TEACHERS = {"teacher_reprojection", "teacher_smoothness"}
DISTILLED = {"statistical", "teacher_statistical"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simsin")
    return f"simsin:{folder}:{small_simsin(folder, way_px=3)}"


def batch_of(config):
    frames = recipe.FRAMES[config.objective.mode]
    return Loader(recipe.open_caches(config, frames)[0], config.loader).batch(0)


def fresh(config) -> MultiFrameStudent:
    torch.manual_seed(0)
    return recipe.new_student(config)


def untouched(batch) -> StepNoise:
    never = torch.zeros(len(batch.K), dtype=torch.bool)
    return StepNoise(None, never, never)


def judged(student, batch, config, done=0.0, step_noise=None, expert=None):
    student.set_progress(done)
    step_noise = step_noise or untouched(batch)
    return student.compute_losses(
        student(*student.inputs(batch, step_noise)), batch, config.objective, expert, step_noise
    ).terms


def taught(student) -> set[str]:
    """Which networks got a gradient that is not zero."""
    parts = {"teacher": student.depth, "pose": student.video.pose, "own": student.video.depth}
    return {
        name
        for name, part in parts.items()
        if any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    }


@pytest.mark.parametrize(
    ("preset", "expert", "terms"),
    [("manydepth", "", OWN | TEACHERS), ("distdepth-m", "simulator", OWN | TEACHERS | DISTILLED)],
)
def test_a_run_gives_finite_terms_and_one_folder_with_both_networks(tiny, preset, expert, terms):
    config = tiny(preset, expert=expert, steps=2)
    figures = recipe.train(config)
    found = losses(config)
    assert {name.removeprefix("loss/") for _, name in found} == {*terms, "total"}
    assert np.isfinite(list(found.values())).all() and np.isfinite(figures["scaled_absrel"])
    card, model = read_card(config.out), load_model(config.out)
    assert card.network == "video_depth" and f"distdepth {preset} " in card.command
    low, high = model.config.min_bin_m, model.config.max_bin_m
    assert (low, high) != (0.1, 10.0) and 0.1 <= low < high <= 10
    frames = torch.rand(1, 2, 3, 64, 64)
    K = torch.diag(torch.tensor((32.0, 32, 1, 1)))[None]
    assert torch.isfinite(model(frames[:, 0], frames[:, 1:], K).depth_m).all()


def test_every_term_teaches_whom_it_should(tiny):
    config = tiny("distdepth-m", start_m=0.0)  # near, where untrained poses match, too
    batch, student = batch_of(config), fresh(config)
    expert = 1000 * torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    both, teachers = {"teacher", "pose"}, {"teacher"}
    whom = {key: {"own"} for key in (*OWN, "statistical")}
    whom |= {"teacher_reprojection": both, "teacher_smoothness": teachers}
    whom |= {"teacher_statistical": teachers}
    terms = judged(student, batch, config, expert=expert)
    assert terms.keys() == whom.keys()
    for name, term in terms.items():
        student.zero_grad(set_to_none=True)
        term.backward(retain_graph=True)
        assert taught(student) == whom[name], name


def test_teacher_and_poses_rest_after_their_share_of_the_steps(tiny):
    config = tiny("manydepth")
    batch, student = batch_of(config), fresh(config)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    terms = judged(student, batch, config, done=0.75)
    assert terms.keys() == OWN
    torch.stack(list(terms.values())).sum().backward()
    assert taught(student) == {"own"}
    changed = {name for name, value in student.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all(name.startswith("video.depth.encoder.layer") for name in changed)  # statistics
    assert judged(student, batch, config, done=0.74).keys() == OWN | TEACHERS


def test_a_run_changes_resting_networks_no_more(tiny, monkeypatch):
    config = tiny("manydepth", steps=4, validate_every=4)
    seen = []
    step = recipe.train_step

    def watched(fabric, model, optimiser, student, *rest):
        seen.append({name: value.clone() for name, value in student.state_dict().items()})
        return step(fabric, model, optimiser, student, *rest)

    monkeypatch.setattr(recipe, "train_step", watched)
    recipe.train(config)
    third, last = seen[2], seen[3]  # the fourth step begins after 3 of 4: with it they rest
    resting = [name for name in last if name.startswith(("depth.", "video.pose.", "bin_range"))]
    moved = [name for name in resting if not torch.equal(third[name], last[name])]
    assert "bin_range_m" in moved and any(name.startswith("video.pose.") for name in moved)
    saved = torch.load(config.run_folder / "checkpoint.pt", weights_only=True)["network"]
    assert [name for name in resting if not torch.equal(saved[name], last[name])] == []
    assert not torch.equal(
        saved["video.depth.decoder.decoder.0.conv.conv.bias"],
        last["video.depth.decoder.decoder.0.conv.conv.bias"],
    )


def test_tampered_samples_see_a_still_scene_or_nothing_and_follow_the_teacher(tiny):
    config = tiny("manydepth")
    batch, student = batch_of(config), fresh(config)
    still, withheld = torch.tensor((True, False)), torch.tensor((False, True))
    _, _, shown, _, _ = student.inputs(batch, StepNoise(None, still, withheld))
    assert torch.equal(shown[0], batch.seen["0"][0]) and torch.equal(shown[1], batch.seen["-1"][1])
    student.set_progress(0.0)
    own = student(*student.inputs(batch, StepNoise(None, still, withheld))).own
    assert own.confidence[1].sum() == 0 < own.confidence[0].sum()
    terms = judged(student, batch, config, step_noise=StepNoise(None, still, withheld))
    assert terms["reprojection"] == 0 < terms["consistency"]


def test_draws_belong_to_the_step_and_are_shared_by_processes(tiny):
    config = tiny("manydepth")
    config = replace(config, loader=replace(config.loader, batch=4))
    batch, fabric = batch_of(config), Fabric(accelerator="cpu")
    shares = torch.stack(
        [torch.stack(recipe.draw(replace(batch, step=s), config, fabric)[1:]) for s in range(200)]
    )
    assert torch.equal(shares[7], torch.stack(recipe.draw(replace(batch, step=7), config, fabric)[1:]))
    assert not (shares[:, 0] & shares[:, 1]).any()
    assert shares.float().mean((0, 2)).tolist() == pytest.approx([0.25, 0.25], abs=0.05)


def test_bins_follow_the_teachers_depth(tiny):
    student = fresh(tiny("manydepth"))
    assert student.bin_range_m.tolist() == pytest.approx([0.1, 10.0])
    student._track(torch.tensor((1.0, 2.0, 3.0, 5.0)).reshape(2, 1, 1, 2))
    low, high = 0.9 * (1 + 3) / 2, 1.1 * (2 + 5) / 2
    assert student.bin_range_m.tolist() == pytest.approx([0.99 * 0.1 + 0.01 * low, 9.9 + 0.01 * high])


def test_inference_goes_the_way_that_training_goes(tiny):
    config = tiny("manydepth")
    batch, student = batch_of(config), fresh(config).eval()
    with torch.no_grad():
        image, stacked, before, K, none = student.inputs(batch, untouched(batch))
        trained = student(image, stacked, before, K, none)
        saved = student.saved()
        model = build(saved.network, **saved.config).eval()
        model.load_state_dict(saved.module.state_dict())
        predict = model(image, before[:, None], K)
        torch.testing.assert_close(predict.depth_m, trained.own.depth_m)
        torch.testing.assert_close(student.predict(dict(batch.seen), K), trained.own.depth_m)


def test_ways_follow_the_focal_length_as_depth_does(tiny):
    """A longer lens makes everything, also the way between frames, as much larger as depth is made."""
    config = tiny("manydepth")
    batch = batch_of(config)
    predict = Prediction((), torch.zeros(4, 2, 1, 3), torch.ones(4, 2, 1, 3))
    objective = replace(config.objective, canonical_focal=0.25)  # these cameras' is 0.5
    plain, scaled = (poses(predict, batch, o, 2) for o in (config.objective, objective))
    for name in ("-1", "1"):
        torch.testing.assert_close(scaled[name][:, :3, 3], 2 * plain[name][:, :3, 3])
    assert before_from_now(predict)[:, 0, 3].tolist() == plain["-1"][:, 0, 3].tolist()


def test_the_loss_falls_on_a_tiny_set(tiny):
    config = tiny("distdepth-m", steps=30, validate_every=30, lr=3e-4)
    config = replace(
        config,
        data=(config.data[0],),
        multi_frame=replace(config.multi_frame, freeze_after=1.0, tampered=0.0),
        loader=replace(config.loader, mirror=0.0, batch=6),
    )
    recipe.train(config)
    total = [value for (_, name), value in sorted(losses(config).items()) if name == "loss/total"]
    assert np.mean(total[-5:]) < 0.9 * np.mean(total[:5])


@pytest.mark.parametrize(("mode", "images"), [("stereo", 2), ("temporal", 3)])
def test_a_configuration_without_neighbours_or_pairs_is_refused(mode, images):
    base = PRESETS["manydepth"][1]
    with pytest.raises(ConfigError, match="mode temporal or both and pose images 2"):
        replace(base, objective=replace(base.objective, mode=mode), pose=replace(base.pose, images=images))


def test_the_teacher_may_begin_as_a_trained_model(tiny):
    first = tiny("monodepth2", "first", steps=2)
    recipe.train(first)
    student = recipe.new_student(replace(tiny("manydepth"), init=str(first.out)))
    assert isinstance(student, MultiFrameStudent)
    want = load_model(first.out).state_dict()
    assert all(torch.equal(want[name], value) for name, value in student.depth.state_dict().items())
