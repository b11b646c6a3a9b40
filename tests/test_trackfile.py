"""Track files: what is written is read, what is torn is recovered, what is hostile is refused."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.errors import SinkError, TrackFileError
from stream3d.skeleton import BLAZEPOSE33, H36M17
from stream3d.trackfile import (
    AppendFile,
    Header,
    Journal,
    JournalWriter,
    TrackFile,
    finish,
    load_tracks,
    recover,
    to_json,
)
from tests.sink_scenes import files_limited_to, killed_after

SMALL = Header(kind="tracks", keypoint_names=("a", "b"), joint_names=("pelvis",), meta={"source": "x"})
FULL = Header(kind="tracks", keypoint_names=BLAZEPOSE33.names, joint_names=H36M17.names, meta={})
RECORD = SMALL.dtype.itemsize


def columns(header: Header, frame: int, people: int, *, solved: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(frame)
    j2, j3 = len(header.keypoint_names), len(header.joint_names)
    return {
        "frame": np.array(frame),
        "time": np.array(frame / 25),
        "person": np.arange(people),
        "keypoints2d": rng.normal(size=(people, j2, 3)).astype(np.float32),
        "joints3d": rng.normal(size=(people, j3, 3)).astype(np.float32),
        "sigma": rng.uniform(size=(people, j3)).astype(np.float32),
        "rotations": np.full((people, j3, 4), 0.5 if solved else np.nan, np.float32),
    }


def write_journal(
    path: Path, header: Header = SMALL, frames: int = 4, people: int = 1, *, solved: bool = False
) -> Path:
    writer = JournalWriter(path, header)
    for frame in range(frames):
        writer.append(columns(header, frame, people, solved=solved))
    writer.close()
    return path


def arrays(n: int = 3) -> dict[str, Any]:
    """The members of a valid file of n rows."""
    return {
        "frame": np.arange(n),
        "time": np.arange(n) / 25,
        "person": np.ones(n, np.int64),
        "keypoints2d": np.zeros((n, 33, 3), np.float32),
        "keypoint_names": np.array(BLAZEPOSE33.names),
        "joints3d": np.zeros((n, 17, 3), np.float32),
        "joint_names": np.array(H36M17.names),
        "sigma": np.zeros((n, 17), np.float32),
        "meta": np.array('{"fps": 25}'),
    }


def test_finished_file_holds_what_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    finish(write_journal(tmp_path / "a.npz.journal", FULL, 7, 3, solved=True), path, {"frames_read": 9})
    tracks = load_tracks(path)
    assert len(tracks) == 21
    assert tracks.meta == {"frames_read": 9}
    assert (tracks.keypoint_layout, tracks.joint_layout) == (BLAZEPOSE33, H36M17)
    for frame, rows in enumerate(tracks.by_frame()):
        said = columns(FULL, frame, 3, solved=True)
        assert (rows.frame, rows.time) == (frame, frame / 25)
        for name in ("person", "keypoints2d", "joints3d", "sigma", "rotations"):
            np.testing.assert_array_equal(getattr(rows, name), said[name])
    assert frame == 6
    assert not (tmp_path / "a.npz.journal").exists()


def test_numpy_reads_it_without_pickle(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    finish(write_journal(tmp_path / "j"), path, {})
    with np.load(path, allow_pickle=False) as members:
        types = {name: (members[name].dtype.str, members[name].shape) for name in members}
    assert types["joints3d"] == ("<f4", (4, 1, 3))
    assert types["time"] == ("<f8", (4,))
    assert "rotations" not in types, "no rotations were solved"


def test_frame_rows_become_values(tmp_path: Path) -> None:
    finish(write_journal(tmp_path / "j", FULL, 2, 2), tmp_path / "a.npz", {})
    rows = next(load_tracks(tmp_path / "a.npz").by_frame())
    poses, tracks = rows.poses(H36M17, "cam"), rows.tracks(BLAZEPOSE33, "cam")
    assert (poses.index, poses.pts, poses.source_id, poses.rotations) == (0, 0.0, "cam", None)
    assert tracks.person.tolist() == poses.person.tolist() == [0, 1]


def test_empty_track_file_is_valid(tmp_path: Path) -> None:
    finish(write_journal(tmp_path / "j", FULL, 0), tmp_path / "a.npz", {})
    tracks = load_tracks(tmp_path / "a.npz")
    assert len(tracks) == 0
    assert list(tracks.by_frame()) == []
    assert tracks.keypoints2d.shape == (0, 33, 3)


def test_equal_rows_make_equal_files(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        finish(write_journal(tmp_path / "j"), tmp_path / name, {})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_journal_torn_at_every_byte(tmp_path: Path) -> None:
    whole = write_journal(tmp_path / "whole").read_bytes()
    start = len(whole) - 4 * RECORD
    torn = tmp_path / "torn.journal"
    for cut in range(len(whole)):
        torn.write_bytes(whole[:cut])
        if cut < start:
            with pytest.raises(TrackFileError):
                load_tracks(torn)
        else:
            assert load_tracks(torn).frame.tolist() == list(range((cut - start) // RECORD)), cut


@given(at=st.integers(0, 4 * RECORD - 1), flip=st.integers(1, 255))
def test_damaged_record_is_lost_alone(tmp_path_factory: pytest.TempPathFactory, at: int, flip: int) -> None:
    journal = write_journal(tmp_path_factory.getbasetemp() / "damaged.journal")
    data = bytearray(journal.read_bytes())
    data[len(data) - 4 * RECORD + at] ^= flip
    journal.write_bytes(data)
    assert load_tracks(journal).frame.tolist() == [i for i in range(4) if i != at // RECORD]
    assert Journal(journal).damaged == 1


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda b: b"nonsense" + b[8:], "cannot be read as .npz"),
        (lambda b: b[:8] + b"\x09" + b[9:], "version 9"),
        (lambda b: b[:30] + b"\xff" + b[31:], "header is damaged"),
    ],
)
def test_foreign_journal_is_refused(tmp_path: Path, edit: Callable[[bytes], bytes], says: str) -> None:
    journal = write_journal(tmp_path / "j")
    journal.write_bytes(edit(journal.read_bytes()))
    with pytest.raises(TrackFileError, match=says):
        load_tracks(journal)


@pytest.mark.parametrize(
    "said", [[], {"kind": "tracks"}, {"kind": "x", "keypoint_names": [], "joint_names": [], "meta": {}}]
)
def test_journal_header_of_another_kind_is_refused(tmp_path: Path, said: object) -> None:
    import struct
    import zlib

    text = json.dumps(said).encode()
    path = tmp_path / "j"
    path.write_bytes(struct.pack("<8sHHII", b"S3DJRNL\n", 1, 0, len(text), zlib.crc32(text)) + text)
    with pytest.raises(TrackFileError, match="not what stream3d writes"):
        load_tracks(path)


def test_recover_makes_the_file_and_removes_the_journal(tmp_path: Path) -> None:
    journal = write_journal(tmp_path / "a.npz.journal")
    with journal.open("ab") as file:
        file.write(b"torn")
    assert recover(journal) == tmp_path / "a.npz"
    assert load_tracks(tmp_path / "a.npz").meta == {"source": "x", "recovered": True}
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_recover_does_not_replace_a_file_unasked(tmp_path: Path) -> None:
    journal = write_journal(tmp_path / "a.npz.journal")
    (tmp_path / "a.npz").write_bytes(b"precious")
    with pytest.raises(TrackFileError, match=r"a\.npz, which exists"):
        recover(journal)
    assert recover(journal, tmp_path / "b.npz") == tmp_path / "b.npz"
    assert (tmp_path / "a.npz").read_bytes() == b"precious"


def test_journal_in_use_is_read_but_not_recovered(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "a.npz.journal", SMALL)
    writer.append(columns(SMALL, 0, 2))
    with pytest.raises(TrackFileError, match="still being written"):
        recover(tmp_path / "a.npz.journal")
    assert len(load_tracks(tmp_path / "a.npz")) == 2
    with pytest.raises(SinkError, match="another process is writing"):
        JournalWriter(tmp_path / "a.npz.journal", SMALL)
    writer.close()
    assert len(load_tracks(recover(tmp_path / "a.npz.journal"))) == 2


def test_missing_journal_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match="No such file"):
        recover(tmp_path / "a.npz.journal")


def test_unfinished_file_is_read_from_its_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_journal(tmp_path / "a.npz.journal")
    assert len(load_tracks(tmp_path / "a.npz")) == 4
    assert "is not finished; reading its journal a.npz.journal" in caplog.text


def test_killed_process_loses_less_than_a_second(tmp_path: Path) -> None:
    code = """
