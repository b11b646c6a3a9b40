"""The person detector as a net: what it answers, how that is decoded, and that it leaves torch unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from stream3d.engine import EngineSettings, make_engine
from stream3d.errors import ModelError, ModelMissingError, SettingsError
from stream3d.nets.person import SIZE, PersonShape, cells, describe_person, person_spec
from stream3d.nets.person_torch import PersonNet, load_person, save_person
from stream3d.pose2d.detect import input_shape
from stream3d.pose2d.person import PersonNetDetector, decode, suppressed

# What the net comes down to, all of which torch_tensorrt 2.13 has converters for (dynamo/conversion of its wheel).
COVERED = {
    *("convolution.default", "relu.default", "add.Tensor", "sub.Tensor", "mul.Tensor", "permute.default"),
    *("_to_copy.default", "upsample_bilinear2d.vec", "cat.default", "view.default", "slice.Tensor", "select.int"),
    *("sigmoid.default", "hardtanh.default", "clamp.default", "exp.default", "log1p.default", "gt.Scalar"),
    *("where.self", "div.Tensor", "squeeze.dims", "unsqueeze.default", "_unsafe_view.default", "clone.default"),
}


def net_of(width: int = 16) -> PersonNet:
    torch.manual_seed(3)
    return PersonNet(PersonShape(head=width)).eval()


def picture(height: int, width: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("person") / "person-test.safetensors"
    save_person(net_of(), path, {"threshold": "0.4"})
    return path


@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 160)])
def test_one_set_of_weights_serves_every_size(height: int, width: int) -> None:
    with torch.no_grad():
        boxes, scores = net_of()(torch.from_numpy(picture(height, width, 2)))
    assert boxes.shape == (2, len(cells(height, width)), 8)
    assert scores.shape == boxes.shape[:2]
    assert (boxes[..., :4] > 0).all()  # a cell lies within its box
    assert ((scores > 0) & (scores < 1)).all()


def test_it_costs_what_it_may_at_its_default_size() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    height, width = input_shape(640, 480, SIZE)
    with torch.no_grad(), FlopCounterMode(display=False) as flops:
        PersonNet()(torch.zeros(1, height, width, 3, dtype=torch.uint8))
    assert flops.get_total_flops() <= 1.5e9


def test_weights_come_back_as_they_were_saved(weights_file: Path) -> None:
    said = describe_person(weights_file)
    assert (said.shape.head, said.threshold) == (16, 0.4)
    for name, value in load_person(weights_file).state_dict().items():
        torch.testing.assert_close(value, net_of().state_dict()[name], rtol=1e-3, atol=1e-4)


def test_wrong_files_and_sizes_are_refused(tmp_path: Path, weights_file: Path) -> None:
    with pytest.raises(ModelMissingError, match="no person detector"):
        describe_person(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"bad\.safetensors"):
        describe_person(tmp_path / "bad.safetensors")
    with pytest.raises(SettingsError, match="100×64"):
        person_spec(100, 64, weights=weights_file)
    with pytest.raises(SettingsError, match="at least 1 channel, not 0"):
        PersonShape(head=0)


def encoded(people: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers [N, 8] and scores [N] of a net that knows ``people`` [G, 8] = box, hips, edge: one cell for each."""
    centres = cells(height, width)
    boxes, scores = np.zeros((len(centres), 8), np.float32), np.zeros(len(centres), np.float32)
    for row, (x0, y0, x1, y1, hx, hy, ex, ey) in enumerate(people):
        at = int(np.abs(centres - ((x0 + x1) / 2, (y0 + y1) / 2)).sum(1).argmin())
        cx, cy = centres[at]
        boxes[at] = cx - x0, cy - y0, x1 - cx, y1 - cy, hx - cx, hy - cy, ex - hx, ey - hy
        scores[at] = 0.9 - 0.1 * row
    return boxes, scores


PEOPLE = np.array([[10, 12, 50, 110, 30, 60, 30, 5], [70, 40, 150, 90, 112, 60, 70, 55]], np.float32)


