"""Puts fresh downloads where training looks for them: the trials of trials.txt, wherever they lie in a folder; 2D sets.

CMU's, HDM05's and UI-PRMD's own downloads have folders of their own; what counts are the files' names. A trial that is
listed as BVH may be CMU's own ASF/AMC instead: it is the same motion.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stream3d.errors import SettingsError
from train.data.pack import pack_coco, pack_mpii

TRIALS = Path(__file__).with_name("trials.txt")
_ENDINGS = {".asf", ".amc", ".bvh", ".txt", ".json", ".mat"}
_COCO = ("person_keypoints_train2017.json", "person_keypoints_val2017.json")
_MPII = "mpii_human_pose_v1_u12_1.mat"
_MOST_FILES = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """How many files of a source, or poses of a set, were ``copied``, and the names of files that were not found."""

    name: str
    copied: int
    missing: tuple[str, ...]


def listed() -> dict[str, tuple[PurePosixPath, ...]]:
    """The files of every source of motion, by its name."""
    out: dict[str, list[PurePosixPath]] = {}
    for line in TRIALS.read_text(encoding="utf-8").split("\n"):
        if line.startswith("["):
            out[line.strip("[]")] = []
        elif line:
            out[list(out)[-1]].append(PurePosixPath(line))
    return {name: tuple(paths) for name, paths in out.items()}


def gather(source: Path, data_dir: Path) -> list[Gathered]:
    """Copy motion found below ``source`` to ``data_dir``/mocap/NAME/, and pack COCO's and MPII's poses into poses2d/.

    What is there already, as an archive or packed, is left as it is.

    Raises:
        SettingsError: ``source`` is no folder, or holds too many files to look through.
        TrackFileError: COCO's or MPII's file is malformed.
    """
    if not source.is_dir():
        raise SettingsError(f"{source} is no folder; name the one that holds what you downloaded")
    index = _index(source)
    out = []
    for name, paths in listed().items():
        folder = data_dir / "mocap" / name
        if not folder.with_name(f"{name}.tar.xz").is_file():
            missing = [str(path) for path in paths if not _copied(path, index, folder)]
            out.append(Gathered(name=name, copied=len(paths) - len(missing), missing=tuple(missing)))
    return out + _packed(index, data_dir / "poses2d")


def _packed(index: dict[str, Path], folder: Path) -> list[Gathered]:
    """COCO's and MPII's poses, where they are not there and their files were found."""
    out = []
    folder.mkdir(parents=True, exist_ok=True)
    coco, mpii = folder / "coco17_kpts_px.npz", folder / "mpii_poses.npy"
    files = [index[name] for name in _COCO if name in index]
    if not coco.is_file():
        count = pack_coco(files, coco) if files else 0
        out.append(Gathered(name=coco.name, copied=count, missing=tuple(name for name in _COCO if name not in index)))
    if not mpii.is_file():
        count = pack_mpii(index[_MPII], mpii) if _MPII in index else 0
        out.append(Gathered(name=mpii.name, copied=count, missing=() if count else (_MPII,)))
    return out


def _index(source: Path) -> dict[str, Path]:
    """Files by their names in lower case."""
    out: dict[str, Path] = {}
    for count, file in enumerate(source.rglob("*")):
        if count > _MOST_FILES:
            raise SettingsError(f"{source} holds more than {_MOST_FILES} files; name the folder of the downloads alone")
        if file.suffix.lower() in _ENDINGS and file.is_file():
            out.setdefault(file.name.lower(), file)
    return out


def _copied(path: PurePosixPath, index: dict[str, Path], folder: Path) -> bool:
    """Whether the file, or an AMC with its skeleton in a BVH's place, now lies in the folder."""
    subject, _, trial = path.stem.partition("_")
    plain = f"{subject}_{trial.partition('-')[0]}".lower()
    if path.name.lower() in index:
        pairs = [(path.name.lower(), path.name)]
    elif path.suffix in (".bvh", ".amc") and trial:
        # CMU writes its subjects with two digits, or with three from 100 on: 006_02.bvh is 06_02.amc.
        short = f"{subject.lstrip('0').zfill(2)}_{plain.partition('_')[2]}"
        pairs = [(f"{short}.amc", f"{path.stem}.amc"), (f"{short.partition('_')[0]}.asf", f"{path.parent.name}.asf")]
    else:
        return False
    if any(name not in index for name, _ in pairs):
        return False
    for name, new in pairs:
        target = folder.joinpath(*path.parent.parts, new)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(index[name], target)
    return True
