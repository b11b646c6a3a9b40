"""Training the person detector: the held-out part, labels, augmentation, assignment, losses, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from stream3d.nets.blazepose_torch import load_detector
from stream3d.nets.person import PersonShape, cells
from stream3d.nets.person_torch import PersonNet, load_person
from train.detector import losses
from train.detector.assign import assign
from train.detector.augment import Augmentation, Canvas, make_canvas
from train.detector.depthwise import hasten
from train.detector.game import Finding, Recipe, batch_of
from train.detector.matching import curve, match
from train.detector.people import people_of
from train.detector.photos import TEST, TRAINING, VALIDATION, Photos, part_of
from train.detector.start import begin_as_blazepose
from train.detector.trainer import DetectorTrainer

STILL = Augmentation(zoom=(0.9, 1.0), close=0, mosaic=0, paste=0, upright=1, blur=0, grey=0, colour=0)


def test_the_held_out_part_is_fixed_for_ever() -> None:
    parts = {f"webp/coco_{k:012d}.webp": part_of(f"webp/coco_{k:012d}.webp") for k in range(2000)}
    assert [k for k in range(60) if parts[f"webp/coco_{k:012d}.webp"] == TEST] == HELD_OUT
    shares = [np.mean([part == which for part in parts.values()]) for which in (TEST, VALIDATION, TRAINING)]
    np.testing.assert_allclose(shares, [0.15, 0.05, 0.80], atol=0.03)


HELD_OUT = [8, 13, 14, 19, 25, 31, 35, 40, 44, 53]


@pytest.mark.data
def test_photographs_are_split_and_read(data: Path) -> None:
    photos = Photos(data)
    assert [len(photos.chosen(part)) for part in (TEST, VALIDATION, TRAINING)] == [657, 218, 3495]
    number = int(photos.chosen(TEST)[0])
    picture, labels = photos.picture(number), photos.labels(number)
    assert picture.shape[1::-1] == tuple(photos.table["image_wh"][number])
    assert (labels.people[:, 2:4] <= np.array(picture.shape[1::-1]) + 1).all()
    assert not photos.rows_of(int(np.flatnonzero(photos.negative)[0])).size


def standing() -> np.ndarray:
    """A person of 100 pixels, upright, with all of COCO's joints."""
    x = [50, 51, 49, 53, 47, 60, 40, 62, 38, 63, 37, 56, 44, 56, 44, 56, 44]
    y = [9, 7, 7, 8, 8, 18, 18, 33, 33, 47, 47, 48, 48, 72, 72, 94, 94]
    return np.stack([x, y, np.full(17, 2)], 1).astype(np.float32)


def labelled(points: np.ndarray, known: bool = True) -> np.ndarray:
    return people_of(np.array([[35, 2, 65, 100]], np.float32), points[None], np.array([known]))[0]


def test_the_circle_goes_round_the_whole_body() -> None:
    label = labelled(standing())
    np.testing.assert_allclose(label[4:6], [50, 48], atol=1e-5)
    np.testing.assert_allclose(label[6], 50, atol=1e-5)  # straight above the hips
    assert 46 < label[5] - label[7] < 60
    assert label[8] == 1
    upside_down = standing()
    upside_down[:, 1] = 100 - upside_down[:, 1]
    assert labelled(upside_down)[7] > 90


def test_what_is_not_labelled_is_believed_less() -> None:
    cut = standing()
    cut[13:] = 0
    assert labelled(cut)[8] == 0.5
    np.testing.assert_allclose(labelled(cut)[7], labelled(standing())[7], atol=8)  # still of the whole body
    cut[11:] = 0
    assert 0 < labelled(cut)[8] < 0.5
    assert 35 < labelled(cut)[5] < 60  # hips where they should be
    assert 0 < labelled(np.zeros((17, 3), np.float32))[8] < 0.3  # an upright box alone


class Drawn:
    """Photographs of one bright bar each on dark ground, as ``Photos`` gives them."""

    def __init__(self, count: int = 4) -> None:
        rng = np.random.default_rng(1)
        self.pictures, boxes = [], []
        for _ in range(count):
            picture = rng.integers(0, 40, (96, 96, 3), dtype=np.uint8)
            x, y = rng.integers(8, 40, 2)
            wide, high = rng.integers(14, 24), rng.integers(34, 48)
            picture[y : y + high, x : x + wide] = (200, 170, 140)
            self.pictures.append(picture)
            boxes.append([x, y, x + wide, y + high])
        self.rows = people_of(np.array(boxes, np.float32), np.zeros((count, 17, 3), np.float32), np.zeros(count, bool))
        self.negative = np.zeros(count, np.bool_)
        self.complete = True

    def picture(self, number: int) -> np.ndarray:
        return self.pictures[number]

    def labels(self, number: int) -> object:
        from train.detector.photos import Labels

        ignore = np.zeros((0, 4), np.float32)
        return Labels(people=self.rows[number : number + 1], ignore=ignore, complete=self.complete)


