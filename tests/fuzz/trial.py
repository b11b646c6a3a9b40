"""One damaged file, from the disk to skeletons; what may come of it, and what may not."""

from __future__ import annotations

import os
import random
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stream3d.errors import SettingsError, SourceError, Stream3DError
from stream3d.pipeline import Rooms
from stream3d.planes import Planes
from stream3d.source import Source, SourceSettings, open_source
from stream3d.values import Frame
from tests.fuzz.mutate import mutated
from tests.fuzz.serve import served

MOST_FRAMES = 60
STREAMS = (".mjpg",)
"""Endings of what is opened only when it comes over a network."""
GOOD = ("read", "cut short", "refused")
"""Outcomes that are right: frames to the end, frames and then an error, an error at opening."""


class BrokenPromiseError(AssertionError):
    """Something came out that no source may hand out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What seed ``seed`` does: damages the file ``name`` with ``damage``, and reads it so.

    ``rooms`` says that its frames go through the stand-in nets, ``stream`` that the file comes over a socket.
    """

    seed: int
    name: str
    damage: tuple[str, ...]
    rooms: bool
    stream: bool
    settings: SourceSettings


def planned(seed: int, corpus: list[Path]) -> tuple[Plan, bytes]:
    """The plan of a seed, and the damaged bytes."""
    rng = random.Random(seed)  # noqa: S311 - repeatable on purpose
    path, other = rng.choice(corpus), rng.choice(corpus)
    data, damage = mutated(rng, path.read_bytes(), [path.read_bytes(), other.read_bytes()])
    rooms, stream = rng.random() < 0.15, path.suffix in STREAMS or (rng.random() < 0.1 and path.stem != "still")
    start_s = None if stream else rng.choice((None, None, None, 0.5))
    plan = Plan(
        seed=seed,
        name=path.name,
        damage=tuple(damage),
        rooms=rooms,
        stream=stream,
        # without the process that streams are read in: this one may die as well
        settings=SourceSettings(threads=rng.choice((1, 1, 2)), start_s=start_s, isolate=False),
    )
    return plan, data


def attempt(plan: Plan, data: bytes, folder: Path, rooms: Rooms | None) -> dict[str, Any]:
    """Read the damaged file as the plan says; ``outcome`` is one of GOOD, else what was wrong is in ``detail``."""
    before = _open_things()
    with _delivered(plan, data, folder) as source:
        said = asdict(plan) | _read(source, rooms if plan.rooms else None)
    said.pop("settings")
    if "detail" in said:
        said["detail"] = said["detail"].replace(f"{folder}{os.sep}", "")
    if said["outcome"] in GOOD and (left := _open_things()) != before:
        said |= {"outcome": "left behind", "detail": f"(files, threads) {before} before, {left} after"}
    return said


@contextmanager
def _delivered(plan: Plan, data: bytes, folder: Path) -> Iterator[Callable[[], Source]]:
    """What opens the damaged file, from the disk or from a socket."""
    if plan.stream:
        with served(data) as address:
            yield lambda: open_source(address, plan.settings)
    else:
        path = folder / plan.name
        path.write_bytes(data)
        yield lambda: open_source(path, plan.settings)


def _read(opened: Callable[[], Source], rooms: Rooms | None) -> dict[str, Any]:
    said: dict[str, Any] = {"frames": 0, "skeletons": 0}
    last_s = -1.0
    try:
        with opened() as source:
            for frame in source:
                _check(frame, last_s)
                last_s = frame.pts
                said["frames"] += 1
                said["skeletons"] += sum(len(result.poses) for result in rooms(frame)) if rooms else 0
                if said["frames"] == MOST_FRAMES:
                    break
            if rooms:
                rooms.forget(source.info.source_id)
        return said | {"outcome": "read"}
    except Stream3DError as error:
        return said | _judged(error, said["frames"])
    except Exception as error:  # that is what this is looking for
        where = traceback.extract_tb(error.__traceback__)[-1]
        detail = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        return said | {"outcome": "exception", "error": type(error).__name__, "detail": detail}


def _judged(error: Stream3DError, frames: int) -> dict[str, Any]:
    """An error must be of a source, or of its length (``start_s``), of one line, and say something."""
    name, message = type(error).__name__, str(error)
    if not isinstance(error, SourceError | SettingsError) or "\n" in message or not 10 < len(message) < 600:
        return {"outcome": "bad error", "error": name, "detail": f"{name}: {message[:600]}"}
    return {"outcome": "cut short" if frames else "refused", "error": name}


def _check(frame: Frame, last_s: float) -> None:
    if not (np.isfinite(frame.pts) and frame.pts > last_s):
        raise BrokenPromiseError(f"a frame at {frame.pts} s follows one at {last_s} s")
    planes = frame.planes
    if isinstance(planes, Planes):
        int(planes.y[-1, -1]) + int(planes.u[-1, -1]) + int(planes.v[-1, -1])  # their last bytes can be read
    image = frame.image
    width, height = frame.size
    if image.shape != (height, width, 3) or image.dtype != np.uint8 or not image.flags.c_contiguous:
        raise BrokenPromiseError(f"a picture of {image.shape} {image.dtype} where {width}x{height} was said")
    int(image.sum(dtype=np.int64))


def _open_things() -> tuple[int, int]:
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0, threading.active_count()
