"""What files of nets may say: clear refusals, and nothing from a stranger's file but numbers."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream3d.errors import ModelError, ModelMissingError, SettingsError
from stream3d.nets.onnx_file import look_over
from stream3d.pose2d.own import detector_from, keypoints_from
from stream3d.pose2d.own.cards import DETECTORS, KEYPOINTS
from stream3d.pose2d.own.files import load_card, presets
from tests.onnx_nets import constant

MAPS = np.zeros((1, 17, 64, 48), np.float32)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    return constant(tmp_path / "net.onnx", (1, 3, 256, 192), maps=MAPS)


def said(net: Path, *lines: str) -> str:
    net.with_suffix(".toml").write_text("\n".join(lines))
    return str(net)


def test_every_preset_is_a_card() -> None:
    assert {"yolox", "rtmdet", "rtmpose", "hrnet", "vitpose", "simplepose", "rtmo"} <= set(presets())
    for path in presets().values():
        assert load_card(path, "preset").kind


def test_the_page_on_nets_knows_every_key_preset_and_kind() -> None:
    page = (Path(__file__).parents[1] / "docs" / "nets.md").read_text()
    keys = {field.name for card in (DETECTORS | KEYPOINTS).values() for field in dataclasses.fields(card)}
    for name in keys | set(presets()) | set(DETECTORS) | set(KEYPOINTS):
        assert f"`{name}`" in page, name


def test_without_a_toml_there_is_an_example(net: Path) -> None:
    with pytest.raises(SettingsError, match=r'net.toml beside it.*preset = "rtmpose".*weights = '):
        keypoints_from(str(net))


@pytest.mark.usefixtures("net")
def test_a_toml_elsewhere_names_its_file(tmp_path: Path) -> None:
    elsewhere = tmp_path / "sub" / "mine.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text('preset = "hrnet"\nweights = "../net.onnx"')
    assert keypoints_from(str(elsewhere)).layout.name == "coco17"


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["kind = "], "not TOML"),
        (["colour = 1", 'kind = "heatmap"'], "no 'colour'"),
        (['kind = "magic"'], "must say kind"),
        (["size = [192, 256]"], "must say kind"),
        (['preset = "magic"'], "no preset 'magic'"),
        (['preset = "hrnet"', 'layout = "hands21"'], "unknown layout 'hands21'"),
        (['preset = "hrnet"', "size = [192]"], "size must be"),
        (['preset = "hrnet"', "size = [1, 1]"], "size must be"),
        (['preset = "hrnet"', "std = [0, 1, 1]"], "std above 0"),
        (['preset = "hrnet"', 'mean = "grey"'], "mean must be"),
        (['preset = "hrnet"', "border = 256"], "border must be"),
        (['preset = "hrnet"', "padding = 9.0"], "padding must be"),
        (['preset = "hrnet"', "blur = 4"], "blur must be"),
        (['preset = "hrnet"', "seen_score = 0"], "seen_score must be"),
        (['preset = "hrnet"', "min_presence = 1.5"], "min_presence must be"),
        (['preset = "rtmpose"', "split_ratio = 0"], "split_ratio must be"),
        (['preset = "yolox"'], "give it as --detector"),
        (['preset = "hrnet"', 'refine = "best"'], "refine must be"),
    ],
)
def test_what_a_toml_must_not_say(net: Path, lines: list[str], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        keypoints_from(said(net, *lines))


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (['preset = "hrnet"'], "give it as --keypoints"),
        (['preset = "yolox"', "confirm_score = 0.9"], "confirm_score 0.9 must not be above"),
        (['preset = "yolox"', "overlap = 1.0"], "overlap must be"),
        (['preset = "yolox"', "strides = []"], "strides"),
        (['preset = "rtmdet"', "person = -1"], "person"),
    ],
)
def test_what_a_toml_of_a_detector_must_not_say(net: Path, lines: list[str], match: str) -> None:
    with pytest.raises((SettingsError, ModelError), match=match):
        detector_from(said(net, *lines))


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (['preset = "hrnet"', "size = [288, 384]"], r"takes 'picture' \[1, 3, 256, 192\], but its TOML says"),
        (['preset = "hrnet"', 'output = "heat"'], "no output 'heat'; it has 'maps'"),
        (['preset = "hrnet"', 'layout = "halpe26"'], r"'maps' is \[1, 26, \?, \?\], but it is \[1, 17, 64, 48\]"),
        (['preset = "rtmpose"'], "no output 'simcc_x'"),
    ],
)
def test_a_file_that_is_not_what_its_toml_says(net: Path, lines: list[str], match: str) -> None:
    with pytest.raises(ModelError, match=match):
        keypoints_from(said(net, *lines))


def test_an_open_size_must_be_told(tmp_path: Path) -> None:
    net = constant(tmp_path / "net.onnx", ("n", 3, "h", "w"), maps=MAPS)
    with pytest.raises(ModelError, match=r"say which in its TOML: size = \[width, height\]"):
        keypoints_from(said(net, 'preset = "hrnet"'))
    keypoints_from(said(net, 'preset = "hrnet"', "size = [192, 256]"))


def test_an_answer_of_another_shape_than_declared_is_seen_when_it_comes(tmp_path: Path) -> None:
    net = constant(tmp_path / "net.onnx", (1, 3, 256, 192), maps=MAPS[:, :5])
    model = onnx.load(net)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, net)
    seen = keypoints_from(said(net, 'preset = "hrnet"'))
    with pytest.raises(ModelError, match=r"answers 'maps' as \[1, 17, 'any', 'any'\], this one \[1, 5, 64, 48\]"):
        seen(np.zeros((50, 50, 3), np.uint8), np.float32([[25, 25, 50, 0]]))  # type: ignore[call-arg, arg-type]


def test_other_files_are_named(tmp_path: Path, net: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        keypoints_from(str(tmp_path / "none.onnx"))
    with pytest.raises(SettingsError, match="must be an"):
        keypoints_from(str(tmp_path / "net.pt"))
    with pytest.raises(SettingsError, match="cannot be read"):
        keypoints_from(str(tmp_path / "none.toml"))
    with pytest.raises(ModelMissingError):
        keypoints_from(said(net, 'preset = "hrnet"', 'weights = "none.onnx"'))
    net.with_suffix(".toml").write_text("#" * 70_000)
    with pytest.raises(SettingsError, match="at most"):
        keypoints_from(str(net))


class _Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("exploded"),))


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, pickle.dumps(_Bomb()), b"PK\x03\x04 zip", b'{"json": 1}'])
def test_what_is_no_onnx_is_refused(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = tmp_path / "net.onnx"
    net.write_bytes(content)
    with pytest.raises(ModelError):
        keypoints_from(said(net, 'preset = "hrnet"'))
    assert not (tmp_path / "exploded").exists()


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_harmless(net: Path, data: st.DataObject) -> None:
    good = net.read_bytes()[:4000]
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + data.draw(st.binary(max_size=8)) + good[at + data.draw(st.integers(0, 8)) :]
    broken = net.with_name("broken.onnx")
    broken.write_bytes(damaged or b"\x00")
    try:
        look_over(broken)
    except ModelError as error:
        assert "broken.onnx" in str(error)  # noqa: PT017


def test_a_truncated_file_is_refused(net: Path) -> None:
    whole = net.read_bytes()
    net.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="not an ONNX file that can be read"):
        keypoints_from(said(net, 'preset = "hrnet"'))


def test_an_unknown_operator_is_a_clear_refusal(net: Path) -> None:
    model = onnx.load(net)
    model.graph.node[0].op_type = "Teleport"
    net.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=r"OpenVINO cannot take .*net\.onnx"):
        keypoints_from(said(net, 'preset = "hrnet"'))


def with_external(net: Path, location: str) -> Path:
    model = onnx.load(net)
    onnx.save(model, net, save_as_external_data=True, location="weights.data", size_threshold=0)
    model = onnx.load(net, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    net.write_bytes(model.SerializeToString())
    return net


def test_weights_in_a_file_beside_are_read_and_counted_in(net: Path) -> None:
    alone = look_over(net).sha256
    beside = look_over(with_external(net, "weights.data"))
    assert beside.sha256 != alone
    keypoints_from(said(net, 'preset = "hrnet"'))
    with (net.parent / "weights.data").open("ab") as file:
        file.write(b"\x01")
    assert look_over(net).sha256 != beside.sha256


@pytest.mark.parametrize("location", ["/etc/hostname", "../weights.data", "sub/weights.data", "..", ""])
def test_weights_elsewhere_are_refused(net: Path, location: str) -> None:
    with pytest.raises(ModelError):
        look_over(with_external(net, location))


def test_a_link_out_of_the_folder_is_refused(net: Path, tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    moved = net.rename(folder / "net.onnx")
    with_external(moved, "weights.data")
    (folder / "weights.data").rename(tmp_path / "secret")
    (folder / "weights.data").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="not a file in its own folder"):
        look_over(moved)


def test_external_data_within_a_branch_is_seen(net: Path) -> None:
    """A tensor may hide in a graph in an attribute of a node."""
    inner = onnx.helper.make_tensor("t", onnx.TensorProto.FLOAT, [1], [1.0])
    inner.ClearField("float_data")
    inner.data_location = onnx.TensorProto.EXTERNAL
    entry = inner.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"
    branch = onnx.helper.make_graph([onnx.helper.make_node("Constant", [], ["o"], value=inner)], "b", [], [])
    model = onnx.load(net)
    model.graph.node.append(onnx.helper.make_node("If", ["picture"], ["p"], then_branch=branch, else_branch=branch))
    net.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="/etc/hostname"):
        look_over(net)


def said_as(number: int, content: bytes) -> bytes:
    """A field of protobuf that holds bytes, fewer than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


def test_a_location_that_is_said_twice_hides_nothing(tmp_path: Path) -> None:
    """Readers of protobuf take the last of two; a check that takes the first would not see what they read."""
    entry = said_as(1, b"length") + said_as(2, b"w") + said_as(1, b"location") + said_as(2, b"/etc/hostname")
    graph = said_as(5, said_as(13, entry)) + said_as(11, said_as(1, b"in")) + said_as(12, said_as(1, b"out"))
    net = tmp_path / "net.onnx"
    net.write_bytes(said_as(7, graph))
    with pytest.raises(ModelError, match="wants to read '/etc/hostname'"):
        look_over(net)


def test_two_inputs_are_one_too_many(net: Path) -> None:
    model = onnx.load(net)
    model.graph.input.append(onnx.helper.make_tensor_value_info("second", onnx.TensorProto.FLOAT, [1]))
    onnx.save(model, net)
    with pytest.raises(ModelError, match="only nets that take one picture"):
        keypoints_from(said(net, 'preset = "hrnet"'))
