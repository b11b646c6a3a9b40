"""A soak drawn over time: memory, what is held, latency, and where streams were cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.live_log import Cut
from benchmarks.tree import Holding

_INK, _SECOND, _CUT = "#1f5fa8", "#d9822b", "#b8433f"


def save_picture(
    path: Path,
    began: float,
    samples: Sequence[Holding],
    latencies: Sequence[tuple[float, float, float]],
    cuts: Sequence[Cut],
) -> None:
    """Three panels, one below the other; ``latencies`` are (seconds since ``began``, p50, p99 in milliseconds)."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    minutes = [(sample.at - began) / 60 for sample in samples]
    figure, (memory, held, late) = pyplot.subplots(3, 1, figsize=(8.4, 7.2), sharex=True, layout="constrained")
    memory.plot(minutes, [sample.rss_mb for sample in samples], color=_INK, label="run", linewidth=1.2)
    private = [sample.private_mb for sample in samples]
    memory.plot(minutes, private, color=_INK, label="run, private", linewidth=0.8, linestyle=":")
    children = [sample.children_rss_mb for sample in samples]
    memory.plot(minutes, children, color=_SECOND, label="readers and viewer", linewidth=0.8)
    memory.set_ylabel("resident MB")
    for what, ink in (("handles", _INK), ("threads", _SECOND)):
        held.plot(minutes, [getattr(sample, what) for sample in samples], color=ink, label=what, linewidth=1)
    held.set_ylabel("of the run")
    times = [at / 60 for at, _, _ in latencies]
    late.plot(times, [p50 for _, p50, _ in latencies], color=_INK, label="p50", linewidth=1.2)
    late.plot(times, [p99 for _, _, p99 in latencies], color=_SECOND, label="p99", linewidth=0.8)
    late.set_ylabel("latency, ms")
    late.set_xlabel("minutes; red: a stream is cut")
    for axes in (memory, held, late):
        axes.set_ylim(0, 1.25 * axes.get_ylim()[1])  # room for the names above the lines
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8, frameon=False, ncols=2, loc="upper right")
        for cut in cuts:
            axes.axvspan((cut.began - began) / 60, (cut.back - began) / 60, color=_CUT, alpha=0.25, linewidth=0)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
