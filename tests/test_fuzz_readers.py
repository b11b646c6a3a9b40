"""Files from strangers, damaged and invented: whatever they hold, a reader ends in a value or in its own error."""

from __future__ import annotations

import contextlib
import json
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from stream3d.camera_file import load_camera
from stream3d.errors import LayoutError, ModelError, SettingsError, SinkError, TrackFileError
from stream3d.lift.keypoints import KeypointOptions, read_keypoints
from stream3d.nets.graph_file import read_graph, save_graph
from stream3d.nets.lifter import describe_lifter
from stream3d.nets.lifter_torch import LifterShape
from stream3d.nets.onnx_file import look_over
from stream3d.nets.person import describe_person
from stream3d.nets.tflite import read_tflite
from stream3d.nets.tflite_torch import convert
from stream3d.pipeline import RunSettings
from stream3d.pose2d.own.files import load_card
from stream3d.settings import from_table, load_toml
from stream3d.sinks.convert import convert_tracks
from stream3d.sinks.viewer.take import Take
from stream3d.skeleton import BODY25, COCO17
from stream3d.trackfile import load_tracks, recover
from tests.fuzz.mutate import mutated
from tests.onnx_nets import brightness
from tests.test_graph_file import small_graph
from tests.test_mocap import AMC, ASF, BVH
from tests.test_tflite import SAME, add_conv, conv
from tests.test_trackfile import FULL, write_journal
from tests.tflite_writer import Model
from train.mocap.asfamc import read_asf_amc
from train.mocap.bvh import read_bvh
from train.mocap.files import read_motion

SEEDS = int(os.environ.get("STREAM3D_FUZZ_SEEDS", "150"))
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

CONFIG = """[source]
timeout_s = 5.0
[track]
birth_s = 0.2
[camera]
fov_deg = 60
[lift]
height_m = 1.8
"""
CARD = 'preset = "yolox"\nmin_score = 0.4\nsize = [416, 416]\nmean = [0.0, 1.0, 2.0]\n'


def _tracks(folder: Path) -> Path:
    journal = write_journal(folder / "tracks.npz.journal", FULL, people=2, solved=True)
    return recover(journal)


def _journal(folder: Path) -> Path:
    return write_journal(folder / "run.npz.journal", FULL, people=2)


def _keypoints(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0, 400, (5, COCO17.size, 3)).astype(np.float32)
    np.savez_compressed(folder / "k.npz", keypoints=keypoints, layout="coco17", fps=25.0, width=640, height=480)
    return folder / "k.npz"


def _openpose(folder: Path) -> Path:
    numbers = np.random.default_rng(0).uniform(1, 400, BODY25.size * 3).round(1).tolist()
    (folder / "op").mkdir(exist_ok=True)
    path = folder / "op" / "clip_000000000000_keypoints.json"
    path.write_text(json.dumps({"version": 1.3, "people": [{"pose_keypoints_2d": numbers}] * 2}))
    return path


