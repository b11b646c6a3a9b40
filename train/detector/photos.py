"""Labelled photographs of people, and which of them nothing may be trained on."""

from __future__ import annotations

import hashlib
import re
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError
from train.detector.people import LABEL, people_of

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

TRAINING, VALIDATION, TEST = "training", "validation", "test"
_SEED = "people-1"  # never changes: figures of different days are of the same photographs
_TEST, _VALIDATION = 15, 5  # per cent
_SAME_PLACE = re.compile(r"(house_\d+)_\w+")  # several photographs of one house belong together


def part_of(name: str) -> str:
    """The part that a photograph belongs to, by its name alone and for ever.

    >>> part_of("webp/house_255_kitchen.webp") == part_of("webp/house_255_bathroom.webp")
    True
    """
    stem = _SAME_PLACE.sub(r"\1", Path(name).stem)
    share = int.from_bytes(hashlib.sha256(f"{_SEED}/{stem}".encode()).digest()[:8], "big") % 100
    return TEST if share < _TEST else VALIDATION if share < _TEST + _VALIDATION else TRAINING


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """What is known of one photograph.

    ``people`` float32 [G, 9], see ``people``; ``ignore`` float32 [K, 4] boxes in which nothing found is wrong;
    ``complete`` says that nobody outside them is unlabelled.
    """

    people: Float32
    ignore: Float32
    complete: bool


class Photos:
    """The photographs ``photos.tar`` and ``labels.npz`` of a folder; all of them are kept in memory as WebP (57 MB).

    Decoding takes a millisecond, a twentieth of what a step of training takes per photograph, and decoded they would
    fill 1.1 GB.

    Raises:
        SettingsError: the files are not there.
    """

    def __init__(self, data: Path) -> None:
        self.folder = data
        folder = data / "people_images"
        if not (folder / "photos.tar").is_file() or not (folder / "labels.npz").is_file():
            raise SettingsError(f"--data {data}: there is no people_images/ with photos.tar and labels.npz in it")
        with np.load(folder / "labels.npz", allow_pickle=False) as file:
            self.table = {name: file[name] for name in file.files}
        with tarfile.open(folder / "photos.tar") as tar:
            members = [member for member in tar.getmembers() if member.isfile()]
            packed = {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]
        self.names: list[str] = self.table["names"].tolist()
        self._packed = [packed[name] for name in self.names]
        self.negative: npt.NDArray[np.bool_] = self.table["negative"]
        self._people = _grouped(self.table["box_image"], len(self.names))
        self._ignored = _grouped(self.table["ignore_image"], len(self.names))
        self.rows = people_of(self.table["box"], self.table["kpts"], self.table["has_kpts"])

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def parts(self) -> npt.NDArray[np.str_]:
        """The part of each photograph."""
        return np.array([part_of(name) for name in self.names])

    def chosen(self, part: str) -> npt.NDArray[np.int64]:
        """Numbers of the photographs of a part."""
        return np.flatnonzero(self.parts == part)

    def picture(self, number: int) -> UInt8:
        """Uint8 [H, W, 3] RGB."""
        return unpacked(self._packed[number])

    def rows_of(self, number: int) -> npt.NDArray[np.int64]:
        """Rows of ``table["box"]`` and ``rows`` that are of a photograph."""
        return self._people[number]

    def labels(self, number: int) -> Labels:
        """What is known of a photograph."""
        return Labels(
            people=self.rows[self._people[number]].reshape(-1, LABEL),
            ignore=self.table["ignore_box"][self._ignored[number]].reshape(-1, 4).astype(np.float32),
            complete=bool(self.table["complete"][number]),
        )


def unpacked(data: bytes) -> UInt8:
    """A picture file as uint8 [H, W, 3] RGB."""
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise SettingsError(f"{len(data)} bytes are no picture that OpenCV can read")
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8, copy=False)


def _grouped(image_of: npt.NDArray[np.int32], count: int) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(image_of, kind="stable")
    return np.split(order, np.searchsorted(image_of[order], np.arange(1, count)))
