"""What a soak showed, as figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.cuts import Cutter
from benchmarks.live_log import Cut, Shown, backwards, gaps, outside, percentiles, rate, recoveries, slope
from benchmarks.tree import Holding

_WARM_UP, _WARM_UP_S = 0.2, 600.0  # of the run, and never more than this: what the fit leaves out
_SETTLED_S = 5.0  # after the start, or a cut, until things are compared
_KEPT_S = 2.0  # gaps up to this must not cost anybody their id
_ENDED_S = 6.0  # gaps longer than this must: a second more than people are remembered
_TIME_TO_S = 10.0  # a cut this short before the end has had no time to be recovered from
_FEWEST = 5  # samples that a line is fitted to

Said = Sequence[dict[str, Any]]


@dataclass(kw_only=True)
class Soak:
    """All that was seen of one run from outside; ``unanswered`` requests for its metrics."""

    began: float
    samples: list[Holding] = field(default_factory=list)
    cutters: list[Cutter] = field(default_factory=list)
    unanswered: int = 0
    exit_code: int | None = None

    @property
    def cuts(self) -> list[Cut]:
        """Of all streams, in the order of their beginning."""
        return sorted((cut for cutter in self.cutters for cut in cutter.cuts), key=lambda cut: cut.began)


def judge(soak: Soak, shown: Sequence[Shown], said: Said, complaints: str) -> dict[str, Any]:
    """Every figure that is asked for.

    Raises:
        ValueError: the run was too short to judge.
    """
    cuts = soak.cuts
    settled = [one for one in shown if one.at > shown[0].at + _SETTLED_S]
    return {
        **held(soak, said),
        "results": len(shown),
        "fps": [round(rate(shown, cutter.source), 2) for cutter in soak.cutters],
        "latency_outside_cuts": percentiles(outside(settled, cuts)),
        "latency_while_all_are_well": percentiles(outside(settled, cuts, any_source=True)),
        "latency_of_all": percentiles(settled),
        **_after_cuts(shown, cuts),
        "backward_times": backwards(shown),
        "exceptions": complaints.count("Traceback"),
        "exit_code": soak.exit_code,
        "reconnects": [entry.get("live", {}).get("reconnects") for entry in said if entry["event"] == "end"],
        "left_out_of_slow_output": next((e["left_out_of_slow"] for e in said if e["event"] == "over"), None),
        "viewer_visits": sum(entry["event"] == "viewer" and "sent" in entry for entry in said),
        "viewer_failures": sum(entry["event"] == "viewer" and "error" in entry for entry in said),
        "metrics_unanswered": soak.unanswered,
    }


def held(soak: Soak, said: Said) -> dict[str, Any]:
    """Growth of memory after the warm-up; descriptors, threads and children of its first and last tenth, and the most.

    The latter are compared while nothing is cut and no viewer is open.

    Raises:
        ValueError: the run was too short.
    """
    first = soak.samples[0].at if soak.samples else 0.0
    length = soak.samples[-1].at - first if soak.samples else 0.0
    kept = [sample for sample in soak.samples if sample.at - first >= min(_WARM_UP * length, _WARM_UP_S)]
    if len(kept) < _FEWEST:
        raise ValueError(f"{len(kept)} samples after the warm-up are too few; make the run longer or --every smaller")
    hours = [sample.at / 3600 for sample in kept]
    middle, low, high = slope(hours, [sample.rss_mb for sample in kept])
    answer: dict[str, Any] = {
        "minutes": round(length / 60, 2),
        "slope_mb_per_hour": round(middle, 3),
        "slope_95_percent": [round(low, 3), round(high, 3)],
        "private_slope_mb_per_hour": round(slope(hours, [sample.private_mb for sample in kept])[0], 3),
        "children_slope_mb_per_hour": round(slope(hours, [sample.children_rss_mb for sample in kept])[0], 3),
        "rss_mb_median": round(median(sample.rss_mb for sample in kept), 1),
        "rss_mb_peak": round(max(sample.rss_mb for sample in soak.samples), 1),
        "private_mb_median": round(median(sample.private_mb for sample in kept), 1),
        "children_rss_mb_median": round(median(sample.children_rss_mb for sample in kept), 1),
    }
    calm = _calm(kept, soak.cuts, said)
    tenth = max(1, len(calm) // 10)
    for what in ("handles", "threads", "children"):
        ends = [median(getattr(sample, what) for sample in end) for end in (calm[:tenth], calm[-tenth:]) if end]
        answer[f"{what}_first_last_most"] = [*map(int, ends), max(getattr(sample, what) for sample in kept)]
    return answer


def _calm(samples: Sequence[Holding], cuts: Sequence[Cut], said: Said) -> list[Holding]:
    spans = [(cut.began, cut.back + _SETTLED_S) for cut in cuts]
    visits = [entry for entry in said if entry["event"] == "viewer"]
    opened = [entry["at"] for entry in visits if "pid" in entry]
    closed = [entry["at"] for entry in visits if "sent" in entry]
    starting_s = 30.0  # what a viewer may take to open
    spans += [(began - starting_s, end + 1.0) for began, end in zip(opened, [*closed, 1e18], strict=False)]
    return [sample for sample in samples if not any(low <= sample.at <= high for low, high in spans)]


def _after_cuts(shown: Sequence[Shown], cuts: Sequence[Cut]) -> dict[str, Any]:
    came_back = recoveries(shown, cuts)
    answered, end = list(zip(came_back, cuts, strict=True)), max((one.at for one in shown), default=0.0)
    over = gaps(shown, cuts)
    long = [kept for seconds, kept in over if seconds > _ENDED_S]
    short = [kept for seconds, kept in over if seconds <= _KEPT_S]
    kinds: dict[str, list[float]] = {"all": []}
    for seconds, cut in answered:
        if seconds is not None:
            kinds["all"].append(seconds)
            kinds.setdefault(cut.kind, []).append(seconds)
    return {
        "cuts": {kind: sum(cut.kind == kind for cut in cuts) for kind in sorted({cut.kind for cut in cuts})},
        "cuts_not_recovered": sum(seconds is None for seconds, cut in answered if cut.back < end - _TIME_TO_S),
        "recovery_s_min_median_max": {
            kind: [round(f(values), 2) for f in (min, median, max)] for kind, values in kinds.items() if values
        },
        "gaps_to_2_s": len(short),
        "ids_kept_over_these": sum(short),
        "gaps_over_6_s": len(long),
        "ids_kept_over_those": sum(long),
    }
