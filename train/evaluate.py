"""Measure a lifter on motion it never saw: ``python -m train.evaluate --data DIR [--weights FILE] [--out DIR]``.

Every held-out take is streamed at 30 fps past one virtual camera, frame by frame, as at run time. Writes
``lifter.json`` with every figure, ``lifter.md`` with the tables, and with ``--pictures`` also ``samples.png``,
``joints.png`` and ``curves.png``. ``--quick`` is one condition on one set.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from stream3d.nets.lifter_torch import Lifter, load_lifter
from train.evaluation import report
from train.evaluation.measures import Figures, body, figures, gather
from train.evaluation.streams import CONDITIONS, Answer, Clip, Condition, clips_of, lifted, observed
from train.mocap.archives import ASFAMC, HDM05
from train.mocap.takes import TRAINING, Take, load_takes, split, validation

CMU, NO_CLIMBER, HDM = "CMU 01–03", "CMU 02–03, without the climber", "HDM05, every third take"
TRUTH = "the truth itself"
VALIDATED = "validation subjects"
# What is told of each set of motion, by the subjects in it; an empty set is everybody.
_PARTS: dict[str, dict[str, set[str]]] = {
    "cmu": {CMU: set(), NO_CLIMBER: {"02", "03"}},
    "hdm05": {HDM: set()},
    "validation": {VALIDATED: set()},
}
SWEPT = Condition(name="BlazePose or COCO", net="coco")
# What is swept, one thing at a time, over every fourth clip.
SWEEPS: dict[str, tuple[float, ...]] = {
    "noise_px": (0, 2, 5, 10, 15, 20, 30),
    "missing": (0, 0.05, 0.1, 0.2, 0.3, 0.4),
    "focal": (0.6, 0.7, 0.85, 1, 1.2, 1.4, 1.6),
}
_SWEEP_STEP = 4


def answers_to(net: Lifter, clips: Sequence[Clip], condition: Condition, seed: int = 11) -> list[Answer]:
    """Each clip as the condition shows it, and what the lifter makes of it."""
    streams = (observed(clip, condition, np.random.default_rng([seed, k])) for k, clip in enumerate(clips))
    return [lifted(net, stream) for stream in tqdm(streams, desc=condition.name, total=len(clips), leave=False)]


def evaluate(net: Lifter, clips: Sequence[Clip], condition: Condition, seed: int = 11) -> Figures:
    """All figures of ``train.evaluation.measures.figures`` over clips under a condition."""
    return figures(answers_to(net, clips, condition, seed), condition.joints)


def sweep(net: Lifter, clips: Sequence[Clip]) -> list[Figures]:
    """MPJPE and PA-MPJPE as the 2D input gets worse: one row per swept value."""
    rows = []
    for name, values in SWEEPS.items():
        for value in values:
            changed: dict[str, Any] = {name: value}
            found = evaluate(net, clips[::_SWEEP_STEP], replace(SWEPT, **changed))
            kept = ("mpjpe", "pa_mpjpe", "acceleration", "within_1_sigma", "within_1.96_sigma", "frames")
            rows.append({"swept": name, "value": value, **{key: found[key] for key in kept}})
    return rows


def takes_of(name: str, data: Path, work: Path) -> list[Take]:
    """The takes of a set of motion: held-out CMU subjects, every third of HDM05, or the validation subjects."""
    if name == "cmu":
        return split(load_takes(data, work, ASFAMC))[1]
    if name == "hdm05":
        return [take for some in load_takes(data, work, [HDM05]).values() for take in some][::3]
    return validation(load_takes(data, work, TRAINING))


def measured_for_real(net: Lifter, h36m: Path | None, mpi_inf_3dhp: Path | None) -> dict[str, dict[str, Figures]]:
    """Figures on data sets with real cameras, where their folders are given, by set and action."""
    from train.evaluation import real

    sets = dict(real.human36m_sets(h36m) if h36m else ()) | dict(
        real.mpi_inf_3dhp_sets(mpi_inf_3dhp) if mpi_inf_3dhp else ()
    )
    return {
        name: {"as given": figures([lifted(net, stream) for stream in tqdm(streams, desc=name)], real.judged(streams))}
        for name, streams in sets.items()
    }


def of_truth(answers: Sequence[Answer]) -> Figures:
    """The measures of a body that motion capture itself gets: what a lifter need not be better than."""
    g = gather(answers, range(17))
    return {"frames": len(g.truth), "fps": answers[0].stream.fps, **body(g.truth, g.clip)}


def measured(
    net: Lifter, clips: Sequence[Clip], parts: dict[str, set[str]], conditions: Sequence[Condition]
) -> tuple[dict[str, dict[str, Figures]], list[Answer]]:
    """Figures by part (a name and its subjects; empty = all) and condition, and the answers to SWEPT."""
    results: dict[str, dict[str, Figures]] = {name: {} for name in parts}
    swept: list[Answer] = []
    for condition in conditions:
        answers = answers_to(net, clips, condition)
        swept = answers if condition == SWEPT else swept
        for name, subjects in parts.items():
            chosen = [a for a, clip in zip(answers, clips, strict=True) if not subjects or clip.subject in subjects]
            results[name][condition.name] = figures(chosen, condition.joints)
            if condition is conditions[-1]:
                results[name][TRUTH] = of_truth(chosen)
    return results, swept


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with mocap/")
    parser.add_argument("--work", type=Path, default=Path("runs"), help="caches (runs)")
    parser.add_argument("--weights", type=Path, help="instead of those that ship")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation"))
    parser.add_argument("--sets", nargs="*", choices=tuple(_PARTS), help="of the motion in --data (cmu hdm05)")
    parser.add_argument("--h36m", type=Path, metavar="DIR", help="Human3.6M, which you hold: .npz pair or .h5")
    parser.add_argument("--mpi-inf-3dhp", type=Path, metavar="DIR", help="its test set, which you hold: TS*/")
    parser.add_argument("--quick", action="store_true", help="one condition, CMU alone unless --sets says else")
    parser.add_argument("--pictures", action="store_true", help="draw samples and curves (needs matplotlib)")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    net = load_lifter(given.weights)
    conditions = (SWEPT,) if given.quick else CONDITIONS
    results: dict[str, dict[str, Figures]] = {}
    drawn: list[Answer] = []
    sweeps: list[Figures] = []
    chosen = (["cmu"] if given.quick else ["cmu", "hdm05"]) if given.sets is None else given.sets
    for name in chosen:
        clips = clips_of(takes_of(name, given.data, given.work))
        found, answers = measured(net, clips, _PARTS[name], conditions)
        results |= found
        drawn = drawn or answers
        if name == "cmu" and not given.quick:
            sweeps = sweep(net, clips)
    results |= measured_for_real(net, given.h36m, given.mpi_inf_3dhp)
    text = report.as_markdown(
        results, SWEPT.name, [n for n, rows in results.items() if n != NO_CLIMBER and SWEPT.name in rows]
    )
    report.write(given.out, {"sets": results, "sweeps": sweeps}, text)
    print(text)
    if given.pictures and drawn:
        from train.evaluation import plots

        plots.draw(given.out, next(iter(results.values()))[SWEPT.name], sweeps, drawn)


if __name__ == "__main__":
    main()
