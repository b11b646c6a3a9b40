"""Measures the errors of the project's 2D on rendered people: ``python -m train.measure2d --data DIR [--work DIR]``.

People of the training subjects move before virtual cameras in a rendered room; BlazePose and the tracking find them as
``stream3d run`` does, and their joints are compared with where the motion capture has them. Exchanged sides come from
the four-camera clip of ``--data DIR``/multiview too, where it is there. The figures go to
``train/errors2d/blazepose.json``, from which ``train.augment.Augmentation.measured`` draws. About two CPU-minutes; what
was found is kept in ``--work``.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.errors2d.doubt import even, factors_of, scores_of
from train.errors2d.fit import (
    FPS,
    Seen,
    errors_of,
    level_of,
    mean_run,
    offsets_of,
    rest_of,
    slips_of,
    spread_of,
    wild_figures,
)
from train.errors2d.rendered import SHOTS, seen_shots
from train.errors2d.table import FILE, KINDS, Table

_SECONDS = 1.8
# Gaps of so many seconds between slips belong to one stretch.
_GAP_S = 0.2


def shots_of(data: Path, work: Path) -> list[Seen]:
    """What was found in every shot, rendered unless ``work`` has it."""
    folder = work / "errors2d"
    files = [folder / f"{number:02d}.npz" for number in range(len(SHOTS))]
    if not all(file.is_file() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        for file, seen in zip(files, seen_shots(data, _SECONDS), strict=True):
            np.savez(file, found=seen.found, truth=seen.truth)
            print(f"{file}: {len(seen.found)} frames", flush=True)
    return [_stored(file) for file in files]


def _stored(file: Path) -> Seen:
    with np.load(file, allow_pickle=False) as arrays:
        return Seen(found=arrays["found"], truth=arrays["truth"])


def slip_figures(slips: list[tuple[npt.NDArray[np.bool_], float]]) -> dict[str, Any]:
    """About exchanged sides from streams of (arms and legs bool [T, 2], frames per second)."""
    total = sum(len(s) / fps for s, fps in slips)
    stretches = [(_closed(s.any(1), round(_GAP_S * fps)), s.any(1), fps) for s, fps in slips]
    inside = sum(float(stretch.sum()) / fps for stretch, _, fps in stretches)
    wrong = sum(float((stretch & any_).sum()) / fps for stretch, any_, fps in stretches)
    parts = np.sum([[(a & ~b).sum() / f, (b & ~a).sum() / f, (a & b).sum() / f] for s, f in slips for a, b in [s.T]], 0)
    return {
        "unstable": round(inside / total, 4),
        "stretch_s": round(_mean_span([(stretch, fps) for stretch, _, fps in stretches]), 3),
        "slipped": round(wrong / inside, 3) if inside else 0.0,
        "slip_s": round(_mean_span([(any_, fps) for _, any_, fps in stretches]), 3),
        "slip_parts": tuple(round(float(p), 3) for p in parts / parts.sum()) if parts.sum() else (0.0, 0.0, 1.0),
    }


def _mean_span(states: list[tuple[npt.NDArray[np.bool_], float]]) -> float:
    """Seconds that a state holds on average."""
    held = sum(float(state.sum()) / fps for state, fps in states)
    begun = sum(float(state.sum()) / mean_run([state]) for state, _ in states)
    return held / begun if begun else 1 / FPS


def _closed(state: npt.NDArray[np.bool_], gap: int) -> npt.NDArray[np.bool_]:
    out, at = state.copy(), np.flatnonzero(state)
    for first, second in pairwise(at):
        if second - first <= gap + 1:
            out[first:second] = True
    return out


def of_cameras(data: Path) -> list[tuple[npt.NDArray[np.bool_], float]]:
    """Arms and legs exchanged [T, 2] in each of the four cameras, by what all say together; none without the clip."""
    from benchmarks.lifting import see
    from benchmarks.multiview import keypoints_of
    from benchmarks.qualisys import read_calibration
    from benchmarks.slips import untangled

    folder = data / "multiview"
    if not folder.is_dir():
        return []
    views = read_calibration(folder / "Calib.qca.txt")
    seen = [see(folder / f"{view.name}.mp4") for view in views]
    _, _, slipped = untangled(*keypoints_of(seen), views)
    return [(slipped[..., camera], those.fps) for camera, those in enumerate(seen)]


def table_of(shots: list[Seen], slips: list[tuple[npt.NDArray[np.bool_], float]]) -> Table:
    """The whole table."""
    errors = [errors_of(seen) for seen in shots]
    offset = offsets_of(shots, errors)
    rests = [rest_of(seen, error, offset) for seen, error in zip(shots, errors, strict=True)]
    away_factor, unsure_factor = factors_of(shots, rests)
    evened = [even(seen, rest, away_factor, unsure_factor) for seen, rest in zip(shots, rests, strict=True)]
    there = [np.isfinite(seen.found[..., 0]).any(1) for seen in shots]
    gone = [~t[int(np.argmax(t)) :] for t in there]
    return Table(
        net="blazepose",
        offset=tuple(tuple(round(float(x), 4) for x in row) for row in offset),
        level_sd=level_of(evened),
        away_factor=away_factor,
        unsure_factor=unsure_factor,
        lost=round(float(np.concatenate(gone).mean()), 4),
        lost_s=round(mean_run(gone) / FPS, 3),
        **wild_figures(evened),
        **spread_of(evened),
        **scores_of(shots),
        **slip_figures(slips),
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with mocap/")
    parser.add_argument(
        "--work", type=Path, default=Path("runs"), metavar="DIR", help="for what was rendered and found"
    )
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE")
    given = parser.parse_args(arguments)
    shots = shots_of(given.data, given.work)
    table = table_of(shots, [(slips_of(seen), FPS) for seen in shots] + of_cameras(given.data))
    table.save(given.out)
    print("mm          outward     up forward   bone |  slow   fast  white")
    for kind, offset, *sds in zip(KINDS, table.offset, table.slow_sd, table.fast_sd, table.white_sd, strict=True):
        print(
            f"{kind:9}" + "".join(f"{1000 * x:8.1f}" for x in offset) + " |" + "".join(f"{1000 * x:7.1f}" for x in sds)
        )
    print(f"{given.out}: {len(np.concatenate([s.found for s in shots]))} frames of {len(shots)} shots")


if __name__ == "__main__":
    main()
