"""What the readers of data sets hand on: frozen values that check their own shapes.

Pixels are of the upright image with pixel centres at +0.5, as everywhere in stream3d: readers of sets that count pixels
from 0 or from 1 at their centres have added or taken away the half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.errors import ShapeError
from stream3d.skeleton import Layout, convert

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Poses2DSet:
    """2D poses of single people, each by itself.

    ``keypoints`` float32 [N, J, 3] = x, y in pixels and confidence 0..1 (NaN, NaN, 0 = missing) in ``layout``'s order;
    ``images`` [N] are image names, or empty where the set has none; ``sizes`` int32 [N, 2] = width, height of each
    image in pixels, or None where the set does not say.

    Raises:
        ShapeError: an array does not fit, a coordinate is infinite, or a missing joint has a confidence.
    """

    keypoints: Float32
    layout: Layout
    images: tuple[str, ...] = ()
    sizes: Int32 | None = None

    def __post_init__(self) -> None:
        people = self.keypoints
        if people.dtype != np.float32 or people.ndim != 3 or people.shape[1:] != (self.layout.size, 3):
            wanted = f"float32 [N, {self.layout.size}, 3]"
            raise ShapeError(f"2D poses of {self.layout.name} are {wanted}, not {people.dtype} {list(people.shape)}")
        if self.images and len(self.images) != len(people):
            raise ShapeError(f"{len(people)} poses need as many image names or none, not {len(self.images)}")
        if self.sizes is not None and (self.sizes.dtype != np.int32 or self.sizes.shape != (len(people), 2)):
            raise ShapeError(f"sizes are int32 [{len(people)}, 2], not {self.sizes.dtype} {list(self.sizes.shape)}")
        seen = np.isfinite(people[..., :2]).all(-1)
        if np.isinf(people).any() or np.isnan(people[..., 2]).any() or (people[~seen] > 0).any():
            raise ShapeError("2D poses must be finite, or NaN, NaN, 0 where a joint is missing")

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def seen(self) -> Bool:
        """Which joints are there, [N, J]."""
        return np.isfinite(self.keypoints[..., 0])

    def to(self, layout: Layout) -> Poses2DSet:
        """The same poses in another layout, by the tables of stream3d.skeleton.

        Raises:
            LayoutError: the two layouts share too little.
        """
        people = convert(self.keypoints, self.layout, layout)
        return Poses2DSet(keypoints=people, layout=layout, images=self.images, sizes=self.sizes)

    def pick(self, rows: npt.NDArray[np.integer] | Bool) -> Poses2DSet:
        """Some of the poses, by index or mask [N]."""
        index = np.arange(len(self))[rows]
        return Poses2DSet(
            keypoints=self.keypoints[index],
            layout=self.layout,
            images=tuple(self.images[i] for i in index) if self.images else (),
            sizes=None if self.sizes is None else self.sizes[index],
        )


def with_gaps(xy: npt.NDArray[np.generic], confidence: npt.NDArray[np.generic]) -> Float32:
    """Keypoints float32 [..., J, 3] from x, y [..., J, 2] and a confidence [..., J]; 0 or less, or NaN = missing."""
    out = np.concatenate([xy, confidence[..., None]], -1).astype(np.float32)
    lost = ~(np.isfinite(out).all(-1) & (out[..., 2] > 0))
    out[lost] = (np.nan, np.nan, 0.0)
    return out
