"""All motions as h36m17 points at 50 to 60 fps, cached as one ``.npz`` per archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from train.mocap import archives
from train.mocap.bvh import read_bvh
from train.mocap.h36m import POINTS, to_points
from train.mocap.motion import Float32
from train.mocap.ui_prmd import FPS as UI_PRMD_FPS
from train.mocap.ui_prmd import read_ui_prmd

CMU_UNIT_M = 0.0564444
HELD_OUT = frozenset({"01", "02", "03"})
# Nobody is trained on these either: recipes are chosen and sigma is calibrated by them; so the held-out stay unseen.
VALIDATION = {"cmu": frozenset({"09", "91"}), "ui": frozenset({"s09", "s10"})}
# Heads that hang or turn as no neck can, in a third of the frames or more.
BROKEN = frozenset({("127", "32"), ("salsa", "07")})
TRAINING = (
    *archives.ASFAMC,
    "cmu_bvh_fvc",
    "cmu_bvh_misc",
    "cmu_bvh_acrnn",
    "cmu_bvh_iclone",
    "animated_drawings_mit",
    "ui_prmd_vicon",
)
MAX_FPS = 60.0
# Rigs in centimetres, by a joint that gives them away; all others are in CMU's unit.
_CENTIMETRES = ("rButtock", "CC_Base_Head", "LeftInHandIndex")
# Of Animated Drawings, dab, jumping, wave_hello and zombie are in a unit in which nobody is a grown-up (legs of 0.55 m
# if inches), and who jumps falls at more than twice the speed of the earth's: neither scale nor rate can be trusted.
_FIT = ("jesse_dance", "jumping_jacks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Take:
    """``points`` float32 [T, 19, 3], metres, z up (POINTS of train.mocap.h36m; NaN = lost), at ``fps``."""

    points: Float32
    fps: float
    subject: str
    trial: str


def _slowed(points: Float32, fps: float, subject: str, trial: str) -> Take:
    step = max(1, round(fps / MAX_FPS))
    return Take(points=np.ascontiguousarray(points[::step]), fps=fps / step, subject=subject, trial=trial)


def _asfamc(data_dir: Path, name: str) -> Iterator[Take]:
    for motion in archives.iter_motions(data_dir, archives=[name]):
        yield _slowed(to_points(motion), motion.fps, motion.subject, motion.trial)


def _fps(name: str, subject: str) -> float | None:
    """The true rate; None = as the file says. Salsa is 60 fps whatever its header says."""
    if name == "animated_drawings_mit":
        return None
    return 60.0 if subject == "salsa" or name == "cmu_bvh_iclone" else 120.0


def _bvh(data_dir: Path, name: str) -> Iterator[Take]:
    """CMU as BVH, on its own and on other skeletons, and what of Animated Drawings can be measured."""

    def wanted(path: PurePosixPath) -> bool:
        return path.suffix == ".bvh" and (name != "animated_drawings_mit" or path.stem in _FIT)

    texts = archives.archive_texts(archives.source(data_dir, name), wanted)
    for path in sorted(texts):
        subject, trial = archives.member_names(path)
        metres = 0.01 if any(joint in texts[path] for joint in _CENTIMETRES) else CMU_UNIT_M
        motion = read_bvh(texts[path], metres=metres, fps=_fps(name, subject), subject=subject, trial=trial)
        yield _slowed(to_points(motion), motion.fps, subject, trial)


def _ui_prmd(data_dir: Path, name: str) -> Iterator[Take]:
    def wanted(path: PurePosixPath) -> bool:
        return path.name.startswith("m") and path.suffix == ".txt"

    texts = archives.archive_texts(archives.source(data_dir, name), wanted)
    for path in sorted(texts):
        exercise, subject, episode, *_ = path.stem.split("_")
        yield _slowed(read_ui_prmd(texts[path]), UI_PRMD_FPS, subject, f"{exercise}_{episode}_{path.parent.name}")


def _mixed(data_dir: Path, name: str) -> Iterator[Take]:
    """CMU's own ASF/AMC, and whatever BVH lies beside them."""
    yield from _asfamc(data_dir, name)
    yield from _bvh(data_dir, name)


def _reader(data_dir: Path, name: str) -> Callable[[Path, str], Iterator[Take]]:
    """By the source's name; a folder may hold CMU's own ASF/AMC where the archive holds BVH made of them."""
    source = archives.source(data_dir, name)
    if source.is_dir() and "bvh" in name and next(source.rglob("*.amc"), None) is not None:
        return _mixed
    if "bvh" in name or name == "animated_drawings_mit":
        return _bvh
    return _ui_prmd if name.startswith("ui_prmd") else _asfamc


def _store(takes: list[Take], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(
        partial,
        points=np.concatenate([take.points for take in takes]),
        lengths=np.array([len(take.points) for take in takes]),
        fps=np.array([take.fps for take in takes]),
        names=np.array([(take.subject, take.trial) for take in takes]),
        columns=np.array(POINTS),
    )
    partial.rename(path)


def _load(path: Path) -> list[Take]:
    with np.load(path, allow_pickle=False) as file:
        pieces = np.split(file["points"], np.cumsum(file["lengths"])[:-1])
        return [
            Take(points=points, fps=float(fps), subject=str(subject), trial=str(trial))
            for points, fps, (subject, trial) in zip(pieces, file["fps"], file["names"], strict=True)
        ]


def load_takes(data_dir: Path, work_dir: Path, names: Iterable[str]) -> dict[str, list[Take]]:
    """Takes by archive, from ``work_dir``/mocap where they were converted before."""
    out = {}
    for name in tqdm(list(names), desc="motion", leave=False):
        cache = work_dir / "mocap" / f"{name}.npz"
        if not cache.is_file():
            _store(list(_reader(data_dir, name)(data_dir, name)), cache)
        out[name] = _load(cache)
    return out


def split(takes: dict[str, list[Take]]) -> tuple[list[Take], list[Take]]:
    """(training, held out): CMU's subjects 01 to 03 and HDM05 are held out; VALIDATION and BROKEN are in neither."""
    train, held = [], []
    for name, some in takes.items():
        for take in some:
            if name == archives.HDM05 or (name.startswith("cmu_") and take.subject in HELD_OUT):
                held.append(take)
            elif not _validates(name, take) and (take.subject, take.trial) not in BROKEN:
                train.append(take)
    return train, held


def validation(takes: dict[str, list[Take]]) -> list[Take]:
    """The takes of VALIDATION."""
    return [take for name, some in takes.items() for take in some if _validates(name, take)]


def _validates(name: str, take: Take) -> bool:
    return take.subject in VALIDATION.get(name.partition("_")[0], ())