def test_decoding_is_the_inverse_of_encoding() -> None:
    boxes, scores = encoded(PEOPLE, 128, 160)
    found = decode(boxes, scores, height=128, width=160, min_score=0.3)
    np.testing.assert_allclose(found.boxes, PEOPLE[:, :4], atol=1e-4)
    np.testing.assert_allclose(np.concatenate([found.hips, found.edge], 1), PEOPLE[:, 4:], atol=1e-4)
    np.testing.assert_allclose(found.scores, [0.9, 0.8], atol=1e-6)
    assert len(decode(boxes, scores, height=128, width=160, min_score=0.85).scores) == 1
    assert len(decode(boxes, scores, height=128, width=160, min_score=0.95).regions()) == 0


def test_only_the_best_of_overlapping_boxes_is_kept() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [5, 0, 15, 10], [40, 0, 50, 10]], np.float32)
    assert suppressed(boxes, 0.6).tolist() == [0, 2, 3]
    assert suppressed(boxes[:0], 0.6).tolist() == []


class Knowing:
    """An engine whose net has seen PEOPLE in a letterboxed picture of 320×160 pixels."""

    buckets = (1,)

    def __call__(self, **inputs: np.ndarray) -> Mapping[str, np.ndarray]:
        height, width = inputs["image"].shape[1:3]
        top = (height - 80) / 2  # the picture is shrunk to a half
        boxes, scores = encoded(PEOPLE / 2 + np.tile([0, top], 4).astype(np.float32), height, width)
        return {"boxes": boxes[None], "scores": scores[None]}

    def describe(self) -> dict[str, str]:
        return {"runtime": "knowing"}


def test_regions_lie_in_the_picture_that_was_given() -> None:
    detector = PersonNetDetector(lambda _height, _width: Knowing(), size=160, min_score=0.5)
    found = detector(np.zeros((160, 320, 3), np.uint8))
    np.testing.assert_allclose(found.regions[:, :2], PEOPLE[:, 4:6], atol=1e-3)
    np.testing.assert_allclose(found.regions[0, 2:], [2 * 1.25 * 55, 0], atol=1e-3)  # upright: side, rotation
    assert found.regions[1, 3] == pytest.approx(-np.pi / 2, abs=0.2)  # lies with the head to the left
    assert detector.describe()["inputs"] == "160x96"
    assert detector.confirm_score <= detector.min_score


def test_openvino_answers_as_torch_does(weights_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path))
    spec, image = replace(person_spec(64, 96, weights=weights_file), buckets=(1,)), picture(64, 96)
    answers = [make_engine(spec, EngineSettings(engine=name))(image=image) for name in ("openvino", "torch")]
    for name in spec.outputs:
        np.testing.assert_allclose(answers[0][name], answers[1][name], rtol=1e-3, atol=1e-3)


def test_the_graph_is_static_and_made_of_what_tensorrt_converts() -> None:
    """TensorRT itself needs its own libraries and a GPU; this is what can be known of it without."""
    net, image = net_of(), torch.from_numpy(picture(64, 64))
    program = torch.export.export(net, (image,), strict=True)
    assert not program.range_constraints  # every shape is a number
    nodes = [node for node in program.run_decompositions().graph.nodes if node.op == "call_function"]
    aten = {str(node.target).removeprefix("aten.") for node in nodes if "getitem" not in str(node.target)}
    aten = {name for name in aten if not name.startswith("_assert")}  # checks of dtypes, whose results nothing uses
    assert aten <= COVERED, f"without a converter: {aten - COVERED}"


def test_onnx_runtime_answers_as_torch_does(tmp_path: Path) -> None:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    net, image, path = net_of(), torch.from_numpy(picture(64, 64)), tmp_path / "net.onnx"
    torch.onnx.export(net, (image,), path, dynamo=True, input_names=["image"], output_names=["boxes", "scores"])
    onnx.checker.check_model(path, full_check=True)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = net(image)
    for got, want in zip(session.run(None, {"image": image.numpy()}), expected, strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-3, atol=1e-3)
