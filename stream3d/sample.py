"""The built-in sample clip: a rendered person whose joints are known exactly. See ``data/sample.md`` for its making."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleTruth:
    """What is true in each of the T frames of the sample clip.

    Names in ``3d``: float32 [T, J, 3] metres, camera space (x right, y down, z forward). Names in ``2d``: float32
    [T, J, 2] pixels, centres at +0.5, the exact projection of the same places, also where the body hides them.

    - ``joints3d``, ``keypoints2d``: h36m17 where the figure's body has them; ``nose`` is the tip of the nose,
      ``head_top`` the top of the hair, ``thorax`` the base of the neck.
    - ``convention3d``: h36m17 as the lifter's training data define it: joint 9 (``nose``) lies between neck and nose,
      ``head_top`` and ``wrist`` where motion capture puts them. Measure lifters against this one.
    - ``coco3d``, ``coco2d``: coco17. ``feet3d``, ``feet2d``: the places in ``feet_names``.
    - ``box``: float32 [T, 4] the outline's x0, y0, x1, y1 in pixels.
    - ``time``: float64 [T] seconds of the media. ``height_m``: stature, shoes included, standing upright.
    - ``camera_position`` float64 [3] metres and ``camera_from_world`` float64 [3, 3]: the world has z up, its floor at
      z = 0; ``camera = camera_from_world @ (world - camera_position)``.
    """

    joints3d: Float32
    keypoints2d: Float32
    convention3d: Float32
    coco3d: Float32
    coco2d: Float32
    feet3d: Float32
    feet2d: Float32
    box: Float32
    time: Float64
    joint_names: tuple[str, ...]
    coco_names: tuple[str, ...]
    feet_names: tuple[str, ...]
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    fps: float
    height_m: float
    camera_position: Float64
    camera_from_world: Float64

    def __len__(self) -> int:
        return len(self.time)

    @property
    def camera(self) -> Camera:
        """The intrinsics that the clip was rendered with."""
        return Camera(
            fx=self.fx,
            fy=self.fy,
            cx=self.cx,
            cy=self.cy,
            width=self.width,
            height=self.height,
            origin="the sample clip's own camera",
        )


def sample_video() -> Path:
    """The clip, an H.264 file of a few megabytes."""
    return Path(str(files("stream3d") / "data" / "sample.mp4"))


def load_truth(path: Path | None = None) -> SampleTruth:
    """The truth about the sample clip, or about another clip rendered in the same way.

    Raises:
        TrackFileError: the file lacks an array.
    """
    source = path or Path(str(files("stream3d") / "data" / "sample_truth.npz"))
    with np.load(source, allow_pickle=False) as kept:
        missing = [field.name for field in fields(SampleTruth) if field.name not in kept]
        if missing:
            raise TrackFileError(f"{source} is no truth of a rendered clip: it lacks {', '.join(missing)}")
        arrays = {field.name: _plain(kept[field.name]) for field in fields(SampleTruth)}
    return SampleTruth(**arrays)  # type: ignore[arg-type] # the names were checked above


def _plain(array: npt.NDArray[np.generic]) -> object:
    """Scalars as Python numbers, names as a tuple, arrays as they are."""
    if array.ndim == 0:
        return array.item()
    return tuple(array.tolist()) if array.dtype.kind == "U" else array