@pytest.mark.parametrize("seed", range(6))
def test_labels_move_with_the_picture(seed: int) -> None:
    how = Augmentation(mosaic=0.5, paste=0, upright=0.5, blur=0, grey=0, colour=0)
    canvas = make_canvas(Drawn(), np.arange(4), (128, 160), np.random.default_rng(seed), how)
    for person in np.concatenate(canvas.people):
        x0, y0, x1, y1 = np.clip(person[:4].round().astype(int), 0, (160, 128, 160, 128))
        inside = canvas.picture[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].astype(float)
        if inside.size:
            assert inside.mean() > 140
    shown = (canvas.picture.min(-1) > 100).sum()
    boxes = np.concatenate([*canvas.people])[:, :4].tolist() + np.concatenate(canvas.ignore).tolist()
    assert shown <= sum((x1 - x0 + 3) * (y1 - y0 + 3) for x0, y0, x1, y1 in boxes)  # nobody is left unlabelled


def test_nothing_is_punished_where_somebody_may_be_unlabelled() -> None:
    nothing = np.zeros((0, 4), np.float32)
    person = labelled(standing())[None]
    whole, crowd = np.array([[0, 0, 128, 128]], np.float32), np.array([[70, 0, 128, 60]], np.float32)
    picture = np.zeros((128, 128, 3), np.uint8)
    plain = batch_of([Canvas(picture=picture, people=[person], ignore=[nothing])])
    ignoring = batch_of([Canvas(picture=picture, people=[person], ignore=[crowd])])
    doubting = batch_of([Canvas(picture=picture, people=[person], ignore=[nothing], doubtful=[whole])])
    centres = cells(128, 128)
    assert plain.counted.all()
    assert not ignoring.counted[0][(centres[:, 0] > 70) & (centres[:, 1] < 60)].any()
    assert ignoring.counted[0][centres[:, 1] > 60].all()
    assert doubting.counted[0].any()
    assert (np.abs(centres[doubting.counted[0]] - (50, 51)) < (20, 54)).all()


def test_people_are_given_to_cells_within_them() -> None:
    centres = torch.from_numpy(cells(128, 128))
    people = torch.tensor([[[10, 10, 50, 120], [80, 20, 86, 28], [0, 0, 0, 0]]], dtype=torch.float32)
    near = torch.cat((centres - 20, centres + 20), -1)[None]
    near[0, :, 1], near[0, :, 3] = centres[:, 1] - 50, centres[:, 1] + 50
    got = assign(near, torch.full((1, len(centres)), 0.1), centres, people)
    for row, (x0, x1) in enumerate(people[0, :2, 0::2].tolist()):
        mine = centres[got.person[0] == row]
        assert 1 <= len(mine) <= 10
        assert (mine[:, 0] > min(x0, x1 - 12)).all()
        assert (mine[:, 0] < max(x1, x0 + 12)).all()
    assert not (got.person == 2).any()  # rows of zeros are nobody
    assert (got.quality[got.person < 0] == 0).all()
    best = got.quality[0][got.person[0] == 0].max()
    assert best == pytest.approx(float(losses.giou(near[0], people[0, :1]).min().neg() + 1), abs=0.2)


def test_a_cell_wanted_twice_goes_to_whom_it_fits() -> None:
    centres = torch.from_numpy(cells(64, 64))
    people = torch.tensor([[[4, 4, 60, 60], [8, 8, 40, 60]]], dtype=torch.float32)
    boxes = people[0, 1].expand(1, len(centres), 4)
    got = assign(boxes, torch.full((1, len(centres)), 0.5), centres, people, most=200)
    inside = (centres > 8).all(-1) & (centres[:, 0] < 40) & (centres[:, 1] < 60)
    assert (got.person[0][inside] == 1).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.sampled_from([3, 5]), st.sampled_from([1, 2]), st.integers(0, 1000))
def test_the_fast_backward_pass_is_the_same(channels: int, kernel: int, stride: int, seed: int) -> None:
    torch.manual_seed(seed)
    channels *= 40  # less and more than one block
    plain = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels)
    x = torch.randn(2, channels, 8, 12, requires_grad=True)
    out = plain(x)
    grad = torch.randn_like(out)
    expected = torch.autograd.grad(out, (x, plain.weight, plain.bias), grad)
    holder = nn.Sequential(plain)
    hasten(holder)
    got = torch.autograd.grad(holder(x), (x, plain.weight, plain.bias), grad)
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        rough = torch.autograd.grad(holder(x), (x, plain.weight, plain.bias), grad.bfloat16())
    for one, other in zip(rough, expected, strict=True):
        assert (one - other).norm() < 0.02 * other.norm()


