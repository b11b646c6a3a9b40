"""Graphs of nets as files of our own: what is written is read again, and damage is said to be that."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from stream3d.errors import ModelError, ModelMissingError, SettingsError
from stream3d.nets.blazepose import landmark_spec
from stream3d.nets.blazepose_torch import landmarker_from
from stream3d.nets.graph_file import read_graph, save_graph
from stream3d.nets.tflite import Graph, read_tflite
from stream3d.nets.tflite_torch import convert, simplified
from tests.test_tflite import SAME, add_conv, conv
from tests.tflite_writer import Model


def small_graph() -> Graph:
    """A padded convolution, a depthwise one, and a branch that nobody asks for."""
    model = Model((1, 8, 8, 3))
    inner = add_conv(model, 0, ((4, 3, 3, 3), (1, 4, 4, 4)), conv(SAME, 2))
    side = add_conv(model, 0, ((2, 1, 1, 3), (1, 8, 8, 2)), conv(SAME, 1))
    outer = add_conv(model, inner, ((5, 1, 1, 4), (1, 4, 4, 5)), conv(SAME, 1))
    model.outputs = [outer, side]
    return simplified(read_tflite(model.bytes()), (0,))


def test_a_graph_comes_back_as_it_was(tmp_path: Path) -> None:
    graph, path = small_graph(), tmp_path / "net.safetensors"
    save_graph(graph, path, {"steps": "7"})
    again, notes = read_graph(path)
    assert notes == {"steps": "7"}
    picture = torch.rand(2, 3, 8, 8)
    (before,), (after,) = convert(graph)(picture), convert(again)(picture)
    torch.testing.assert_close(after, before, atol=2e-2, rtol=2e-3)  # weights are kept in half precision
    save_graph(again, tmp_path / "again.safetensors", {"steps": "7"})
    twice, _ = read_graph(tmp_path / "again.safetensors")
    assert twice.operators == again.operators
    for one, other in zip(twice.tensors, again.tensors, strict=True):
        np.testing.assert_equal(one.data, other.data)
    assert len(load_file(path)) == 4, "two weights, two biases, and nothing of the other branch"


def test_what_is_not_there_or_no_graph_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="nothing"):
        read_graph(tmp_path / "nothing.safetensors")
    with pytest.raises(ModelMissingError, match="nothing"):
        landmark_spec(weights=tmp_path / "nothing.safetensors")
    (tmp_path / "words.safetensors").write_text("no net")
    with pytest.raises(ModelError, match="words"):
        read_graph(tmp_path / "words.safetensors")
    save_graph(small_graph(), tmp_path / "small.safetensors", {})
    with pytest.raises(ModelError, match="1 answers"):
        landmarker_from(tmp_path / "small.safetensors")
    with pytest.raises(SettingsError, match="world"):
        landmark_spec(world=True, weights=tmp_path / "small.safetensors")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_description_raises_model_error_or_is_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    save_graph(small_graph(), folder / "good.safetensors", {})
    tensors = load_file(folder / "good.safetensors")
    with (folder / "good.safetensors").open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        said = json.loads(json.loads(file.read(size))["__metadata__"]["graph"])
    _damage(said, data)
    save_file(tensors, folder / "bad.safetensors", {"graph": json.dumps(said)})
    with contextlib.suppress(ModelError):
        convert(read_graph(folder / "bad.safetensors")[0])


def _damage(said: dict, data: st.DataObject) -> None:
    """Replace something within by something else."""
    strange = st.one_of(st.integers(-5, 2**40), st.text(max_size=4), st.none(), st.lists(st.integers(-2, 9)))
    part = said[data.draw(st.sampled_from(sorted(said)))]
    for _ in range(data.draw(st.integers(0, 3))):
        if not isinstance(part, (list, dict)) or not part:
            break
        keys = sorted(part) if isinstance(part, dict) else list(range(len(part)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(part[key], (list, dict)) or data.draw(st.booleans()):
            part[key] = data.draw(strange)
            return
        part = part[key]
    if isinstance(part, list):
        part.append(data.draw(strange))


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_graph(small_graph(), path, {})
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        said = json.loads(file.read(size))["__metadata__"]["graph"]
    tensors = load_file(path)
    name = next(iter(tensors))
    save_file(tensors | {name: np.zeros(3, np.float16)}, path, {"graph": said})
    with pytest.raises(ModelError, match="other shapes"):
        read_graph(path)
