"""Pictures of results. Matplotlib is loaded when the first one is drawn: after everything is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK = ("#1f5fa8", "#d9822b", "#4a9a58", "#8a5aa6", "#b8433f", "#777777")


def save_bars(
    path: Path, groups: Sequence[str], bars: Mapping[str, Sequence[float | None]], *, unit: str, title: str
) -> None:
    """Grouped bars: one group per name in ``groups``, one bar in it per key of ``bars``; None leaves a gap."""
    axes = _axes(title, width=max(6.4, 1.1 + 0.35 * len(groups) * (len(bars) + 1)))
    wide = 0.8 / len(bars)
    for k, (label, values) in enumerate(bars.items()):
        places = [g - 0.4 + wide * (k + 0.5) for g in range(len(groups))]
        drawn = axes.bar(places, [v or 0.0 for v in values], wide * 0.92, label=label, color=_INK[k % len(_INK)])
        axes.bar_label(drawn, ["" if v is None else f"{v:.3g}" for v in values], fontsize=7, padding=1)
    axes.set_xticks(range(len(groups)), [fill(name, 18) for name in groups], fontsize=8)
    axes.set_ylabel(unit)
    _save(path)


def save_lines(
    path: Path, x: Sequence[float], lines: Mapping[str, Sequence[float]], *, units: tuple[str, str], title: str
) -> None:
    """Lines over ``x``; ``units`` are the labels of the two axes."""
    axes = _axes(title)
    for k, (label, values) in enumerate(lines.items()):
        axes.plot(x, values, label=label, color=_INK[k % len(_INK)], linewidth=1.2)
    axes.set_xlabel(units[0])
    axes.set_ylabel(units[1])
    axes.set_ylim(bottom=0)
    _save(path)


def _axes(title: str, width: float = 6.4) -> Axes:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    _, axes = pyplot.subplots(figsize=(width, 3.8), layout="constrained")
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _save(path: Path) -> None:
    from matplotlib import pyplot

    figure = pyplot.gcf()
    figure.legend(loc="outside lower center", ncols=5, fontsize=8, frameon=False)  # never on the data
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close("all")