def test_matching_and_the_curve() -> None:
    people = np.array([[0, 0, 10, 20], [30, 0, 40, 20]], np.float32)
    boxes = np.array([[0, 1, 10, 20], [1, 0, 10, 20], [50, 0, 60, 20], [31, 0, 41, 21]], np.float32)
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    got = match(boxes, scores, people, np.zeros((0, 4), np.float32))
    assert got.person.tolist() == [0, -1, -1, 1]
    assert match(boxes, scores, people, boxes[2:3]).person.tolist() == [0, -1, -2, 1]
    assert match(boxes, scores, people, boxes[:0], complete=False).person.tolist() == [0, -2, -2, 1]
    said = curve([got], 2)
    assert said.at(0.85) == (0.5, 1.0)
    assert said.at(0.6) == (1.0, 0.5)
    assert said.at(0.95) == (0.0, 1.0)
    assert said.recall_at(0.9) == 0.5
    assert said.best_threshold() == pytest.approx(0.9)  # 0.5 and 1 have the same mean as 1 and 0.5: the first
    assert said.best_threshold(0.4) == pytest.approx(0.9)
    assert said.best_threshold(1.1) == pytest.approx(0.9)
    assert said.average_precision == pytest.approx(0.75)
    assert curve([], 0).average_precision == 0


@pytest.mark.usefixtures("weights")
def test_the_trunk_begins_as_blazeposes() -> None:
    net, theirs = PersonNet(PersonShape(head=8)), load_detector().net
    begin_as_blazepose(net)
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    values = {theirs._source: x}
    with torch.no_grad():
        for step, (inputs, output) in zip(theirs.steps, theirs._wiring, strict=True):
            values[output] = step(*[values[i] for i in inputs])
        low, middle, top = net.trunk(x)
    pictures = [v for v in values.values() if v.ndim == 4]
    for mine in (low, middle, top):
        alike = [v for v in pictures if v.shape == mine.shape]
        assert min(float((v.clamp(0, 6) - mine).abs().max()) for v in alike) < 1e-4


def recipe(**more: object) -> Recipe:
    how = {"pictures": 4, "sizes": (96,), "steps": 60, "warm_up": 5, "ema": 0.8, "learning_rate": 3e-3, "clip": 10.0}
    return Recipe(**{**how, "empty": 0.0, "teacher": "", "shape": PersonShape(head=32), "augmentation": STILL, **more})


@pytest.mark.usefixtures("weights")
def test_it_learns_a_few_pictures_by_heart(tmp_path: Path) -> None:
    """And a run that was stopped goes on to the same weights."""
    torch.set_num_threads(1)
    photos = Drawn()
    trainer = DetectorTrainer(Finding(recipe(), photos, np.arange(4)))
    batch = trainer.game.batch(0)
    told = [trainer.train_on(batch) for _ in range(60)]
    assert told[-1]["score"] < 0.5 * told[0]["score"]
    assert told[-1]["box"] < 0.5 * told[0]["box"]
    before = {name: value.clone() for name, value in trainer.game.net.named_parameters()}
    trainer.save(tmp_path / "run.safetensors")
    other = DetectorTrainer(Finding(recipe(), photos, np.arange(4)))
    other.load(tmp_path / "run.safetensors")
    assert other.step == 60
    for name, value in other.game.net.named_parameters():
        torch.testing.assert_close(value, before[name])
    assert other.train_on(batch) == pytest.approx(trainer.train_on(batch), rel=1e-3)


@pytest.mark.usefixtures("weights")
def test_what_is_frozen_stays_and_the_trunk_learns_by_the_size_of_its_tensors() -> None:
    trainer = DetectorTrainer(Finding(recipe(), Drawn(), np.arange(4)))
    before = {name: value.clone() for name, value in trainer.game.net.named_parameters()}
    trainer.train_on(trainer.game.batch(0))
    moved = {n: float((v - before[n]).abs().max()) for n, v in trainer.game.net.named_parameters()}
    assert all(way == 0 for name, way in moved.items() if name.startswith(("trunk.stem", "trunk.low.0", "trunk.low.1")))
    head = max(way for name, way in moved.items() if name.startswith("heads."))
    sizes = {n: max(1e-3, float(v.detach().square().mean().sqrt())) for n, v in before.items()}
    shares = [way / sizes[name] for name, way in moved.items() if name.startswith("trunk.") and way]
    assert len(shares) > 50
    assert 0 < max(shares) <= 1.05 * head, "Adam's first step is the rate itself"


@pytest.mark.usefixtures("weights")
def test_batches_repeat() -> None:
    game = Finding(recipe(), Drawn(), np.arange(4))
    first, again, other = game.batch(7), game.batch(7), game.batch(8)
    np.testing.assert_array_equal(first.pictures, again.pictures)
    np.testing.assert_array_equal(first.people, again.people)
    assert first.pictures.shape != other.pictures.shape or (first.pictures != other.pictures).any()


@pytest.mark.usefixtures("weights")
def test_weights_are_written_with_a_threshold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from train.detector import trainer as module

    monkeypatch.setattr(module, "best_threshold", lambda _net, _photos: {"threshold": 0.37})
    game = Finding(recipe(steps=1), Drawn(), np.arange(4))
    module.finish(DetectorTrainer(game), tmp_path / "person.safetensors")
    from stream3d.nets.person import describe_person

    assert describe_person(tmp_path / "person.safetensors").threshold == 0.37
    assert load_person(tmp_path / "person.safetensors").shape.head == 32