def _camera(ending: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        storage = cv2.FileStorage(str(folder / f"camera{ending}"), cv2.FILE_STORAGE_WRITE)
        storage.write("camera_matrix", np.array([[1000.0, 0, 640], [0, 990, 360], [0, 0, 1]]))
        storage.write("image_width", 1280)
        storage.write("image_height", 720)
        storage.write("distortion_coefficients", np.array([-0.2, 0.05, 0.001, -0.001, 0.0]))
        storage.release()
        return folder / f"camera{ending}"

    return write


def _text(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_text(text)
        return folder / name

    return write


def _amc(folder: Path) -> Path:
    (folder / "a.asf").write_text(ASF)
    return _text("a.amc", AMC)(folder)


def _asf(folder: Path) -> Path:
    (folder / "a.amc").write_text(AMC)
    return _text("a.asf", ASF)(folder)


def _lifter(folder: Path) -> Path:
    from stream3d.nets.lifter_torch import Lifter, save_lifter

    save_lifter(Lifter(LifterShape(kind="mlp", width=8, blocks=1)), folder / "l.safetensors", {})
    return folder / "l.safetensors"


def _graph(folder: Path) -> Path:
    save_graph(small_graph(), folder / "net.safetensors", {})
    return folder / "net.safetensors"


def _tflite(folder: Path) -> Path:
    model = Model((1, 8, 8, 3))
    add_conv(model, 0, ((4, 3, 3, 3), (1, 4, 4, 4)), conv(SAME, 2))
    (folder / "net.tflite").write_bytes(model.bytes())
    return folder / "net.tflite"


def _read_openpose(path: Path) -> object:
    return read_keypoints(path.parent, KeypointOptions(fps=25.0))


def _use_tracks(path: Path) -> None:
    tracks = load_tracks(path)
    Take(tracks)
    for ending in (".jsonl", ".csv", ".npz"):
        convert_tracks(path, str(path.with_name(f"export{ending}")))


def _use_graph(path: Path) -> None:
    convert(read_graph(path)[0])


def _use_lifter(path: Path) -> None:
    describe_lifter(path).spec().load()


READERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], object], tuple[type[Exception], ...]]] = {
    "tracks": (_tracks, _use_tracks, (TrackFileError, SettingsError)),
    "journal": (_journal, load_tracks, (TrackFileError,)),
    "journal of a killed run": (_journal, recover, (TrackFileError, SinkError)),
    "keypoints": (_keypoints, read_keypoints, (TrackFileError,)),
    "OpenPose": (_openpose, _read_openpose, (TrackFileError,)),
    "camera YAML": (_camera(".yml"), load_camera, (SettingsError,)),
    "camera JSON": (_camera(".json"), load_camera, (SettingsError,)),
    "camera XML": (_camera(".xml"), load_camera, (SettingsError,)),
    "config": (
        _text("c.toml", CONFIG),
        lambda path: from_table(RunSettings, load_toml(path), "config"),
        (SettingsError, LayoutError),
    ),
    "card of a net": (_text("n.toml", CARD), lambda path: load_card(path, "--detector"), (SettingsError,)),
    "BVH": (_text("a.bvh", BVH), lambda path: read_bvh(path, metres=1.0), (TrackFileError,)),
    "BVH of anybody's": (_text("a.bvh", BVH), read_motion, (TrackFileError, LayoutError)),
    "AMC": (_amc, lambda path: read_asf_amc(path.with_suffix(".asf"), path), (TrackFileError,)),
    "ASF": (_asf, lambda path: read_asf_amc(path, path.with_suffix(".amc")), (TrackFileError,)),
    "lifter": (_lifter, _use_lifter, (ModelError,)),
    "person detector": (_lifter, describe_person, (ModelError,)),
    "graph": (_graph, _use_graph, (ModelError,)),
    "tflite": (_tflite, lambda path: convert(read_tflite(path.read_bytes())), (ModelError,)),
    "onnx": (lambda folder: brightness(folder / "n.onnx", 32, 32), look_over, (ModelError,)),
}
REFUSED_WHOLE = {
    "BVH of anybody's",
    "person detector",
}  # whole ones are refused too: nobody has two joints, a lifter is none


@pytest.mark.parametrize("name", READERS)
def test_a_whole_file_is_read(name: str, tmp_path: Path) -> None:
    write, read, errors = READERS[name]
    with pytest.raises(errors) if name in REFUSED_WHOLE else contextlib.nullcontext():
        read(write(tmp_path))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_damaged_files(name: str, tmp_path: Path) -> None:
    """Each seed names its damage for good: bits, bytes, lengths, stretches lost, doubled and exchanged."""
    write, read, errors = READERS[name]
    path = write(tmp_path)
    whole = path.read_bytes()
    refused = 0
    for seed in range(SEEDS):
        damaged, damage = mutated(random.Random(seed), whole, [whole])  # noqa: S311 - repeatable on purpose
        path.write_bytes(damaged)
        try:
            read(path)
        except errors:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed} ({', '.join(damage)}): {error!r}") from error
        for left in tmp_path.glob("run.npz"):
            left.unlink()
    assert refused > SEEDS // 20


