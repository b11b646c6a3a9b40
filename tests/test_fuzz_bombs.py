"""Small files that would cost all memory, all time, or the process: each is read by a process with limits."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stream3d.nets.tflite import read_tflite
from stream3d.sinks.convert import convert_tracks
from stream3d.trackfile import recover
from tests.flatbuffer_writer import Table
from tests.test_fuzz_readers import journal_of
from tests.test_trackfile import FULL, write_journal
from tests.tflite_writer import Model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")

ROOT = Path(__file__).resolve().parents[1]
SOON_S = 60.0
MOST_MB = 700  # torch and OpenVINO alone take half of it

# Reads argv[2] with the reader argv[1] names, and says what came of it and how much memory it took.
CHILD = """
import importlib, resource, sys
from pathlib import Path
from stream3d.errors import Stream3DError
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
module, name = sys.argv[1].split(":")
read = getattr(importlib.import_module(module), name)
try:
    read(Path(sys.argv[2]))
    print("read")
except Stream3DError as error:
    print(type(error).__name__)
if sys.platform == "linux":  # where getrusage tells of the parent's peak too
    print(int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20)
"""


def outcome(reader: str, path: Path) -> str:
    """ "read", or the name of the error; fails when the process dies, or takes too much time or memory."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, reader, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SOON_S,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-600:]}"
    said, peak = done.stdout.split()
    assert int(peak) < MOST_MB, f"{peak} MB"
    return said


CAMERA = "stream3d.camera_file:load_camera"
YAML = "%YAML:1.0\n---\nimage_width: 640\nimage_height: 480\n"
XML = '<?xml version="1.0"?>\n{}<opencv_storage>\n{}</opencv_storage>\n'
SIZELESS = (
    YAML + "K: !!opencv-matrix\n   rows: 3\n   ccols: 3\n   dt: d\n   data: [ 1., 0., 0., 0., 1., 0., 0., 0., 1. ]\n"
)
LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
DEEP = 150_000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.json", '{"K": ' + "[" * DEEP + "]" * DEEP + "}"),
        ("deep.yml", YAML + "K: " + "[" * DEEP + "]" * DEEP),
        ("lists.yml", YAML + "K:\n  " + "- " * DEEP + "1\n"),
        ("maps.yml", YAML + "a: " * DEEP + "1\n"),
        ("deep.xml", XML.format("", "<a>" * DEEP + "1" + "</a>" * DEEP)),
        ("laughs.xml", XML.format(LAUGHS, "<K>&b;</K>")),
        ("huge.yml", YAML + "K: !!opencv-matrix\n   rows: 300000\n   cols: 300000\n   dt: d\n   data: [ 1. ]\n"),
        ("infinite.yml", YAML.replace("640", ".Inf") + SIZELESS.removeprefix(YAML)),
        ("distorted.yml", SIZELESS + "D: !!opencv-matrix\n   rows: 1\n   cols: 2\n   dt: d\n   data: [ 1., .Nan ]\n"),
        ("large.yml", YAML + " " * (1 << 20)),
    ],
)
def test_calibrations(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert outcome(CAMERA, tmp_path / name) == "SettingsError"


def test_a_matrix_that_lacks_a_size_does_not_end_the_process(tmp_path: Path) -> None:
    """OpenCV's own reader of matrices does that, and not by an exception."""
    (tmp_path / "sizeless.yml").write_text(SIZELESS)
    assert outcome(CAMERA, tmp_path / "sizeless.yml") == "read"


def test_a_packed_calibration_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "bomb.yml.gz").write_bytes(gzip.compress(YAML.encode() + b"K: [ " + b"1, " * 20_000_000 + b"1 ]\n"))
    assert outcome(CAMERA, tmp_path / "bomb.yml.gz") == "SettingsError"


