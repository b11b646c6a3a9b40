"""Rows as text: ``.jsonl``, ``.csv`` and ``.2d.json``. Each frame is appended whole, so a kill loses none before it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.sinks.base import Meta, RunInfo
from stream3d.sinks.people import People, people_of
from stream3d.trackfile import AppendFile, to_json
from stream3d.values import Result

_PIXEL_DECIMALS, _METRE_DECIMALS = 3, 5  # 1/1000 pixel (and score), 10 micrometres


class JsonLinesSink:
    """``.jsonl``: one line a frame, also of those with nobody in them; strict JSON, null = unknown.

    Raises:
        SinkError: the file cannot be opened.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        self._info = info
        self._file = AppendFile(path)

    def write(self, result: Result) -> None:
        """Append the frame's line."""
        people = people_of(result, self._info)
        line = {
            **_stamp(result, self._info),
            "keypoint_layout": self._info.keypoint_layout.name,
            "joint_layout": self._info.joint_layout.name,
            "people": [_person(people, i) for i in range(len(people.person))],
        }
        self._file.append(_dumped(line) + b"\n")

    def close(self, meta: Meta) -> None:  # noqa: ARG002 (lines only, so that every one is a frame)
        """Close the file."""
        self._file.close()


class KeypointJsonSink:
    """``.2d.json``: one JSON object with all 2D poses by image or frame; valid after every frame.

    ``images`` is a list of ``{frame, time, image, people: [{person, keypoints}]}``, ``image`` only where frames have
    names.

    Raises:
        SinkError: the file cannot be opened.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        self._info, self._first = info, True
        head = {
            "meta": info.as_meta(),
            "layout": info.keypoint_layout.name,
            "keypoint_names": info.keypoint_layout.names,
        }
        self._file = AppendFile(path, head=to_json(head).encode()[:-1] + b',"images":[\n', tail=b"\n]}\n")

    def write(self, result: Result) -> None:
        """Append the frame's object."""
        people = people_of(result, self._info)
        found = [
            {"person": person, "keypoints": _points(points, _PIXEL_DECIMALS)}
            for person, points in zip(people.person.tolist(), people.keypoints, strict=True)
        ]
        text = _dumped({**_stamp(result, self._info), "people": found})
        self._file.append(text if self._first else b",\n" + text)
        self._first = False

    def close(self, meta: Meta) -> None:  # noqa: ARG002 (the head, which holds the meta, is written at the opening)
        """Close the file."""
        self._file.close()


class CsvSink:
    """``.csv``: one row per frame and person, for pandas or a spreadsheet; an empty cell = unknown.

    Columns: ``frame``, ``time`` (s), ``person``, ``image`` (only where frames have names); for each joint ``J_x``,
    ``J_y``, ``J_z``, ``J_sigma`` (m, camera space); for each keypoint ``K_px_x``, ``K_px_y`` (pixels), ``K_score``.

    Raises:
        SinkError: the file cannot be opened.
    """

    def __init__(self, path: Path, info: RunInfo) -> None:
        self._info = info
        columns = ["frame", "time", "person", *(["image"] if info.image_names else [])]
        columns += [f"{joint}_{part}" for joint in info.joint_layout.names for part in ("x", "y", "z", "sigma")]
        columns += [f"{joint}_{part}" for joint in info.keypoint_layout.names for part in ("px_x", "px_y", "score")]
        self._file = AppendFile(path, head=_csv([columns]))

    def write(self, result: Result) -> None:
        """Append the frame's rows."""
        people = people_of(result, self._info)
        lead = [result.frame.index, result.frame.pts]
        image = [result.frame.name] if self._info.image_names else []
        solid = _cells(np.concatenate([people.joints, people.sigma[..., None]], -1), _METRE_DECIMALS)
        flat = _cells(people.keypoints, _PIXEL_DECIMALS)
        persons = people.person.tolist()
        self._file.append(_csv([[*lead, p, *image, *solid[i], *flat[i]] for i, p in enumerate(persons)]))

    def close(self, meta: Meta) -> None:  # noqa: ARG002 (a table has no place for it)
        """Close the file."""
        self._file.close()


def _stamp(result: Result, info: RunInfo) -> dict[str, object]:
    image = {"image": result.frame.name} if info.image_names else {}
    known = info.live and math.isfinite(result.latency_s)
    latency = {"latency_ms": round(1e3 * result.latency_s, 2)} if known else {}
    return {"frame": result.frame.index, "time": result.frame.pts, **image, **latency}


def _person(people: People, i: int) -> dict[str, object]:
    return {
        "person": int(people.person[i]),
        "keypoints2d": _points(people.keypoints[i], _PIXEL_DECIMALS),
        "joints3d": _points(people.joints[i], _METRE_DECIMALS),
        "sigma": _cells(people.sigma[i : i + 1], _METRE_DECIMALS)[0],
    }


def _points(points: npt.NDArray[np.float32], decimals: int) -> list[list[float] | None]:
    """Points [J, K] as J lists, None where any coordinate is unknown."""
    values = np.round(points.astype(np.float64), decimals)
    return [value.tolist() if np.isfinite(value).all() else None for value in values]


def _cells(points: npt.NDArray[np.float32], decimals: int) -> list[list[object]]:
    """Values [P, ...] as P flat lists, None (an empty cell) for NaN."""
    flat = np.round(points.astype(np.float64), decimals).reshape(len(points), math.prod(points.shape[1:]))
    cells: list[list[object]] = np.where(np.isfinite(flat), flat, np.array(None)).tolist()
    return cells


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _dumped(value: dict[str, object]) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
