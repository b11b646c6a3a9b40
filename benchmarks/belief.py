"""Whether scores of joints mean what they say, on photographs that nothing was trained on.

``python -m benchmarks.belief --data DIR [--every N]``: our landmark net and MediaPipe's in the regions that marks give.
Of joints that say 0.9, nine in ten should be where somebody marked them (within COCO's tolerance); one that nobody
marked on a person of whom others are marked is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.common import make_parser, table, write_json
from stream3d.nets.blazepose import LANDMARK_WEIGHTS
from stream3d.nets.blazepose_torch import landmarker_from, load_landmarker
from stream3d.nets.graph_file import notes_of
from stream3d.pose2d.belief import Belief, belief_of, covariances
from stream3d.skeleton import BLAZEPOSE33
from train.detector.photos import TEST, Photos
from train.landmarks.calibrate import judgements, normalised
from train.landmarks.net import trainable
from train.landmarks.people import People, people_in
from train.landmarks.targets import COCO_ROWS, likeness
from train.landmarks.validate import Read, read

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_BINS = 10
_SEES = 0.5  # presence from which a net's joints are judged
_ONE, _TWO = 1.0, 4.0  # squares of distances in standard deviations; 39.3 and 86.5 % of a plane's lie within


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, print and write."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the photographs")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th photograph")
    given = parser.parse_args(argv)
    photos = Photos(given.data)
    people = people_in(photos, photos.chosen(TEST)[:: given.every])
    belief = belief_of(notes_of(LANDMARK_WEIGHTS), BLAZEPOSE33.size)
    nets = {"stream3d": (landmarker_from(LANDMARK_WEIGHTS), belief), "blazepose": (load_landmarker(), None)}
    results: dict[str, Any] = {}
    for name, (net, own) in nets.items():
        results[name] = judged(read(trainable(net, 0), photos, people.photo, people.by_circle()), people, own)
    write_json("belief", {"people": len(people.photo), "nets": results}, given.out)
    print(
        table(
            ("net", "error", "Brier", "joints"), [(n, r["error"], r["brier"], r["joints"]) for n, r in results.items()]
        )
    )
    for name, said in results.items():
        print(name, *(f"{score:.2f}:{share:.2f}" for score, share, _ in said["bins"]), said.get("within", ""))


def judged(said: Read, people: People, belief: Belief | None) -> dict[str, Any]:
    """How far the scores of a net are from the shares of right joints."""
    able, right = judgements(people.keypoints, likeness(said.points, people.keypoints, people.scale()))
    able &= said.person[:, None] > _SEES
    body = slice(0, BLAZEPOSE33.size)
    scores = (
        said.seen if belief is None else belief.scores(said.seen[:, body], said.peak[:, body], said.spread[:, body])
    )
    chosen = scores[:, COCO_ROWS][able].astype(np.float64)
    error, bins = reliability(chosen, right[able])
    out = {"joints": len(chosen), "error": round(error, 4), "bins": bins}
    out["brier"] = round(float(np.mean((chosen - right[able]) ** 2)), 4)
    if belief is not None:
        spread = covariances(said.spread[:, COCO_ROWS], people.by_circle(), belief.doubt)
        squares = normalised(said.points[:, COCO_ROWS] - people.keypoints[..., :2], spread)
        squares = squares[able & right & np.isfinite(squares)]
        out["within"] = [round(float((squares < limit).mean()), 4) for limit in (_ONE, _TWO)]
    return out


def reliability(scores: Floats, right: Bools) -> tuple[float, list[list[float]]]:
    """Expected calibration error (Guo et al. 2017), and mean score, share of right ones and number in each bin."""
    place = np.minimum((scores * _BINS).astype(np.int64), _BINS - 1)
    bins = [(scores[place == k], right[place == k]) for k in range(_BINS)]
    rows = [[round(float(s.mean()), 4), round(float(r.mean()), 4), len(s)] for s, r in bins if len(s)]
    error = sum(count * abs(score - share) for score, share, count in rows) / max(len(scores), 1)
    return float(error), rows


if __name__ == "__main__":
    main()
