"""The 2D room on a one-stage net: everybody and their keypoints in every frame, without regions to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stream3d.pose2d.ahead import Ahead
from stream3d.pose2d.appearance import appearance
from stream3d.pose2d.protocol import Found, Landmarks, OneStageNet, nobody_found
from stream3d.pose2d.regions import same_person
from stream3d.pose2d.settings import PoseSettings
from stream3d.pose2d.shown import shown
from stream3d.pose2d.told import told
from stream3d.skeleton import H36M17, Layout, conversion
from stream3d.values import Detections2D, Frame

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


class OneStageEstimator:
    """Finds people and their keypoints with one net, which looks at every frame; remembers nothing.

    Raises:
        LayoutError: the keypoints are of a layout that nothing can be lifted from.
    """

    def __init__(self, net: OneStageNet, settings: PoseSettings | None = None) -> None:
        conversion(net.layout, H36M17)
        self._net = net
        self._settings = settings or PoseSettings()

    @property
    def layout(self) -> Layout:
        """Of the keypoints."""
        return self._net.layout

    def __call__(
        self,
        frame: Frame,
        regions: Float32,
        *,
        searching: bool = False,  # noqa: ARG002
        ahead: Ahead | None = None,
    ) -> Detections2D:
        """The people in ``frame``.

        ``regions`` float32 [R, 4] are where tracking expects people: who is seen there needs less belief than a
        newcomer. ``searching`` changes nothing, since the whole picture is looked at anyway; what is known ``ahead``
        is not asked of the net again.
        """
        seen = (ahead.seen if ahead is not None else None) or self.read(frame, regions)
        origin = matched(seen.regions, regions)
        believed = np.where(origin >= 0, self._net.confirm_score, self._net.min_score)
        good = (seen.presence >= believed) & np.isfinite(seen.regions).all(1)
        keep = np.flatnonzero(good)[: self._settings.max_people]
        everybody = np.ones(len(keep), np.bool_)
        return told(frame, seen.rows(keep), self.layout, origin[keep], everybody, looked=True)

    def look(self, frame: Frame) -> Found:  # noqa: ARG002
        """Nobody: the net that reads finds people itself."""
        return nobody_found()

    def read(self, frame: Frame, regions: Float32) -> Landmarks:  # noqa: ARG002
        """Everybody in ``frame``, wherever they are."""
        return self._net(shown(self._net, frame))

    def look_together(self, frames: Sequence[Frame]) -> list[Found]:
        """Nobody in each of ``frames``."""
        return [nobody_found() for _ in frames]

    def read_together(self, frames: Sequence[Frame], regions: Sequence[Float32]) -> list[Landmarks | None]:
        """As ``read``, one frame after the other."""
        return [self.read(frame, some) for frame, some in zip(frames, regions, strict=True)]

    def will_look(self, frame: Frame, regions: Float32, *, searching: bool) -> bool:  # noqa: ARG002
        """Never: there is no detector."""
        return False

    def forget(self, source_id: str) -> None:
        """Nothing is remembered."""

    def describe(self) -> dict[str, dict[str, str]]:
        """The engine it runs on."""
        return {"keypoints": self._net.describe()}

    def warm(self, width: int, height: int) -> None:
        """Build and run the net once."""
        black = np.zeros((height, width, 3), np.uint8)
        seen = self._net(black)
        appearance(black, seen.keypoints, self.layout)


def matched(found: Float32, expected: Float32) -> Int64:
    """int64 [N]: which of the ``expected`` regions [R, 4] each ``found`` one [N, 4] is, -1 for none.

    The nearest pairs first, each region once.
    """
    out = np.full(len(found), -1, np.int64)
    pairs = []
    for row, region in enumerate(found):
        near = np.hypot(*(expected[:, :2] - region[:2]).T)
        pairs += [(float(near[k]), row, int(k)) for k in np.flatnonzero(same_person(region, expected))]
    for _, row, k in sorted(pairs):
        if out[row] < 0 and k not in out:
            out[row] = k
    return out
