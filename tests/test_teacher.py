"""Another detector's scores, cell by cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stream3d.errors import ModelError
from stream3d.nets.person import cells
from train.detector.photos import VALIDATION, Photos
from train.detector.teacher import Teacher


@pytest.mark.data
def test_it_answers_where_people_are(data: Path) -> None:
    photos, teacher = Photos(data), Teacher(data / "nets" / "yolox_nano.onnx")
    right = []
    for number in photos.chosen(VALIDATION)[:60]:
        people = photos.labels(int(number)).people
        large = people[(people[:, 3] - people[:, 1]) > 120]
        if not len(large):
            continue
        picture = photos.picture(int(number))
        square = np.zeros((416, 416, 3), np.uint8)
        square[: picture.shape[0], : picture.shape[1]] = picture
        scores = teacher(square[None])[0]
        x, y = cells(416, 416)[scores.argmax()]
        right.append(((large[:, 0] < x) & (x < large[:, 2]) & (large[:, 1] < y) & (y < large[:, 3])).any())
    assert len(right) > 10
    assert np.mean(right) > 0.85


@pytest.mark.data
def test_pictures_of_any_size_and_each_for_itself(data: Path) -> None:
    teacher = Teacher(data / "nets" / "yolox_nano.onnx")
    pictures = np.random.default_rng(1).integers(0, 255, (2, 96, 160, 3), np.uint8)
    both = teacher(pictures)
    assert both.shape == (2, len(cells(96, 160)))
    np.testing.assert_allclose(both[1], teacher(pictures[1:])[0], atol=1e-6)


def test_no_net(tmp_path: Path) -> None:
    path = tmp_path / "teacher.onnx"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"teacher\.onnx: cannot be read as ONNX, do without"):
        Teacher(path)
