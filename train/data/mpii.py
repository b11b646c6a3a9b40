"""MPII Human Pose: the authors' ``.mat``, the hourglass ``.h5``, and the ``.csv`` and ``.npy`` made of them.

MATLAB counts pixels from 1 at their centres, so half a pixel is taken away. MPII's pelvis lies between the hips, its
thorax at the height of the shoulders, its upper neck at the base of the skull; spine and nose are not labelled. Seen
from h36m17: no spine; ``nose`` is the midpoint of upper neck and head top.
"""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.skeleton import MPII16, Layout
from train.data.hdf5 import numbers, opened
from train.data.layouts import MPII17
from train.data.values import Float32, Poses2DSet, with_gaps

HALF_PIXEL = -0.5
NAMES = "mpii_image_name.txt"
_MOST_PEOPLE = 1_000_000


def _poses(
    xy: npt.NDArray[np.floating], there: npt.NDArray[np.bool_], layout: Layout, images: tuple[str, ...]
) -> Poses2DSet:
    keypoints: Float32 = with_gaps(xy + HALF_PIXEL, there.astype(np.float32))
    return Poses2DSet(keypoints=keypoints, layout=layout, images=images)


def read_npy(path: Path) -> Poses2DSet:
    """``mpii_poses.npy``, float32 [N, 34] in pixels, with ``mpii_image_name.txt`` beside it where there is one.

    Raises:
        TrackFileError: the array has another form, or there are not as many names.
    """
    try:
        table = np.load(path, allow_pickle=False, mmap_mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise TrackFileError(f"{path}: cannot be read as an array of numbers: {error}") from error
    if table.dtype.kind != "f" or table.ndim != 2 or table.shape[1] != 2 * MPII17.size or len(table) > _MOST_PEOPLE:
        raise TrackFileError(f"{path}: must be floats [N, {2 * MPII17.size}], not {table.dtype} {list(table.shape)}")
    xy = np.array(table, np.float32).reshape(-1, MPII17.size, 2)
    names = path.with_name(NAMES)
    images = tuple(names.read_text(encoding="utf-8").split()) if names.is_file() else ()
    if images and len(images) != len(xy):
        raise TrackFileError(f"{names}: has {len(images)} names for {len(xy)} poses in {path.name}")
    return _poses(xy, np.ones(xy.shape[:2], bool), MPII17, images)


def _column(joint: str) -> str:
    """A joint of MPII16 as the CSV's header calls it: ``r ankle``, ``upper neck``, ``pelvis``."""
    words = joint.split("_")
    return " ".join([{"right": "r", "left": "l"}.get(words[0], words[0]), *words[1:]])


def read_csv(path: Path) -> Poses2DSet:
    """A table with a header, a row per person: ``NAME``, and ``r ankle_X``, ``r ankle_Y``, …; -1 = missing.

    Raises:
        TrackFileError: a column is missing, or a cell is no number.
    """
    wanted = [f"{_column(joint)}_{axis}" for joint in MPII16.names for axis in "XY"]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lacking = [name for name in ("NAME", *wanted) if name not in (reader.fieldnames or ())]
        if lacking:
            raise TrackFileError(f"{path}: the header has no {', '.join(lacking[:4])}; is it MPII's table?")
        images, cells = [], []
        try:
            for row in reader:
                images.append(row["NAME"])
                cells.append([float(row[name]) for name in wanted])
        except (TypeError, ValueError) as error:
            raise TrackFileError(f"{path}: line {reader.line_num} holds a cell that is no number: {error}") from error
    xy = np.array(cells, np.float32).reshape(-1, MPII16.size, 2)
    return _poses(xy, (xy != -1).any(-1), MPII16, tuple(images))


def read_h5(path: Path) -> Poses2DSet:
    """The hourglass networks' ``train.h5``, ``valid.h5``: ``part`` [N, 16, 2], ``imgname``, and perhaps ``visible``.

    A joint at 0, 0 is missing; ``visible`` 0 means hidden or missing: hidden ones have confidence 0.5.

    Raises:
        TrackFileError: a data set is missing or has another form.
    """
    with opened(path) as file:
        part = numbers(path, file, "part").astype(np.float32)
        images = _image_names(path, file)
        visible = numbers(path, file, "visible") if "visible" in file else np.ones(part.shape[:2])
    if part.shape[1:] != (MPII16.size, 2) or len(images) != len(part) or visible.shape != part.shape[:2]:
        said = f"part {list(part.shape)}, {len(images)} image names, visible {list(visible.shape)}"
        raise TrackFileError(f"{path}: must hold part [N, 16, 2], N image names, visible [N, 16]; has {said}")
    confidence = np.where(visible > 0, 1.0, 0.5) * (part != 0).any(-1)
    return Poses2DSet(keypoints=with_gaps(part + HALF_PIXEL, confidence), layout=MPII16, images=images)


def _image_names(path: Path, file: h5py.File) -> tuple[str, ...]:
    """``imgname`` as strings [N], or as the original files have it: character codes [N, L] padded with zeros."""
    names = numbers(path, file, "imgname")
    if names.dtype.kind == "S":
        return tuple(name.decode("ascii", "replace") for name in names.reshape(-1).tolist())
    if names.ndim != 2:
        raise TrackFileError(f"{path}: `imgname` must be strings [N] or character codes [N, L], not {names.dtype}")
    return tuple(bytes(row[row > 0].astype(np.uint8)).decode("ascii", "replace") for row in names)