# --- content that nobody would write by accident -----------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NUMBER = st.integers(-(10**400), 10**400) | st.floats() | st.none() | st.text(max_size=3)


def journal_of(path: Path, header: object) -> Path:
    """A journal without rows whose header, checksum and all, says ``header``."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    text += b" " * (-(len(text) + 20) % 64)
    path.write_bytes(struct.pack("<8sHHII", b"S3DJRNL\n", 1, 0, len(text), zlib.crc32(text)) + text)
    return path


@quick
@given(header=JSON | st.fixed_dictionaries({"kind": JSON, "keypoint_names": JSON, "joint_names": JSON, "meta": JSON}))
def test_journals_may_say_anything(header: object, tmp_path: Path) -> None:
    with contextlib.suppress(TrackFileError):
        load_tracks(journal_of(tmp_path / "a.npz.journal", header))


@quick
@given(meta=st.dictionaries(st.sampled_from(["camera", "width", "height", "fps", "source", "smoother"]), JSON))
def test_tracks_are_used_whatever_they_say_of_their_run(meta: dict[str, object], tmp_path: Path) -> None:
    path = _tracks_saying(tmp_path, meta)
    with contextlib.suppress(TrackFileError, SettingsError):
        _use_tracks(path)


@quick
@given(
    camera=st.fixed_dictionaries(
        dict.fromkeys(("width", "height", "fx", "fy", "cx", "cy"), NUMBER) | {"distortion": st.lists(NUMBER)}
    )
)
def test_tracks_are_used_whatever_they_say_of_their_camera(camera: dict[str, object], tmp_path: Path) -> None:
    path = _tracks_saying(tmp_path, {"camera": camera, **{name: camera[name] for name in ("width", "height")}})
    with contextlib.suppress(TrackFileError, SettingsError):
        _use_tracks(path)


def _tracks_saying(folder: Path, meta: dict[str, object]) -> Path:
    whole = dict(np.load(_tracks(folder), allow_pickle=False))
    path = folder / "said.npz"
    np.savez(path, **whole | {"meta": np.array(json.dumps(meta))})
    (folder / "tracks.npz").unlink()
    return path


@quick
@given(people=JSON | st.lists(st.fixed_dictionaries({"pose_keypoints_2d": st.lists(NUMBER, min_size=75, max_size=75)})))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_openpose_files_may_say_anything(people: object, tmp_path: Path) -> None:
    path = _openpose(tmp_path)
    path.write_text(json.dumps({"people": people}))
    with contextlib.suppress(TrackFileError):
        read = _read_openpose(path)
        assert np.isfinite(read.time).all()


@quick
@given(
    values=st.fixed_dictionaries({}, optional={n: st.floats() for n in ("fps", "width", "height", "focal")}),
    scale=st.floats(allow_nan=False, allow_infinity=False),
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_keypoints_may_be_anything(values: dict[str, float], scale: float, tmp_path: Path) -> None:
    np.savez(tmp_path / "k.npz", keypoints=np.ones((3, 17, 3)) * scale, layout="coco17", **values)
    with contextlib.suppress(TrackFileError):
        read = read_keypoints(tmp_path / "k.npz")
        assert np.isfinite(read.time).all()
        assert np.isfinite([read.camera.fx, read.camera.cx]).all()


@quick
@given(shape=JSON | st.dictionaries(st.sampled_from(["kind", "channels", "width", "blocks", "lookahead"]), JSON))
def test_weights_may_say_anything_of_their_net(shape: object, tmp_path: Path) -> None:
    path = tmp_path / "l.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, path, {"shape": json.dumps(shape), "person": json.dumps(shape)})
    for read in (_use_lifter, describe_person):
        with contextlib.suppress(ModelError):
            read(path)


@quick
@given(table=st.dictionaries(st.sampled_from(["source", "track", "camera", "lift", "mode", "x"]), JSON))
def test_settings_may_be_anything(table: dict[str, object]) -> None:
    with contextlib.suppress(SettingsError, LayoutError):
        from_table(RunSettings, table, "config")
