"""Pickles are read as data and never as programs."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stream3d.errors import TrackFileError
from train.data.objects import members, read_object
from train.data.pickles import read_pickle

SOME = arrays.arrays(
    st.sampled_from(["<f4", ">f8", "<i8", "u1", "?", "<U3", "S2"]), arrays.array_shapes(min_dims=0, min_side=0)
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=4)
TREES = st.recursive(
    PLAIN | SOME | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(b, np.ndarray):
        equal = np.asarray(a).tobytes() == b.tobytes() if b.dtype.kind in "fc" else (np.asarray(a) == b).all()
        return np.shape(a) == b.shape and np.asarray(a).dtype == b.dtype and bool(equal)
    if isinstance(b, dict):
        return isinstance(a, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in b)
    if isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def read(data: bytes) -> Any:
    return read_pickle(io.BytesIO(data), "file")


@settings(max_examples=150, deadline=None)
@given(tree=TREES, protocol=st.integers(2, 5))
def test_data_comes_back_as_it_was(tree: Any, protocol: int) -> None:
    assert same(read(pickle.dumps(tree, protocol)), tree)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_fortran_order_shared_arrays_and_numpy_numbers(protocol: int) -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    tree = {"a": [array, array], "n": np.float32(2.5), "objects": np.array(["x", [1]], object)}
    back = read(pickle.dumps(tree, protocol))
    np.testing.assert_array_equal(back["a"][0], array)
    assert back["a"][0] is back["a"][1]
    assert back["n"] == 2.5
    assert back["objects"].tolist() == ["x", [1]]


def test_the_older_names_of_numpy_are_known() -> None:
    data = pickle.dumps(np.arange(3), 2).replace(b"numpy._core", b"numpy.core")
    np.testing.assert_array_equal(read(data), np.arange(3))


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("protocol", range(6))
def test_a_command_is_refused_and_never_run(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "was_here"
    data = pickle.dumps({"S1": Evil(target)}, protocol)
    with pytest.raises(TrackFileError, match="refused"):
        read(data)
    assert not target.exists()
    pickle.loads(data)  # noqa: S301 - proves that the trap is a trap
    assert target.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x02cnumpy\nndarray\nK\x01\x85R.",
        b"\x80\x02cnumpy\nndarray\n.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}\x85R.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n.",
        b"\x80\x02}X\x01\x00\x00\x00aK\x01sX\x01\x00\x00\x00bb.",
        b"\x80\x02]q\x00h\x00a.",
        b"\x80\x02)\x81.",
        b"\x80\x02P0\n.",
        b"\x80\x02\x82\x01.",
        b"",
        b".",
        b"\x80\x02K\x01",
        b"\x80\x02(\x85.",
        b"\x80\x02(.",
    ],
)
def test_hand_made_traps_are_refused(data: bytes) -> None:
    with pytest.raises(TrackFileError):
        read(data)


def array_with(shape: bytes, raw: bytes = b"\x00" * 8, code: bytes = b"f8") -> bytes:
    """A pickle of one array whose state says ``shape``."""
    text = lambda word: b"X" + len(word).to_bytes(4, "little") + word  # noqa: E731
    head = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
    kind = (
        b"cnumpy\ndtype\n"
        + text(code)
        + b"\x89\x88\x87R(K\x03"
        + text(b"<")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    return head + b"(K\x01" + shape + kind + b"\x89C" + bytes([len(raw)]) + raw + b"tb."


def test_arrays_are_checked_against_the_bytes_that_are_there() -> None:
    np.testing.assert_array_equal(read(array_with(b"K\x01\x85")), [0.0])
    huge = b"J\xff\xff\xff\x7f\x85"
    for data in (
        array_with(huge),
        array_with(b"J\xff\xff\xff\xff\x85"),
        array_with(b"K\x02\x85"),
        array_with(b"(" + b"K\x01" * 9 + b"t"),
        array_with(b"K\x01\x85", code=b"V8"),
        array_with(b"K\x01\x85", code=b"O8"),
        array_with(b"K\x01\x85", code=b"M8"),
        array_with(b"K\x01"),
    ):
        with pytest.raises(TrackFileError):
            read(data)


def test_shared_nests_do_not_explode() -> None:
    nest: Any = ()
    for _ in range(20):
        nest = (nest, nest)
    assert len(read(pickle.dumps(nest, 4))) == 2
    for _ in range(20):
        nest = (nest, nest)
    with pytest.raises(TrackFileError, match="nested"):
        read(pickle.dumps(nest, 4))
    with pytest.raises(TrackFileError, match="key"):
        read(pickle.dumps({(("a",),): 1}, 4))


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damaged_pickles_never_do_more_than_fail(data: st.DataObject) -> None:
    good = pickle.dumps({"S1": {"Walk": [np.arange(6.0).reshape(2, 3), "x", (1, 2)]}}, data.draw(st.integers(2, 5)))
    bad = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(bad[: data.draw(st.integers(0, len(bad)))]))
    except TrackFileError:
        return


def test_members_of_an_npz_are_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, data={"S1": np.arange(3)}, plain=np.arange(3))
    assert members(path) == {"data", "plain"}
    np.testing.assert_array_equal(read_object(path, "data")["S1"], [0, 1, 2])
    with pytest.raises(TrackFileError, match="plain array"):
        read_object(path, "plain")
    with pytest.raises(TrackFileError, match="no array `other`"):
        read_object(path, "other")


def test_a_command_inside_an_npz_is_refused(tmp_path: Path) -> None:
    path, target = tmp_path / "a.npz", tmp_path / "was_here"
    np.savez(path, positions_3d=np.array({"S1": Evil(target)}, dtype=object))
    with pytest.raises(TrackFileError, match=r"posix\.system|nt\.system"):
        read_object(path, "positions_3d")
    assert not target.exists()


def test_no_zip_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK nothing")
    with pytest.raises(TrackFileError, match=r"\.npz"):
        members(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("data.npy", b"\x93NUMPY\x03\x00")
    with pytest.raises(TrackFileError, match="version"):
        read_object(tmp_path / "b.npz", "data")
