"""Figures as JSON and as Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from train.evaluation.measures import Figures

Rows = Mapping[str, Figures]

_COLUMNS = {
    "MPJPE": ("mpjpe", 1),
    "at 1.70 m": ("mpjpe_default_height", 1),
    "N-": ("n_mpjpe", 1),
    "PA-MPJPE": ("pa_mpjpe", 1),
    "PCK": ("pck150", 1),
    "AUC": ("auc", 1),
    "acc.": ("acceleration", 1),
    "lag": ("lag_ms", 0),
    "asym.": ("asymmetry", 1),
    "incon.": ("inconstancy", 1),
    "limits": ("beyond_limits", 2),
    "1 σ": ("within_1_sigma", 1),
    "1.96 σ": ("within_1.96_sigma", 1),
}
_JOINT_COLUMNS = {
    "MPJPE": ("mpjpe", 0),
    "x": ("x", 0),
    "y": ("y", 0),
    "z": ("z", 0),
    "PCK": ("pck150", 1),
    "σ": ("sigma", 0),
    "1 σ": ("within_1_sigma", 1),
    "1.96 σ": ("within_1.96_sigma", 1),
}
_ACTION_COLUMNS = {
    "frames": ("frames", 0),
    "MPJPE": ("mpjpe", 1),
    "PA-MPJPE": ("pa_mpjpe", 1),
    "limits": ("beyond_limits", 2),
}
LEGEND = """\
Millimetres, root-aligned, of the body with its stature known (*at 1.70 m*: with the default stature instead). PCK: per
cent of joints, pelvis aside, within 150 mm; AUC: the same, mean over 0 to 150 mm in steps of 5. *acc.* mean error of
acceleration in mm/frame² (at 30 fps 1 is 0.9 m/s²); *lag* in ms. In per cent: *asym.* difference of left and right
bones, *incon.* standard deviation of a bone's length over a clip, *limits* joints bent beyond anatomical limits, *1 σ*
and *1.96 σ* joints no farther from the truth than so many of their own sigma (nominal 68.3 and 95)."""


def table(first: str, columns: Mapping[str, tuple[str, int]], rows: Rows) -> str:
    """A Markdown table; a figure that is not there is a dash.

    >>> print(table("net", {"mm": ("mpjpe", 1)}, {"a": {"mpjpe": 1.25}, "b": {}}))
    | net | mm |
    |---|--:|
    | a | 1.2 |
    | b | – |
    """
    lines = [f"| {first} | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
    for name, row in rows.items():
        cells = [_cell(row.get(key), digits) for key, digits in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def as_markdown(results: Mapping[str, Rows], detailed: str = "", sets: Sequence[str] = ()) -> str:
    """One table per test set, a row per condition; of ``sets``, condition ``detailed``, also by joint and by action."""
    parts = [LEGEND]
    for name, rows in results.items():
        row = next(iter(rows.values()))
        parts += [f"### {name} ({row['frames']} frames at {row['fps']:g} fps)", table("2D input", _COLUMNS, rows)]
    for name in sets:
        row = results[name][detailed]
        parts += [f"### {name} by joint: {detailed}", table("joint", _JOINT_COLUMNS, row["joints"])]
        parts += [f"### {name} by action: {detailed}", table("action", _ACTION_COLUMNS, row["actions"])]
    return "\n\n".join(parts) + "\n"


def write(folder: Path, said: Mapping[str, object], text: str) -> None:
    """``lifter.json`` with everything that is ``said``, and the ``text`` as ``lifter.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lifter.json").write_text(json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False))
    (folder / "lifter.md").write_text(text)
