"""How far joints move when another engine runs the nets: the built-in sample, end to end, against eager torch.

A run is a loop: where a person's joints are decides which crop is looked at next, so the last bit of a number becomes a
grey value of the next crop. Even engines that agree to five digits on one crop move joints by a tenth of a pixel here.
The bounds are about twice what OpenVINO's engines were seen to do; what a net does to one and the same crop is held
much closer, in ``build``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stream3d.engine import EngineSettings
from stream3d.pipeline import RunSettings, results
from stream3d.sample import load_truth
from stream3d.source import SourceSettings
from stream3d.values import Result

Array = npt.NDArray[np.float64]

REFERENCE = EngineSettings(engine="torch", device="cpu", precision="fp32")
SECONDS = 6.0
_SURE = 0.5  # score from which a keypoint of the reference counts


class Bound(NamedTuple):
    """How far an engine may move joints: in pixels of the picture, in millimetres in space.

    ``median`` and ``p95`` are over all joints of all frames; ``worse_mm`` is what the mean error against the truth may
    grow by; ``lost`` is the share of frames in which only one of the two found the person.
    """

    median_px: float
    p95_px: float
    median_mm: float
    p95_mm: float
    worse_mm: float
    lost: float


BOUNDS = {
    "fp32": Bound(median_px=0.25, p95_px=2.0, median_mm=3.0, p95_mm=30.0, worse_mm=1.0, lost=0.005),
    "fp16": Bound(median_px=0.5, p95_px=3.0, median_mm=7.0, p95_mm=50.0, worse_mm=1.5, lost=0.01),
    "bf16": Bound(median_px=1.0, p95_px=5.0, median_mm=14.0, p95_mm=80.0, worse_mm=2.0, lost=0.02),
    "int8": Bound(median_px=2.0, p95_px=10.0, median_mm=28.0, p95_mm=160.0, worse_mm=2.0, lost=0.02),
}
"""By precision; an engine that is beyond any part of its bound is refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """One engine against the reference; errors are the mean against the truth, about the pelvis."""

    engine: str
    precision: str
    frames: int
    lost: float
    median_px: float
    p95_px: float
    median_mm: float
    p95_mm: float
    error_mm: float
    reference_error_mm: float
    within: bool


class Seen(NamedTuple):
    """The sample's person in one frame: keypoints [J, 3] in pixels and joints [17, 3] in metres."""

    keypoints: Array
    joints: Array


def seen_by(engine: EngineSettings, seconds: float = SECONDS) -> dict[int, Seen]:
    """The person in every frame of the sample in which one was found."""
    settings = RunSettings(engine=engine, source=SourceSettings(end_s=seconds))
    found: list[Result] = [result for result in results("sample", settings) if len(result.poses)]
    return {
        r.frame.index: Seen(r.tracks.keypoints[0].astype(np.float64), r.poses.joints[0].astype(np.float64))
        for r in found
    }


def moved(engine: str, precision: str, ours: Mapping[int, Seen], theirs: Mapping[int, Seen]) -> Moved:
    """What lies between an engine's view of the sample, ``ours``, and the reference's."""
    both = sorted(ours.keys() & theirs.keys())
    bound = BOUNDS[precision]
    px = np.concatenate([_pixels(ours[k], theirs[k]) for k in both]) if both else np.array([np.inf])
    mm = np.concatenate([_millimetres(ours[k], theirs[k]) for k in both]) if both else np.array([np.inf])
    lost = len(ours.keys() ^ theirs.keys()) / max(1, len(ours.keys() | theirs.keys()))
    numbers = Bound(
        median_px=float(np.percentile(px, 50, method="higher")),
        p95_px=float(np.percentile(px, 95, method="higher")),
        median_mm=float(np.percentile(mm, 50, method="higher")),
        p95_mm=float(np.percentile(mm, 95, method="higher")),
        worse_mm=_error(ours, both) - _error(theirs, both),
        lost=lost,
    )
    return Moved(
        engine=engine,
        precision=precision,
        frames=len(both),
        error_mm=_error(ours, both),
        reference_error_mm=_error(theirs, both),
        within=all(value <= most for value, most in zip(numbers, bound, strict=True)),
        **{name: value for name, value in numbers._asdict().items() if name != "worse_mm"},
    )


def travelled(wanted: Sequence[EngineSettings]) -> list[Moved]:
    """Every engine on the sample, one after the other, against the reference.

    Raises:
        EngineError: an engine cannot be had here.
    """
    reference = seen_by(REFERENCE)
    return [moved(settings.engine, settings.precision, seen_by(settings), reference) for settings in wanted]


def table(report: Sequence[Moved]) -> str:
    """Plain text, one line per engine."""
    units = f"{'median px':>11}{'p95 px':>9}{'median mm':>11}{'p95 mm':>9}{'lost':>7}{'error mm':>10}{'eager has':>11}"
    lines = [f"{'sample':<10}{'precision':<10}{'frames':>7}{units}"]
    for row in report:
        moves = f"{row.median_px:>11.3f}{row.p95_px:>9.2f}{row.median_mm:>11.2f}{row.p95_mm:>9.1f}{row.lost:>7.1%}"
        truth = f"{row.error_mm:>10.1f}{row.reference_error_mm:>11.1f}"
        verdict = "" if row.within else "  outside its bound"
        lines.append(f"{row.engine:<10}{row.precision:<10}{row.frames:>7}{moves}{truth}{verdict}")
    return "\n".join(lines)


def _pixels(ours: Seen, theirs: Seen) -> Array:
    sure = theirs.keypoints[:, 2] >= _SURE
    distance: Array = np.linalg.norm(ours.keypoints[sure, :2] - theirs.keypoints[sure, :2], axis=-1)
    return np.where(np.isnan(distance), np.inf, distance)  # a joint that is lost has moved as far as can be


def _millimetres(ours: Seen, theirs: Seen) -> Array:
    distance: Array = 1e3 * np.linalg.norm(ours.joints - theirs.joints, axis=-1)
    return np.where(np.isnan(distance), np.inf, distance)


def _error(seen: Mapping[int, Seen], frames: list[int]) -> float:
    """Mean error of the joints about the pelvis, millimetres; infinite where there are none."""
    if not frames:
        return float("inf")
    joints, wanted = np.stack([seen[k].joints for k in frames]), load_truth().convention3d[frames].astype(np.float64)
    return 1e3 * float(np.linalg.norm((joints - joints[:, :1]) - (wanted - wanted[:, :1]), axis=-1).mean())
