"""Smoothing of finished recordings, person by person."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt

from stream3d.errors import LayoutError, TrackFileError
from stream3d.solve.whole import WholeSettings, smooth_whole
from stream3d.trackfile import TrackFile

Int64 = npt.NDArray[np.int64]


def smooth_recording(file: TrackFile, settings: WholeSettings | None = None) -> TrackFile:
    """The same people with ``joints3d`` smoothed without lag, gaps filled and outliers taken out.

    A frame in which somebody was not seen gets a row for them if the gap is short enough: its keypoints and sigma are
    NaN, its time is that of the frame (where nobody was seen, between those of its neighbours). ``keypoints2d`` and
    ``sigma`` of other rows stay; ``rotations`` would no longer fit and go. ``meta`` tells what was done, as
    ``smoothed``.

    Raises:
        LayoutError: the joints have no pelvis.
        TrackFileError: a person's times do not rise.
        SettingsError: a cut-off is not below half the rate of frames.
    """
    settings = settings or WholeSettings()
    if "pelvis" not in file.joint_names:
        raise LayoutError("smoothing needs a pelvis, which these joints do not have")
    pelvis = file.joint_names.index("pelvis")
    file, added = with_gaps(file, settings.fill_s)
    joints, wrong, usual_s = file.joints3d.copy(), 0, _usual_step(file)
    for person in np.unique(file.person):
        rows = np.flatnonzero(file.person == person)
        times = file.time[rows]
        if not (np.diff(times) > 0).all():
            raise TrackFileError(f"the times of person {person} do not rise; smoothing over time needs that")
        smooth, found = smooth_whole(
            times, joints[rows], file.sigma[rows], pelvis=pelvis, settings=settings, usual_s=usual_s
        )
        joints[rows], wrong = smooth.astype(np.float32), wrong + found
    kept = ~added | np.isfinite(joints).any(axis=(1, 2))
    said = {**asdict(settings), "filled_rows": int((added & kept).sum()), "outliers_found": wrong}
    return replace(
        file,
        frame=file.frame[kept],
        time=file.time[kept],
        person=file.person[kept],
        keypoints2d=file.keypoints2d[kept],
        joints3d=joints[kept],
        sigma=file.sigma[kept],
        rotations=None,
        meta={**file.meta, "smoothed": said},
    )


def with_gaps(file: TrackFile, fill_s: float) -> tuple[TrackFile, npt.NDArray[np.bool_]]:
    """The file with empty rows where somebody is missing between two of their rows at most ``fill_s`` apart.

    And which rows, bool [N], are those.
    """
    frames, first = np.unique(file.frame, return_index=True)
    new = [_missing(file, person, fill_s) for person in np.unique(file.person)]
    frame = np.concatenate([np.zeros(0, np.int64), *(f for f, _ in new)])
    person = np.concatenate([np.zeros(0, np.int64), *(np.full(len(f), p) for f, p in new)])
    count = len(frame)
    if not count:
        return file, np.zeros(len(file), np.bool_)
    order = np.argsort(np.concatenate([file.frame, frame]), kind="stable")

    def joined(old: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.concatenate([old, np.full((count, *old.shape[1:]), np.nan, np.float32)])[order]

    longer = replace(
        file,
        frame=np.concatenate([file.frame, frame])[order],
        time=np.concatenate([file.time, np.interp(frame, frames, file.time[first])])[order],
        person=np.concatenate([file.person, person])[order],
        keypoints2d=joined(file.keypoints2d),
        joints3d=joined(file.joints3d),
        sigma=joined(file.sigma),
        rotations=None if file.rotations is None else joined(file.rotations),
    )
    return longer, order >= len(file)


def _missing(file: TrackFile, person: int, fill_s: float) -> tuple[Int64, int]:
    """The frames between two rows of ``person`` that are near enough to each other."""
    rows = np.flatnonzero(file.person == person)
    frames, times = file.frame[rows], file.time[rows]
    gaps = np.flatnonzero((np.diff(frames) > 1) & (np.diff(times) <= fill_s))
    return np.concatenate([np.zeros(0, np.int64), *(np.arange(frames[g] + 1, frames[g + 1]) for g in gaps)]), person


def _usual_step(file: TrackFile) -> float | None:
    """Seconds from a frame to the next: the median over frames with somebody in them, of whom some may be seldom."""
    frames, first = np.unique(file.frame, return_index=True)
    return float(np.median(np.diff(file.time[first]) / np.diff(frames))) if len(frames) > 1 else None