@pytest.mark.parametrize("text", ["a=" + "[" * 5000 + "]" * 5000, "a=" + "9" * 5000, "a=1\n" + "#" * (1 << 20)])
def test_configurations(text: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    assert outcome("stream3d.settings:load_toml", tmp_path / "c.toml") == "SettingsError"


def lying_npz(path: Path, values: int, unpacked: int) -> Path:
    """Says that it holds ``values`` float32, its checksum right, and would unpack to ``unpacked`` bytes."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (values,)})
    start = head.getvalue() + bytes(4 * values)
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = packer.compress(start) + b"".join(packer.compress(bytes(1 << 24)) for _ in range(unpacked >> 24))
    packed += packer.flush()
    about = struct.pack("<3H3L2H", 8, 0, 33, zlib.crc32(start), len(packed), len(start), 5, 0)
    local = b"PK\3\4" + struct.pack("<2H", 20, 0) + about + b"a.npy" + packed
    central = b"PK\1\2" + struct.pack("<3H", 20, 20, 0) + about + struct.pack("<3H2L", 0, 0, 0, 0, 0) + b"a.npy"
    end = b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 1, 1, len(central), len(local), 0)
    path.write_bytes(local + central + end)
    return path


def test_an_array_that_unpacks_to_more_than_it_says(tmp_path: Path) -> None:
    path = lying_npz(tmp_path / "lie.npz", 100_000, 1 << 30)
    assert path.stat().st_size < 8 << 20
    assert outcome("stream3d.trackfile:read_npz", path) in ("read", "TrackFileError")


@pytest.mark.parametrize("shape", [(10**12,), (3 * 10**8,), (0, 10**30), (-1, 0), (True,)])
@pytest.mark.parametrize("kind", ["<U0", "<f4", "|V8", "|O"])
def test_arrays_of_impossible_shapes(shape: tuple[int, ...], kind: str, tmp_path: Path) -> None:
    from stream3d.errors import TrackFileError
    from stream3d.trackfile import read_npz

    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": kind, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", head.getvalue())
    with pytest.raises(TrackFileError):
        read_npz(tmp_path / "a.npz")


def deep_journal(path: Path) -> Path:
    return journal_of(
        path, '{"kind":"tracks","keypoint_names":["a"],"joint_names":["b"],"meta":{"a":' + "[" * 900 + "]" * 900 + "}}"
    )


def deep_tracks(path: Path) -> Path:
    np.savez(path, meta=np.array("[" * 900 + "]" * 900), frame=np.zeros(0, np.int64))
    return path


def endless_openpose(path: Path) -> Path:
    path.mkdir()
    (path / "0_keypoints.json").symlink_to("/dev/zero")
    return path


def piped_openpose(path: Path) -> Path:
    path.mkdir()
    os.mkfifo(path / "0_keypoints.json")
    return path


def greedy_lifter(path: Path) -> Path:
    save_file({"a": np.zeros(1, np.float32)}, path, {"shape": json.dumps({"width": 8192, "blocks": 64})})
    return path


def deep_lifter(path: Path) -> Path:
    save_file({"a": np.zeros(1, np.float32)}, path, {"shape": "[" * 100_000})
    return path


def wide_bvh(path: Path) -> Path:
    joints = "".join(f"JOINT j{i}\n{{\nOFFSET 0 0 0\nCHANNELS 0\n}}\n" for i in range(20_000))
    head = f"HIERARCHY\nROOT Hips\n{{\nOFFSET 0 0 0\nCHANNELS 1 Xposition\n{joints}}}\n"
    path.write_text(head + "MOTION\nFrames: 20000\nFrame Time: 0.01\n" + "0\n" * 20_000)
    return path


def endless_asf(path: Path) -> Path:
    path.with_suffix(".asf").write_text(":units\n:root\n:bonedata\n" + "begin " * 100_000 + "\n:hierarchy\n")
    path.write_text("1\nroot 0 0 0 0 0 0\n")
    return path


def test_links_laid_in_a_folder_of_outputs_are_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "a.npz.part").symlink_to(precious)
    (tmp_path / "out").mkdir()
    write_journal(tmp_path / "a.npz.journal", FULL, people=1)
    convert_tracks(tmp_path / "a.npz.journal", str(tmp_path / "out") + "/")
    assert (tmp_path / "out" / "stream3d_000000000000_keypoints.json").is_file()
    (tmp_path / "out" / ".stream3d_000000000000_keypoints.json.part").symlink_to(precious)
    convert_tracks(tmp_path / "a.npz.journal", str(tmp_path / "out") + "/")
    recover(tmp_path / "a.npz.journal")
    assert precious.read_text() == "mine"


def sparse_nothing(path: Path) -> Path:
    """Two axes, one of which is endless and the other empty: together they hold no value."""
    model = Model((1, 2, 2, 4))
    axes = [Table({0: ("b", 0), 1: ("i", size)}) for size in (2**31 - 1, 0)]
    model.tensor((2**31 - 1, 0), "float16", [0.0], Table({0: np.arange(2, dtype="<i4"), 2: axes}))
    path.write_bytes(model.bytes())
    return path


def greedy_operators(path: Path) -> Path:
    """Many operators that each read very many tensors."""
    model = Model((1, 2, 2, 4))
    inputs = (0,) * 15_000
    for _ in range(200):
        model.operator(2, inputs, 0)
    path.write_bytes(model.bytes())
    return path


def read_tflite_file(path: Path) -> None:
    read_tflite(path.read_bytes())


KEYPOINTS, MOTION = "stream3d.lift.keypoints:read_keypoints", "train.mocap.files:read_motion"
LIFTER = "tests.test_fuzz_readers:_use_lifter"


@pytest.mark.parametrize(
    ("write", "name", "reader", "error"),
    [
        (deep_journal, "a.npz.journal", "stream3d.trackfile:load_tracks", "TrackFileError"),
        (deep_journal, "a.npz.journal", "stream3d.trackfile:recover", "TrackFileError"),
        (deep_tracks, "a.npz", "stream3d.trackfile:load_tracks", "TrackFileError"),
        (endless_openpose, "folder", KEYPOINTS, "TrackFileError"),
        (piped_openpose, "folder", KEYPOINTS, "TrackFileError"),
        (greedy_lifter, "l.safetensors", LIFTER, "ModelError"),
        (deep_lifter, "l.safetensors", LIFTER, "ModelError"),
        (sparse_nothing, "a.tflite", "tests.test_fuzz_bombs:read_tflite_file", "ModelError"),
        (greedy_operators, "a.tflite", "tests.test_fuzz_bombs:read_tflite_file", "ModelError"),
        (wide_bvh, "a.bvh", MOTION, "TrackFileError"),
        (endless_asf, "a.amc", MOTION, "TrackFileError"),
    ],
)
def test_bombs(write: Callable[[Path], Path], name: str, reader: str, error: str, tmp_path: Path) -> None:
    assert outcome(reader, write(tmp_path / name)) == error