import itertools, sys, time
from pathlib import Path
from tests.test_trackfile import FULL, JournalWriter, columns
import numpy as np
writer = JournalWriter(Path(sys.argv[1]), FULL)
for frame in itertools.count():
    writer.append({**columns(FULL, frame, 3), "time": np.array(time.monotonic())})
    if frame == 0:
        print("ready", flush=True)
    time.sleep(0.002)
"""
    at = killed_after(0.7, code, tmp_path / "a.npz.journal")
    tracks = load_tracks(recover(tmp_path / "a.npz.journal"))
    assert tracks.frame[-1] >= 20
    assert len(tracks) >= 3 * tracks.frame[-1]
    assert at - tracks.time[-1] < 1.0


def test_full_disk_keeps_what_was_written(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "j", SMALL)
    room = (4096 - (tmp_path / "j").stat().st_size) // (3 * RECORD)
    with files_limited_to(4096):
        for frame in range(room):
            writer.append(columns(SMALL, frame, 3))
        with pytest.raises(SinkError, match=rf"cannot write {tmp_path}/j: File too large"):
            writer.append(columns(SMALL, room, 3))
    assert (tmp_path / "j").stat().st_size <= 4096
    writer.append(columns(SMALL, room, 3))  # space again: the torn record is gone, so this one follows cleanly
    writer.close()
    assert load_tracks(tmp_path / "j").frame.tolist() == [f for f in range(room + 1) for _ in range(3)]
    with files_limited_to(1024), pytest.raises(SinkError, match="File too large"):
        finish(tmp_path / "j", tmp_path / "a.npz", {})
    assert [path.name for path in tmp_path.iterdir()] == ["j"], "no half-written file, and the journal is kept"


@given(pieces=st.lists(st.binary(max_size=40), max_size=20), limit=st.integers(8, 400))
def test_append_file_holds_whole_pieces_and_its_tail(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], limit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "append"
    file = AppendFile(path, head=b"<", tail=b"//>")
    held = b"<"
    with files_limited_to(limit):
        for piece in pieces:
            try:
                file.append(piece)
            except SinkError:
                assert len(held) + len(piece) + 3 > limit
            else:
                held += piece
            assert path.read_bytes() == held + b"//>"
    file.close()


def test_append_file_names_the_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=f"the folder {tmp_path}/no does not exist"):
        AppendFile(tmp_path / "no" / "a.csv")


def test_closed_append_file_refuses(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "a")
    file.close()
    with pytest.raises(SinkError, match="has been closed"):
        file.append(b"x")


def test_memory_stays_flat_over_200_000_rows(tmp_path: Path) -> None:
    journal, batch = tmp_path / "j", columns(FULL, 0, 500)
    tracemalloc.start()
    writer = JournalWriter(journal, FULL)
    for frame in range(400):
        writer.append({**batch, "frame": np.array(frame)})
    writer.close()
    finish(journal, tmp_path / "a.npz", {})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "a.npz").stat().st_size > 130e6
    assert peak < 25e6
    (tmp_path / "a.npz").unlink()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"frame": np.arange(3.0)}, r"frame must be int64 \[3\], not float64"),
        ({"frame": np.array([0, 2, 1])}, "row 2 is frame 1"),
        ({"frame": np.array([-1, 0, 1])}, "row 0 is frame -1"),
        ({"time": np.array([0, np.nan, 1])}, "time must be finite; row 1"),
        ({"time": np.zeros((3, 1))}, r"not float64 \[3, 1\]"),
        ({"frame": np.zeros(3, np.int64), "time": np.zeros(3)}, "person 1 stands twice in frame 0"),
        ({"frame": np.zeros(3, np.int64), "person": np.arange(3)}, "a frame has one time; frame 0"),
        ({"joints3d": np.zeros((3, 16, 3), np.float32)}, r"joints3d must be float32 \[3, 17, 3\]"),
        ({"joints3d": np.full((3, 17, 3), np.inf, np.float32)}, "joints3d holds infinities"),
        ({"sigma": np.zeros((2, 17), np.float32)}, "sigma must be"),
        ({"rotations": np.zeros((3, 17, 3), np.float32)}, "rotations must be"),
        ({"joint_names": np.array(["a"] * 17)}, "unique"),
        ({"joint_names": np.zeros(17)}, "joint_names must be text"),
        ({"meta": np.array("{")}, "meta is not JSON"),
        ({"meta": np.array("[1]")}, "must be a JSON object, not list"),
        ({"meta": np.array("[" * 100_000)}, "meta is not JSON"),
        ({"meta": np.array(3)}, "meta must be one JSON text"),
    ],
)
def test_inconsistent_file_is_refused(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    np.savez(tmp_path / "a.npz", **{**arrays(), **change})
    with pytest.raises(TrackFileError, match=says) as caught:
        load_tracks(tmp_path / "a.npz")
    assert str(tmp_path / "a.npz") in str(caught.value)


@pytest.mark.parametrize("name", sorted(arrays()))
def test_missing_member_is_named(tmp_path: Path, name: str) -> None:
    members = arrays()
    del members[name]
    np.savez_compressed(tmp_path / "a.npz", **members)
    with pytest.raises(TrackFileError, match=f"it lacks {name}"):
        load_tracks(tmp_path / "a.npz")


def test_compressed_copy_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", **arrays())
    assert load_tracks(tmp_path / "a.npz").meta == {"fps": 25}


def test_unknown_joints_have_no_layout() -> None:
    members = {
        **arrays(),
        "joint_names": tuple(f"j{i}" for i in range(17)),
        "keypoint_names": BLAZEPOSE33.names,
        "meta": {},
    }
    with pytest.raises(TrackFileError, match="no known layout"):
        _ = TrackFile(**members).joint_layout


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "boom").write_text, ("",))

    np.savez(tmp_path / "a.npz", **{**arrays(), "meta": np.array([Bomb()], object)})
    with pytest.raises(TrackFileError, match="object"):
        load_tracks(tmp_path / "a.npz")
    assert not (tmp_path / "boom").exists()


def npy_header(shape: str, descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("member", "says"),
    [
        (npy_header("(1000000000000,)"), "holds other than 4000000000000 bytes"),
        (npy_header("(0, 1" + "0" * 30 + ")"), "cannot be read"),
        (npy_header("(-1, -1)") + b"\0" * 4, "cannot be read"),
        (npy_header("(2,)", "O"), "object"),
        (npy_header("((((("), "cannot be read"),
        (b"\x93NUMPY\x09\x00" + b"\0" * 90, "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_lying_member_is_refused(tmp_path: Path, member: bytes, says: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("frame.npy", member)
    with pytest.raises(TrackFileError, match=says):
        load_tracks(tmp_path / "a.npz")


def test_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frame.npy", b"\0" * 50_000_000)
    assert (tmp_path / "a.npz").stat().st_size < 60_000
    tracemalloc.start()
    with pytest.raises(TrackFileError, match="unpacks to 50000000 bytes, more than the limit of 1000000"):
        load_tracks(tmp_path / "a.npz", limit_bytes=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    write_journal(tmp_path / "j", FULL, 5)
    with pytest.raises(TrackFileError, match="more than the limit of 1000"):
        load_tracks(tmp_path / "j", limit_bytes=1000)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_packing_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("frame.npy", b"\0" * 100)
    with pytest.raises(TrackFileError, match="zip methods"):
        load_tracks(tmp_path / "a.npz")


def test_too_many_members_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for i in range(100):
            archive.writestr(f"{i}.npy", b"")
    with pytest.raises(TrackFileError, match="100 members are too many"):
        load_tracks(tmp_path / "a.npz")


def valid_bytes() -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays(2))
    return out.getvalue()


VALID = valid_bytes()


@settings(max_examples=300)
@given(
    cut=st.integers(0, len(VALID)),
    edits=st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=6),
)
def test_damage_anywhere_is_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, cut: int, edits: list[tuple[int, int]]
) -> None:
    data = bytearray(VALID)
    for at, value in edits:
        data[at] = value
    path = tmp_path_factory.getbasetemp() / "fuzz.npz"
    path.write_bytes(data[:cut] if cut % 3 == 0 else data)
    with suppress(TrackFileError):  # any other error fails the test
        assert len(load_tracks(path)) <= 2


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match="does not exist"):
        load_tracks(tmp_path / "a.npz")
    with pytest.raises(TrackFileError, match="is not a file"):
        load_tracks(tmp_path)


def test_meta_is_strict_json() -> None:
    said = {"a": float("nan"), "b": np.float32(0.5), "c": Path("x"), 3: (1, np.arange(2))}
    assert json.loads(to_json(said)) == {"a": None, "b": 0.5, "c": "x", "3": [1, [0, 1]]}
