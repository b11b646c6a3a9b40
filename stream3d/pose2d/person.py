"""People in a whole picture by the project's own detector: decoding, suppression, regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine, EngineSettings, make_engine, on_gpu
from stream3d.nets.person import SIZE, describe_person, person_spec
from stream3d.nets.person import cells as cells_of
from stream3d.planes import Planes
from stream3d.pose2d.detect import input_shape, iou
from stream3d.pose2d.glance import BUCKETS, Glance, Glancer, Glances
from stream3d.pose2d.protocol import Found
from stream3d.pose2d.regions import regions_from_points

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

_OVERLAP = 0.6  # IoU above which two boxes are one person: people side by side share less
_MOST = 300  # answers that are looked at
CANDIDATE = 0.2
"""Score from which a region is worth a look of a net of keypoints that knows how far to believe itself."""

cells = cache(cells_of)


@dataclass(frozen=True, kw_only=True, slots=True)
class Persons:
    """People in a picture, best first.

    ``boxes`` float32 [R, 4] = x0, y0, x1, y1, ``hips`` and ``edge`` (of the circle round the body) float32 [R, 2], all
    pixels; ``scores`` float32 [R].
    """

    boxes: Float32
    hips: Float32
    edge: Float32
    scores: Float32

    def regions(self) -> Float32:
        """Regions float32 [R, 4], see regions.py."""
        return regions_from_points(self.hips, self.edge)

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Persons:
        """Some of them."""
        return Persons(boxes=self.boxes[rows], hips=self.hips[rows], edge=self.edge[rows], scores=self.scores[rows])


def decode(boxes: Float32, scores: Float32, *, height: int, width: int, min_score: float) -> Persons:
    """People from the answers of one picture: ``boxes`` [N, 8], ``scores`` [N], see ``nets.person.person_spec``."""
    rows = np.flatnonzero(scores >= min_score)
    rows = rows[np.argsort(-scores[rows], kind="stable")][:_MOST]
    raw, centre = boxes[rows], cells(height, width)[rows]
    hips = centre + raw[:, 4:6]
    ends = np.concatenate([centre - raw[:, :2], centre + raw[:, 2:4]], 1)
    found = Persons(boxes=ends, hips=hips, edge=hips + raw[:, 6:8], scores=scores[rows])
    return found[suppressed(found.boxes, _OVERLAP)]


def suppressed(boxes: Float32, overlap: float) -> npt.NDArray[np.int64]:
    """Rows of ``boxes`` [N, 4], best first, that are left when each hides what overlaps it by more than ``overlap``."""
    keep: list[int] = []
    rest = np.arange(len(boxes))
    while len(rest):
        keep.append(int(rest[0]))
        rest = rest[1:][iou(boxes[rest[0]], boxes[rest[1:]]) <= overlap]
    return np.array(keep, np.int64)


class PersonNetDetector:
    """Looks at a whole picture once; a `PersonDetector`.

    ``engine_for`` (height, width) gives the engine of an input of that shape; ``size`` is its longer side in pixels,
    a multiple of 32: larger ones find smaller people and cost by the square. ``glancer`` shrinks pictures; by default
    the CPU.
    """

    takes_planes = True

    def __init__(
        self,
        engine_for: Callable[[int, int], Engine],
        *,
        size: int = SIZE,
        min_score: float = 0.5,
        confirm_score: float = 0.3,
        glancer: Glancer | None = None,
    ) -> None:
        self.size = size
        self.min_score, self.confirm_score = min_score, min(min_score, confirm_score)
        self._glances = Glances(engine_for, glancer)
        self.uploads = self._glances.uploads

    def __call__(self, image: UInt8 | Planes) -> Found:
        """Find people in ``image``: uint8 [H, W, 3] RGB, or planes."""
        return self.together([image])[0]

    def together(self, images: Sequence[UInt8 | Planes]) -> list[Found]:
        """Find people in each of ``images``; those of one shape are looked at in one call of the net."""
        people = self._people(images)
        return [Found(regions=some.regions(), scores=some.scores) for some in people]

    def people(self, image: UInt8 | Planes) -> Persons:
        """Their boxes too."""
        return self._people([image])[0]

    def _people(self, images: Sequence[UInt8 | Planes]) -> list[Persons]:
        shapes = [input_shape(image.shape[1], image.shape[0], self.size) for image in images]
        return [self._decoded(glance) for glance in self._glances(images, shapes)]

    def _decoded(self, glance: Glance) -> Persons:
        (height, width), scale, offset = glance.shape, glance.scale, glance.offset
        found = decode(glance.boxes, glance.scores, height=height, width=width, min_score=self.confirm_score)
        return Persons(
            boxes=((found.boxes - np.tile(offset, 2)) / np.tile(scale, 2)).astype(np.float32),
            hips=((found.hips - offset) / scale).astype(np.float32),
            edge=((found.edge - offset) / scale).astype(np.float32),
            scores=found.scores,
        )

    def describe(self) -> dict[str, str]:
        """The engine it runs on, once one was needed, and the shapes of its inputs."""
        return self._glances.describe()


def person_detector(
    weights: Path | None = None,
    engine: EngineSettings | None = None,
    *,
    size: int = SIZE,
    min_score: float | None = None,
    confirm_score: float | None = None,
    glancer: Glancer | None = None,
) -> PersonNetDetector:
    """The detector of a file of weights, or of the one that ships.

    A newcomer needs a score of ``min_score``, by default the threshold that the file names; who is followed already is
    confirmed from ``confirm_score`` on, by default 0.6 times that.

    Raises:
        ModelMissingError: no such file.
        ModelError: it is not a person detector's.
        EngineError: the net cannot be compiled here.
    """
    said = describe_person(weights)

    buckets = BUCKETS if on_gpu(engine) else (1,)

    def engine_for(height: int, width: int) -> Engine:
        return make_engine(replace(person_spec(height, width, weights=weights), buckets=buckets), engine)

    least = said.threshold if min_score is None else min_score
    lower = 0.6 * least if confirm_score is None else confirm_score
    return PersonNetDetector(engine_for, size=size, min_score=least, confirm_score=lower, glancer=glancer)
