"""The user's own 2D keypoints: an ``.npz``, or a folder of OpenPose JSON, as frames of tracks and a camera."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera
from stream3d.lift import openpose
from stream3d.lift.features import Float32
from stream3d.skeleton import LAYOUTS, Layout
from stream3d.trackfile import read_npz
from stream3d.values import Tracks2D

_LOG = logging.getLogger(__name__)
LARGEST_BYTES = 2 << 30
_MEMBERS = ("keypoints", "layout", "fps", "time", "width", "height", "focal")
MAX_PEOPLE = 64
_FARTHEST_PX = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class KeypointOptions:
    """What the user says about a keypoint file; it overrules the file.

    ``fov_deg``, over the longer side, overrules ``focal`` in pixels; ``camera`` overrules all that is said of a camera.
    """

    layout: str | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    focal: float | None = None
    fov_deg: float | None = None
    camera: Camera | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeypointSequence:
    """``keypoints`` float32 [T, P, J, 3] = px, px, score of ``layout``, NaN = missing; ``time`` float64 [T] seconds.

    Column p is person p throughout. ``single`` says that the file had no axis of people; ``notes`` what was assumed.
    """

    name: str
    keypoints: Float32
    time: npt.NDArray[np.float64]
    layout: Layout
    camera: Camera
    single: bool
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keypoints)

    def tracks(self) -> Iterator[Tracks2D]:
        """One value per frame; people of whom nothing is given are left out of it."""
        for index, (people, pts) in enumerate(zip(self.keypoints, self.time.tolist(), strict=True)):
            there = np.isfinite(people[..., :2]).all(-1).any(-1)
            yield Tracks2D(
                source_id=self.name,
                index=index,
                pts=pts,
                captured_at=pts,
                keypoints=np.ascontiguousarray(people[there]),
                layout=self.layout,
                person=np.flatnonzero(there).astype(np.int64),
            )


def read_keypoints(path: Path, options: KeypointOptions | None = None) -> KeypointSequence:
    """Read the user's own 2D keypoints.

    ``path`` is an ``.npz`` with ``keypoints``, ``layout``, ``fps`` or ``time``, ``width``, ``height`` and perhaps
    ``focal``, or a folder of OpenPose JSON files, which know neither their rate nor the size of the picture.

    Raises:
        TrackFileError: it is not there, is malformed, or does not say enough.
    """
    options = options or KeypointOptions()
    if path.is_dir():
        return _from_openpose(path, options)
    if path.suffix.lower() != ".npz":
        raise TrackFileError(f"{path}: keypoints are read from an .npz file or a folder of OpenPose JSON files")
    return _from_npz(path, options)


def _from_npz(path: Path, options: KeypointOptions) -> KeypointSequence:
    if not path.exists():
        raise TrackFileError(f"{path}: there is no such file")
    arrays = read_npz(path, names=_MEMBERS, limit_bytes=LARGEST_BYTES)
    if "keypoints" not in arrays:
        raise TrackFileError(f"{path}: there is no array `keypoints` in it")
    layout = _layout(path, options.layout or _word(path, arrays.get("layout")))
    keypoints = arrays["keypoints"]
    single = keypoints.ndim == 3
    people = _checked(path, keypoints, layout)
    given = {key: _number(path, key, arrays.get(key)) for key in ("fps", "width", "height", "focal")}
    camera, notes = _camera(path, options, given, people)
    time = _times(path, options.fps or given["fps"], arrays.get("time") if options.fps is None else None, len(people))
    return KeypointSequence(
        name=path.name, keypoints=people, time=time, layout=layout, camera=camera, single=single, notes=notes
    )


def _from_openpose(path: Path, options: KeypointOptions) -> KeypointSequence:
    layout = _layout(path, options.layout or "body25")
    numbers, people = openpose.read_folder(path, layout)
    _refuse_far(path, people)
    camera, notes = _camera(path, options, {}, people)
    fps = _positive(path, "fps", options.fps)
    if fps is None:
        raise TrackFileError(f"{path}: OpenPose JSON does not say its frame rate; give it with --fps")
    time = _rising(path, (numbers - numbers[0]) / fps)
    single = people.shape[1] == 1
    return KeypointSequence(
        name=path.name, keypoints=people, time=time, layout=layout, camera=camera, single=single, notes=notes
    )


def _layout(path: Path, name: str | None) -> Layout:
    if name not in LAYOUTS:
        said = "no layout is given" if name is None else f"unknown layout {name!r}"
        raise TrackFileError(f"{path}: {said}; name one of {', '.join(LAYOUTS)} with --layout")
    return LAYOUTS[name]


def _word(path: Path, array: npt.NDArray[np.generic] | None) -> str | None:
    if array is None:
        return None
    if array.size != 1 or array.dtype.kind not in "US":
        raise TrackFileError(f"{path}: `layout` must be one string, not {array.dtype} {list(array.shape)}")
    value = array.reshape(-1)[0]
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _number(path: Path, key: str, array: npt.NDArray[np.generic] | None) -> float | None:
    if array is None:
        return None
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise TrackFileError(f"{path}: `{key}` must be one number, not {array.dtype} {list(array.shape)}")
    return _positive(path, key, float(array.reshape(-1).astype(np.float64)[0]))


def _positive(path: Path, key: str, value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise TrackFileError(f"{path}: `{key}` must be a positive number, not {value}")
    return value


def _checked(path: Path, keypoints: npt.NDArray[np.generic], layout: Layout) -> Float32:
    """float32 [T, P, J, 3]; infinite coordinates are refused, a missing score is 0."""
    if keypoints.dtype.kind not in "fiu" or keypoints.ndim not in (3, 4) or keypoints.shape[-2:] != (layout.size, 3):
        wanted = f"[frames, {layout.size}, 3] or [frames, people, {layout.size}, 3] numbers for {layout.name}"
        raise TrackFileError(f"{path}: `keypoints` must be {wanted}, not {keypoints.dtype} {list(keypoints.shape)}")
    keypoints = keypoints if keypoints.ndim == 4 else keypoints[:, None]
    if len(keypoints) == 0 or not 1 <= keypoints.shape[1] <= MAX_PEOPLE:
        raise TrackFileError(
            f"{path}: `keypoints` holds {len(keypoints)} frames of {keypoints.shape[1]} people; at least 1 frame and 1"
            f" to {MAX_PEOPLE} people can be lifted"
        )
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite, and is refused
        out = keypoints.astype(np.float32)
    if np.isinf(out).any():
        raise TrackFileError(f"{path}: `keypoints` holds infinite numbers; a missing joint is NaN")
    _refuse_far(path, out)
    out[..., 2] = np.nan_to_num(out[..., 2])
    out[np.isnan(out[..., :2]).any(-1)] = (np.nan, np.nan, 0.0)
    return out


def _refuse_far(path: Path, people: Float32) -> None:
    """No picture is that large, and its squares and cubes would be infinite."""
    if np.nanmax(np.abs(people[..., :2]), initial=0.0) > _FARTHEST_PX:
        raise TrackFileError(f"{path}: `keypoints` holds places more than {_FARTHEST_PX:g} px away")


def _times(path: Path, fps: float | None, time: npt.NDArray[np.generic] | None, count: int) -> npt.NDArray[np.float64]:
    if time is None:
        if _positive(path, "fps", fps) is None:
            raise TrackFileError(f"{path}: neither `fps` nor `time` is given; give the frame rate with --fps")
        return _rising(path, np.arange(count) / float(fps or 1))
    if time.shape != (count,) or time.dtype.kind not in "fiu":
        raise TrackFileError(f"{path}: `time` must be {count} numbers, not {time.dtype} {list(time.shape)}")
    return _rising(path, time.astype(np.float64))


def _rising(path: Path, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if not (np.isfinite(seconds).all() and (np.diff(seconds) > 0).all()):
        raise TrackFileError(f"{path}: times must be finite seconds that rise from frame to frame; see `time` or `fps`")
    return seconds


def _camera(
    path: Path, options: KeypointOptions, given: dict[str, float | None], people: Float32
) -> tuple[Camera, tuple[str, ...]]:
    """The options' camera, or one of the stated size and focal length; a size that nobody stated is guessed aloud."""
    if options.camera is not None:
        return options.camera, ()
    notes = []
    width = _positive(path, "width", options.width or given.get("width"))
    height = _positive(path, "height", options.height or given.get("height"))
    if width is None or height is None:
        width, height = _guessed_size(people)
        notes.append(f"{path.name}: no picture size is given; assumed {width:g} × {height:g}, which holds them all")
        _LOG.warning(notes[-1])
    if not (1 <= width <= _FARTHEST_PX and 1 <= height <= _FARTHEST_PX):
        raise TrackFileError(f"{path}: a picture of {width:g} x {height:g} px; sides are 1 to {_FARTHEST_PX:g}")
    if options.fov_deg is not None:
        return Camera.from_fov(int(width), int(height), options.fov_deg, "field of view, given"), tuple(notes)
    focal = _positive(path, "focal", options.focal or given.get("focal"))
    if focal is None:
        return Camera.from_fov(int(width), int(height)), tuple(notes)
    said = "focal length, given" if options.focal else f"focal length in {path.name}"
    camera = Camera(fx=focal, fy=focal, cx=width / 2, cy=height / 2, width=int(width), height=int(height), origin=said)
    return camera, tuple(notes)


def _guessed_size(people: Float32) -> tuple[float, float]:
    """The smallest common video size that holds every keypoint, lying or upright."""
    far = np.nanmax(np.where(np.isnan(people[..., :2]), 1.0, people[..., :2]), axis=(0, 1, 2))
    sizes = [(640, 480), (1280, 720), (1920, 1080), (3840, 2160), (7680, 4320)]
    for wide, high in [size for w, h in sizes for size in ((w, h), (h, w))]:
        if far[0] <= wide and far[1] <= high:
            return float(wide), float(high)
    return float(max(1, math.ceil(far[0]))), float(max(1, math.ceil(far[1])))
