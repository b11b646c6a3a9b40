"""The converted BlazePose nets against the reference interpreter, and the fake nets that stand in for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from stream3d.errors import SettingsError
from stream3d.models import weights_path
from stream3d.nets.blazepose import anchors, detector_spec, landmark_spec
from stream3d.nets.fake import fake_detector_spec, fake_landmark_spec

# Largest differences allowed, about twice the largest seen on 20 photographs; float32 sums in another order. In depth
# the net is worse conditioned: the same module in float64 is as far from either as they are from one another.
BOX_PX = 4e-3
SCORE = 1e-5
LANDMARK_PX = 4e-3
DEPTH_PX = 3e-2
PROBABILITY = 1e-4
HEAT_LOGIT = 5e-3
WORLD_M = 1e-4


@pytest.fixture(scope="session")
def photographs(data: Path) -> list[np.ndarray]:
    files = sorted((data / "images/coco").glob("*.jpg"))[:8] + sorted((data / "images/lspe").glob("*.*g"))[:8]
    assert len(files) == 16
    return [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in files]


def crops(photographs: list[np.ndarray], width: int, height: int) -> np.ndarray:
    return np.stack([cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in photographs])


def reference(name: str, images: np.ndarray) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(weights_path(name)), num_threads=1)
    interpreter.allocate_tensors()
    rows = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        rows.append([interpreter.get_tensor(out["index"]) for out in interpreter.get_output_details()])
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def run(module: torch.nn.Module, images: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [out.numpy() for out in module(torch.from_numpy(images))]


def channels(module: torch.nn.Module) -> list[int]:
    return [conv.out_channels for conv in module.modules() if isinstance(conv, torch.nn.Conv2d)]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -100, 100).astype(np.float64)))


def letterboxed(image: np.ndarray, size: int) -> np.ndarray:
    scale = size / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:size, :size]
    square = np.zeros((size, size, 3), np.uint8)
    square[: small.shape[0], : small.shape[1]] = small
    return square


def best_box(image: np.ndarray, module: torch.nn.Module) -> tuple[np.ndarray, float]:
    """Centre x, y and size of the best box in pixels, and its score."""
    boxes, scores = run(module, image[None])
    row, (height, width) = int(scores[0].argmax()), image.shape[:2]
    box = boxes[0, row, :4]
    box[:2] += anchors(height, width)[row] * (width, height)
    return box, float(scores[0, row])


@pytest.mark.data
@pytest.mark.usefixtures("weights")
def test_detector_agrees_with_the_reference(photographs: list[np.ndarray]) -> None:
    images = crops(photographs, 224, 224)
    boxes, scores = run(detector_spec(224).load(), images)
    raw_boxes, raw_scores = reference("blazepose-detector", images.astype(np.float32) * np.float32(2 / 255) - 1)
    assert (scores > 0.5).any(1).sum() >= 8, "these photographs show people"
    np.testing.assert_allclose(boxes, raw_boxes, atol=BOX_PX, rtol=0)
    np.testing.assert_allclose(scores, sigmoid(raw_scores[..., 0]), atol=SCORE, rtol=0)


@pytest.mark.data
@pytest.mark.usefixtures("weights")
def test_landmark_net_agrees_with_the_reference(photographs: list[np.ndarray]) -> None:
    images = crops(photographs, 256, 256)
    landmarks, presence, heat, world = run(landmark_spec(world=True).load(), images)
    raw, raw_presence, _, raw_heat, raw_world = reference("blazepose-landmark", images.astype(np.float32) / 255)
    raw = raw.reshape(-1, 39, 5)
    assert (presence > 0.5).sum() >= 8, "these photographs show people"
    np.testing.assert_allclose(landmarks[..., :2], raw[..., :2], atol=LANDMARK_PX, rtol=0)
    np.testing.assert_allclose(landmarks[..., 2], raw[..., 2], atol=DEPTH_PX, rtol=0)
    np.testing.assert_allclose(landmarks[..., 3:], sigmoid(raw[..., 3:]), atol=PROBABILITY, rtol=0)
    np.testing.assert_allclose(presence, raw_presence[:, 0], atol=PROBABILITY, rtol=0)
    np.testing.assert_allclose(heat, raw_heat, atol=HEAT_LOGIT, rtol=0)
    np.testing.assert_allclose(world, raw_world.reshape(-1, 39, 3), atol=WORLD_M, rtol=0)


@pytest.mark.data
@pytest.mark.usefixtures("weights")
def test_a_person_is_in_the_same_place_at_every_size(photographs: list[np.ndarray]) -> None:
    module, agreed = detector_spec(224).load(), 0
    for image in photographs[8:]:
        small, score = best_box(letterboxed(image, 224), module)
        large, large_score = best_box(letterboxed(image, 448), module)
        if min(score, large_score) > 0.7:
            np.testing.assert_allclose(large / 2, small, atol=0.12 * 224)
            agreed += 1
    assert agreed >= 3


@pytest.mark.data
@pytest.mark.usefixtures("weights")
def test_black_rows_below_the_picture_need_not_be_computed(photographs: list[np.ndarray]) -> None:
    module, agreed = detector_spec(448).load(), 0
    for image in photographs:
        square = letterboxed(image, 448)
        box, score = best_box(square, module)
        if image.shape[0] / image.shape[1] < 300 / 448 and score > 0.5:
            wide, wide_score = best_box(square[:320], module)
            assert wide_score == pytest.approx(score, abs=0.1)
            np.testing.assert_allclose(wide, box, atol=0.05 * 448)
            agreed += 1
    assert agreed >= 2


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("size", [(224, 224), (448, 448), (672, 672), (256, 448)])
def test_detector_answers_one_row_per_anchor(size: tuple[int, int]) -> None:
    boxes, scores = run(detector_spec(*size).load(), np.zeros((1, *size, 3), np.uint8))
    count = len(anchors(*size))
    assert (boxes.shape, scores.shape) == ((1, count, 12), (1, count))


@pytest.mark.usefixtures("weights")
def test_heads_that_are_not_asked_for_are_not_in_the_net() -> None:
    plain, world = landmark_spec().load(), landmark_spec(world=True).load()
    image = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8)
    for ours, theirs in zip(run(plain, image), run(world, image), strict=False):
        np.testing.assert_array_equal(ours, theirs)
    assert channels(world).count(1) == 1, "presence; the last convolution of the segmentation has one channel too"
    assert sorted(channels(world)) == sorted([*channels(plain), 117])


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("spec", [detector_spec(224), landmark_spec()], ids=lambda spec: spec.name)
def test_export_with_a_free_batch_says_the_same(spec: object) -> None:
    module, shape = spec.load(), spec.inputs[0].shape
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), np.uint8)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(module, (torch.from_numpy(images[:2]),), dynamic_shapes=({0: batch},))
    exported = run(program.module(), images)
    alone = [np.concatenate(rows) for rows in zip(*(run(module, image[None]) for image in images), strict=True)]
    assert len(exported) == len(spec.outputs)
    for ours, single in zip(exported, alone, strict=True):
        np.testing.assert_allclose(ours, single, atol=5e-3, rtol=1e-5)


@pytest.mark.data
@pytest.mark.usefixtures("weights")
def test_openvino_says_the_same_on_bytes(photographs: list[np.ndarray]) -> None:
    import openvino as ov

    module, images = landmark_spec().load(), crops(photographs[:2], 256, 256)
    program = ov.convert_model(torch.export.export(module, (torch.from_numpy(images),)))
    assert program.inputs[0].element_type == ov.Type.u8
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    result = ov.Core().compile_model(program, "CPU", options)([images])
    for index, (expected, atol) in enumerate(
        zip(run(module, images), (DEPTH_PX, PROBABILITY, HEAT_LOGIT), strict=True)
    ):
        np.testing.assert_allclose(result[index], expected, atol=atol, rtol=0)


def test_anchors_are_the_cell_centres_of_three_layers() -> None:
    centres = anchors(64, 96)
    assert len(centres) == 2 * 8 * 12 + 2 * 4 * 6 + 6 * 2 * 3
    np.testing.assert_allclose(centres[:4], [[1 / 24, 1 / 16]] * 2 + [[3 / 24, 1 / 16]] * 2, rtol=1e-6)
    np.testing.assert_allclose(centres[-1], [5 / 6, 3 / 4], rtol=1e-6)


@pytest.mark.parametrize("size", [(225, 224), (224, 100), (0, 224), (-32, 32)])
def test_sizes_that_do_not_suit_the_strides_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SettingsError, match=f"{size[0]}×{size[1]}"):
        detector_spec(*size)


def test_specs_need_neither_torch_nor_weights(tmp_path: Path) -> None:
    environment = {**os.environ, "STREAM3D_CACHE": str(tmp_path), "STREAM3D_OFFLINE": "1"}
    code = (
        "import sys; from stream3d.nets import blazepose as b, fake as f; b.detector_spec(224); f.fake_landmark_spec();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def blobs(height: int, width: int, *rectangles: tuple[int, int, int, int]) -> np.ndarray:
    """A dark picture [1, H, W, 3] with a bright rectangle for each x0, y0, x1, y1."""
    image = np.full((1, height, width, 3), 20, np.uint8)
    for x0, y0, x1, y1 in rectangles:
        image[0, y0:y1, x0:x1] = 240
    return image


@pytest.mark.parametrize("size", [(224, 224), (448, 448), (448, 256)])
def test_fake_detector_boxes_the_blobs_and_nothing_else(size: tuple[int, int]) -> None:
    spec, rectangles = fake_detector_spec(*size), [(20, 30, 50, 120)]
    if size[1] == 448:
        rectangles.append((300, 200, 370, 380))
    boxes, scores = run(spec.load(), blobs(*size, *rectangles))
    assert boxes.shape == (1, len(anchors(*size)), 12)
    hits = scores[0] > 0.5
    found = boxes[0, hits]
    found[:, [0, 1, 4, 5, 6, 7]] += np.tile(anchors(*size)[hits] * size[::-1], 3)
    expected = [((a + c) / 2, (b + d) / 2, c - a, d - b) for a, b, c, d in rectangles]
    nearest = [min(expected, key=lambda e, row=row: abs(e[0] - row[0])) for row in found]
    np.testing.assert_allclose(found[:, :4], nearest, atol=0.5)
    np.testing.assert_allclose(found[:, 4:6], found[:, :2], atol=1e-3)
    np.testing.assert_allclose(found[:, 7], found[:, 1] - found[:, 3] / 2, atol=1e-3)
    assert set(nearest) == set(expected)


def test_fake_detector_finds_nobody_in_the_dark() -> None:
    _, scores = run(fake_detector_spec(224).load(), blobs(224, 224))
    assert scores.max() < 0.5


def test_fake_landmarks_stand_in_the_blob() -> None:
    images = np.concatenate([blobs(256, 256, (100, 30, 160, 220)), blobs(256, 256)])
    landmarks, presence, heat = run(fake_landmark_spec().load(), images)
    assert landmarks.shape == (2, 39, 5)
    assert heat.shape == (2, 64, 64, 39)
    assert presence[0] > 0.9
    assert presence[1] < 0.1
    body = landmarks[0, :33, :2]
    assert (body >= [100, 30]).all()
    assert (body <= [160, 220]).all()
    np.testing.assert_allclose(landmarks[0, [33, 34], :2], [[130, 125], [130, 30]], atol=0.1)
    left_shoulder, left_ankle = landmarks[0, 11], landmarks[0, 27]
    assert left_shoulder[0] > 130
    assert left_ankle[1] > 200


def test_fake_nets_have_the_real_ones_signature() -> None:
    for real, fake in ((detector_spec(448), fake_detector_spec(448)), (landmark_spec(), fake_landmark_spec())):
        assert (real.inputs, real.outputs) == (fake.inputs, fake.outputs)
        assert real.weights_hash != fake.weights_hash
        assert len(fake.load()(torch.zeros(1, *fake.inputs[0].shape, dtype=torch.uint8))) == len(fake.outputs)
