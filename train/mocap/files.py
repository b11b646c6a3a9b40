"""Motion files of anybody's: BVH, ASF/AMC and C3D in any unit and with any axis up, as takes of POINTS."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stream3d.errors import TrackFileError
from stream3d.skeleton import H36M17
from train.data.bodies import complaints, metres_per_unit
from train.mocap.asfamc import read_asf_amc
from train.mocap.bvh import read_bvh
from train.mocap.c3d import read_c3d
from train.mocap.h36m import POINTS, to_points
from train.mocap.motion import Float32
from train.mocap.takes import Take

ENDINGS = (".bvh", ".amc", ".c3d")
_THORAX = POINTS.index("thorax")
_ANKLES = [POINTS.index(f"{side}_ankle") for side in ("left", "right")]


def read_motion(path: Path) -> Take:
    """One file as a take at its own frame rate; the subject is the folder's name, the trial the file's.

    An AMC needs its skeleton beside it, ``02.asf`` beside ``02_01.amc``, or the only ``.asf`` of the folder.

    Raises:
        TrackFileError: the file is of no known form, is damaged, or nobody in it has human proportions.
        LayoutError: no table knows the joints' names.
    """
    readers = {".bvh": _bvh, ".amc": _amc, ".c3d": read_c3d}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TrackFileError(f"{path}: motion is read from {', '.join(ENDINGS)} files")
    try:
        points, fps = reader(path)
    except (ValueError, IndexError, KeyError, OverflowError, ZeroDivisionError, OSError) as error:
        if not isinstance(error, TrackFileError):
            raise TrackFileError(f"{path}: is damaged: {error!r}") from error
        if str(path) in str(error):
            raise
        raise TrackFileError(f"{path}: {error}") from error
    wrong = complaints(points[:, :17], H36M17)
    if wrong:
        raise TrackFileError(f"{path}: nobody in it is human: {'; '.join(wrong)}")
    return Take(points=points, fps=fps, subject=path.absolute().parent.name, trial=path.stem)


def _bvh(path: Path) -> tuple[Float32, float]:
    text = path.read_text(encoding="latin-1")
    raw = to_points(read_bvh(text, metres=1.0))
    metres = metres_per_unit(raw[:, :17], H36M17, str(path))
    # Read as if y pointed up, a file whose z does has its people stand along -y.
    stands = np.nanmedian(raw[:, _THORAX] - raw[:, _ANKLES].mean(1), axis=0)
    axis = "z" if int(np.argmax(np.abs(stands))) == 1 else "y"
    motion = read_bvh(text, metres=metres, up=axis)
    return to_points(motion), motion.fps


def _amc(path: Path) -> tuple[Float32, float]:
    beside = sorted(path.parent.glob("*.[aA][sS][fF]"))
    own = [asf for asf in beside if path.stem.startswith(asf.stem)] or beside
    if len(own) != 1:
        raise TrackFileError(f"{path}: needs one skeleton beside it, such as 02.asf; there are {len(own)}")
    motion = read_asf_amc(own[0], path)
    return to_points(motion), motion.fps
