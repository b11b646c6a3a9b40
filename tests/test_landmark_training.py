"""Training the landmark net further: targets, crops, losses, and that it learns and can be read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stream3d.nets.blazepose_torch import landmarker_from, load_landmarker
from stream3d.pose2d.regions import to_image
from stream3d.skeleton import BLAZEPOSE33, COCO17
from tests.test_detector_training import standing
from train.detector.photos import VALIDATION, Photos
from train.landmarks import losses
from train.landmarks.augment import MIRRORED, Augmentation, Crop, cut_off, half_hidden, into_crop, mirrored
from train.landmarks.game import Reading, Recipe
from train.landmarks.net import answers, trainable
from train.landmarks.targets import COCO_ROWS, EDGE, HIPS, Told, mean_likeness, targets_of, tolerances
from train.landmarks.trainer import LandmarkTrainer, finish

RNG = np.random.default_rng(3)
SCALE = np.array([60.0], np.float32)
PLACE = np.array([[50, 48, 50, -10, 1.0]], np.float32)


def told(away: float = 0.0) -> Told:
    """A teacher that is ``away`` pixels to the right of every label."""
    points = np.tile(np.array([50.0, 40.0], np.float32), (1, 39, 1))
    points[:, COCO_ROWS] = standing()[None, :, :2]
    points[..., 0] += away
    return Told(points=points, depth=np.full((1, 39), 7, np.float32))


def test_where_label_and_teacher_agree_the_truth_is_their_middle() -> None:
    targets = targets_of(standing()[None], PLACE, told(1.0), SCALE)
    np.testing.assert_allclose(targets.points[0, COCO_ROWS, 0], standing()[:, 0] + 0.5, atol=1e-5)
    hand = BLAZEPOSE33.names.index("left_index")
    assert 0 < targets.sure[0, hand] < 1, "hands are the teacher's, believed less than labels"
    assert targets.deep[0, hand] == 1
    np.testing.assert_allclose(targets.points[0, [HIPS, EDGE]], [[50.5, 44], [50.5, 15]], atol=1e-5)


def test_where_they_do_not_the_label_is_right_and_the_teacher_is_not_believed() -> None:
    targets = targets_of(standing()[None], PLACE, told(40.0), SCALE)
    np.testing.assert_allclose(targets.points[0, COCO_ROWS, :2], standing()[:, :2], atol=1e-5)
    assert not targets.deep.any()
    assert not targets.sure[0, [BLAZEPOSE33.names.index("left_heel"), BLAZEPOSE33.names.index("right_thumb")]].any()
    np.testing.assert_allclose(targets.points[0, HIPS], PLACE[0, :2])


def test_joints_that_nobody_could_mark_are_hidden() -> None:
    labels = standing()
    labels[15:] = 0
    labels[9, 2] = 1
    targets = targets_of(labels[None], PLACE, told(), SCALE)
    wrist, ankle, knee = (BLAZEPOSE33.names.index(f"left_{name}") for name in ("wrist", "ankle", "knee"))
    assert targets.seen[0, [wrist, ankle, knee]].tolist() == [0, 0, 1]
    assert targets.sure[0, wrist] == 1, "marked though hidden: its place is known"
    assert targets.sure[0, ankle] < 0.2
    assert 0 < targets.judged[0, ankle] < 1
    labels[4:] = 0
    assert not targets_of(labels[None], PLACE, told(), SCALE).judged[0, ankle], "of four joints little is to be told"


def test_likeness_is_cocos() -> None:
    points = told(0.0).points
    assert mean_likeness(points, standing()[None], SCALE)[0] == pytest.approx(1)
    away = np.array(2 * 0.079 * 60 * np.sqrt(2 * np.log(2)))  # where a shoulder is similar by a half
    points[:, BLAZEPOSE33.names.index("left_shoulder"), 0] += away
    only = standing()
    only[np.arange(17) != COCO17.names.index("left_shoulder")] = 0
    assert mean_likeness(points, only[None], SCALE)[0] == pytest.approx(0.5, abs=1e-3)
    assert len(tolerances()) == 39
    assert tolerances()[BLAZEPOSE33.names.index("left_heel")] == tolerances()[BLAZEPOSE33.names.index("left_ankle")]


@given(
    region=st.tuples(st.floats(0, 400), st.floats(0, 400), st.floats(20, 600), st.floats(-3.1, 3.1)),
    at=st.tuples(st.floats(-50, 450), st.floats(-50, 450)),
)
def test_points_go_into_crops_as_they_come_back(region: tuple[float, ...], at: tuple[float, float]) -> None:
    square, point = np.array(region, np.float32), np.array([at], np.float32)
    back = to_image((into_crop(point, square) / 256)[None], square[None])[0]
    np.testing.assert_allclose(back, point, atol=2e-2)


def test_a_mirror_exchanges_sides_and_twice_is_nothing() -> None:
    assert (MIRRORED[MIRRORED] == np.arange(39)).all()
    made, before = some_crop(), some_crop()
    mirrored(made)
    left, right = BLAZEPOSE33.names.index("left_wrist"), BLAZEPOSE33.names.index("right_wrist")
    np.testing.assert_allclose(made.points[left], [256 - before.points[right, 0], before.points[right, 1]])
    np.testing.assert_equal(made.picture[:, 0], before.picture[:, -1])
    mirrored(made)
    for name in ("picture", "points", "sure", "depth", "deep", "seen", "judged"):
        np.testing.assert_allclose(getattr(made, name), getattr(before, name), atol=1e-4)


def some_crop() -> Crop:
    rng = np.random.default_rng(1)
    arrays = {name: rng.uniform(0.5, 1, 39).astype(np.float32) for name in ("sure", "depth", "deep", "seen", "judged")}
    picture = rng.integers(0, 255, (256, 256, 3), np.uint8)
    return Crop(picture=picture, points=rng.uniform(20, 236, (39, 2)).astype(np.float32), scale=80.0, **arrays)


def test_what_is_cut_off_or_covered_is_not_seen() -> None:
    hidden = set()
    for seed in range(12):
        rng, made, photo = np.random.default_rng(seed), some_crop(), np.full((256, 256, 3), seed, np.uint8)
        left = cut_off(made, photo, np.array([128, 128, 200, 0], np.float32), rng)
        assert left.shape == photo.shape
        gone = made.seen == 0
        hidden.add(int(gone.sum()))
        assert (made.sure[gone] < 0.31).all()
        assert (made.deep[gone] == 0).all()
        assert (made.seen[~gone] > 0).all()
    assert len(hidden) > 3
    made = some_crop()
    half_hidden(made, np.zeros((300, 300, 3), np.uint8), np.random.default_rng(2))
    covered = (made.picture == 0).all(-1)
    x, y = made.points.astype(int).T
    np.testing.assert_equal(made.seen == 0, covered[y, x])
    assert covered.mean() > 0.01


def test_each_loss_is_least_where_it_should_be() -> None:
    truth = torch.tensor([[[20.0, 30.0], [40.3, 11.8]]])
    sure, bells = torch.ones(1, 2), bell(truth)
    right = losses.heat_maps(torch.logit(bells.clamp(1e-4, 1 - 1e-4)), truth, sure)
    for wrong in (bell(truth + 2), bells * 0.5, bells.clamp(min=0.05)):
        assert losses.heat_maps(torch.logit(wrong.clamp(1e-4, 1 - 1e-4)), truth, sure) > right
    outside = torch.tensor([[[70.0, 30.0], [40.3, 11.8]]])
    nothing = torch.full((1, 2, 64, 64), -9.0)
    one = losses.heat_maps(nothing, outside, sure)
    two = losses.heat_maps(nothing[:, 1:], outside[:, 1:], sure[:, 1:])
    torch.testing.assert_close(one, two)
    assert losses.places(truth, truth, sure, sure) == 0
    near, twice, far, farther = (losses.places(truth + d, truth, sure, 4 * sure) for d in (0.5, 1, 400, 401))
    assert twice / near > 3.5, "the square where it is small"
    assert farther - far < twice - near, "hardly more where it is large"
    assert losses.places(truth + 1, truth, 0 * sure, sure) == 0
    assert losses.chances(torch.tensor([3.0, -3.0]), torch.tensor([1.0, 0.0]), torch.ones(2)) < 0.05


def bell(at: torch.Tensor) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    return torch.exp(-((x - at[..., 0, None, None]) ** 2 + (y - at[..., 1, None, None]) ** 2) / 2)


@pytest.mark.usefixtures("weights")
def test_before_training_it_answers_as_it_did() -> None:
    crops = torch.from_numpy(RNG.integers(0, 255, (2, 256, 256, 3), np.uint8))
    before, _, heat = load_landmarker()(crops)
    said = answers(trainable(load_landmarker(), 10), crops)
    torch.testing.assert_close(said.points, before[..., :2], atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(said.seen.sigmoid(), before[..., 3], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(said.heat.permute(0, 2, 3, 1), heat, atol=1e-3, rtol=1e-3)


@pytest.mark.data
@pytest.mark.usefixtures("weights")
def test_it_learns_and_what_it_learnt_can_be_read_again(data: Path, tmp_path: Path) -> None:
    photos = Photos(data)
    recipe = Recipe(
        crops=6, steps=12, warm_up=1, learning_rate=1e-3, look_every=0, augmentation=Augmentation(hidden=0, cut=0)
    )
    game = Reading(recipe, photos, photos.chosen(VALIDATION)[:12])
    trainer, batch = LandmarkTrainer(game), game.batch(0)
    assert batch.crops.dtype == np.uint8
    assert 0 < batch.person.mean() <= 1
    frozen = trainer.nets["landmarks"].steps[0].conv.weight.clone()
    told = [trainer.train_on(batch) for _ in range(recipe.steps)]
    assert told[-1]["points"] < 0.8 * told[0]["points"]
    assert told[-1]["heat"] < told[0]["heat"]
    torch.testing.assert_close(trainer.nets["landmarks"].steps[0].conv.weight, frozen)
    trainer.looked_at = game.people
    finish(trainer, tmp_path / "net.safetensors")
    crops = torch.from_numpy(batch.crops)
    with torch.no_grad():
        now = answers(trainer.average["landmarks"], crops)
        again, presence, _ = landmarker_from(tmp_path / "net.safetensors")(crops)
    np.testing.assert_allclose(again[..., :2], now.points, atol=1.0)
    np.testing.assert_allclose(presence, now.person.sigmoid(), atol=0.02)
