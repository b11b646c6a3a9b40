"""Takes read straight out of the ``tar.xz`` archives of ``--data DIR``/mocap, or of folders with the same files."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from stream3d.errors import TrackFileError
from train.mocap.asfamc import read_asf_amc
from train.mocap.motion import Motion

ASFAMC = ("cmu_asfamc_maxxgx", "cmu_asfamc_cyun", "cmu_asfamc_misc")
HDM05 = "hdm05_asfamc"
_LARGEST_FILE = 64 << 20


def _normal(subject: str) -> str:
    """CMU's 1, 01 and 001 are one subject."""
    return subject.lstrip("0") or subject


def member_names(path: PurePosixPath) -> tuple[str, str]:
    """(subject, trial) of a file: ``02/02_01.amc`` and ``HDM_bd_squat1Reps_012_120.amc``."""
    words = path.stem.split("_")
    if words[0] == "HDM":
        return words[1], "_".join(words[2:])
    trial = path.stem.partition("_")[2] or path.stem
    return path.parent.name, trial


def source(data_dir: Path | str, name: str) -> Path:
    """``mocap/NAME.tar.xz``, or else the folder ``mocap/NAME``.

    Raises:
        FileNotFoundError: neither is in ``data_dir``.
    """
    folder = Path(data_dir) / "mocap" / name
    archive = folder.with_name(f"{name}.tar.xz")
    if archive.is_file():
        return archive
    if folder.is_dir():
        return folder
    raise FileNotFoundError(
        f"no motion archive {archive} and no folder {folder}; --data must be the folder that holds mocap/ (see"
        " `python -m train.data`)"
    )


def _folder_texts(folder: Path, wanted: Callable[[PurePosixPath], bool]) -> dict[PurePosixPath, str]:
    texts = {}
    for file in sorted(folder.rglob("*")):
        path = PurePosixPath(folder.name, *file.relative_to(folder).parts)
        if file.is_file() and wanted(path):
            if file.stat().st_size > _LARGEST_FILE:
                raise TrackFileError(f"{file}: has more than the {_LARGEST_FILE} bytes that are read")
            texts[path] = file.read_text(encoding="latin-1")
    return texts


def archive_texts(archive: Path, wanted: Callable[[PurePosixPath], bool]) -> dict[PurePosixPath, str]:
    """The wanted members as text; reading stops at nothing, since a skeleton may follow its motions."""
    if archive.is_dir():
        return _folder_texts(archive, wanted)
    texts = {}
    with tarfile.open(archive, "r|xz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            if not member.isfile() or not wanted(path):
                continue
            if member.size > _LARGEST_FILE:
                raise TrackFileError(f"{archive}: {path} has {member.size} bytes; at most {_LARGEST_FILE} are read")
            stream = tar.extractfile(member)
            texts[path] = stream.read().decode("latin-1") if stream else ""
    return texts


def _skeleton_of(path: PurePosixPath, texts: dict[PurePosixPath, str]) -> str:
    names = (f"{path.parent.name}.asf", "_".join(path.stem.split("_")[:2]) + ".asf")
    for name in names:
        if path.with_name(name) in texts:
            return texts[path.with_name(name)]
    raise TrackFileError(f"{path} has no skeleton beside it; looked for {' and '.join(names)}")


def _asfamc(archive: Path, subjects: frozenset[str] | None, trial: str | None) -> Iterator[Motion]:
    def wanted(path: PurePosixPath) -> bool:
        who, take = member_names(path)
        named = subjects is None or _normal(who) in subjects
        if path.suffix.lower() == ".asf":
            return named
        return path.suffix.lower() == ".amc" and named and trial in (None, take)

    texts = archive_texts(archive, wanted)
    for path in sorted(texts):
        if path.suffix.lower() == ".amc":
            who, take = member_names(path)
            yield read_asf_amc(_skeleton_of(path, texts), texts[path], subject=who, trial=take)


def iter_motions(
    data_dir: Path | str,
    *,
    archives: Iterable[str] = ASFAMC,
    subjects: Iterable[str] | None = None,
    trial: str | None = None,
) -> Iterator[Motion]:
    """Every take of the named archives, or only those of some subjects (``"02"``) or of one trial (``"01"``).

    Raises:
        FileNotFoundError: an archive is not in ``data_dir``/mocap.
        TrackFileError: a file in it cannot be read.
    """
    chosen = None if subjects is None else frozenset(_normal(subject) for subject in subjects)
    for name in archives:
        yield from _asfamc(source(data_dir, name), chosen, trial)


def load_trial(data_dir: Path | str, subject: str, trial: str) -> Motion:
    """One CMU take, such as subject ``"02"`` trial ``"01"``.

    Raises:
        KeyError: no such take is there.
    """
    for motion in iter_motions(data_dir, subjects=[subject], trial=trial):
        return motion
    raise KeyError(f"no trial {trial!r} of subject {subject!r} in {', '.join(ASFAMC)}")
