"""What the rooms hand to each other: frozen values that check their own shapes at the door.

Spaces: pixels are of the upright source image with pixel centres at +0.5. Camera space is OpenCV's: x right, y down,
z forward, metres. Times: ``pts`` is media time in seconds; ``captured_at`` is the process's monotonic clock in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self, overload

import numpy as np
import numpy.typing as npt

from stream3d.errors import ShapeError
from stream3d.planes import LazyPicture, Planes
from stream3d.skeleton import Layout

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]
Bool = npt.NDArray[np.bool_]


def _check(name: str, array: npt.NDArray[np.generic], dtype: type[np.generic], shape: tuple[int | None, ...]) -> None:
    """Raise ShapeError unless ``array`` has ``dtype`` and ``shape`` (None = any length)."""
    # a dozen times a frame, so by the dtype's type: to compare dtypes takes longer than all the rest
    if not isinstance(array, np.ndarray) or array.dtype.type is not dtype or not _fits(array.shape, shape):
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise ShapeError(f"{name} must be {dtype.__name__} [{wanted}], not {array.dtype} {list(array.shape)}")


def _fits(given: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    if len(given) != len(wanted):
        return False
    for side, length in zip(wanted, given, strict=True):  # noqa: SIM110 - all() of a generator takes twice as long
        if side is not None and side != length:
            return False
    return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """Where and when a value comes from; every value that flows through the rooms carries it from end to end."""

    source_id: str
    index: int
    pts: float
    captured_at: float


class _Image:
    """The field ``Frame.image``: takes an array or a picture that is still to be converted, gives an array."""

    @overload
    def __get__(self, frame: None, owner: type[Frame]) -> Self: ...
    @overload
    def __get__(self, frame: Frame, owner: type[Frame]) -> UInt8: ...
    def __get__(self, frame: Frame | None, owner: type[Frame]) -> Self | UInt8:
        if frame is None:
            raise AttributeError("image")  # so that dataclass sees a field without a default
        held: UInt8 | LazyPicture = frame.__dict__["image"]
        return held.image() if isinstance(held, LazyPicture) else held

    def __set__(self, frame: Frame, value: UInt8 | LazyPicture) -> None:
        frame.__dict__["image"] = value


@dataclass(frozen=True, kw_only=True)
class Frame(Stamp):
    """One decoded picture, upright.

    ``image`` uint8 [H, W, 3] RGB; of a picture that was given as ``LazyPicture`` it is made when it is first asked for.
    ``name`` is the file name for an image, empty for video; ``corrupt`` says that the decoder reported damage.

    Raises:
        ShapeError: the image is not uint8 [H, W, 3].
    """

    image: _Image = _Image()
    name: str = ""
    corrupt: bool = False

    def __post_init__(self) -> None:
        if self.planes is None:
            _check("Frame.image", self.image, np.uint8, (None, None, 3))

    @property
    def planes(self) -> Planes | None:
        """The picture as the decoder left it; None where there is only ``image``."""
        held = self.__dict__["image"]
        return held.planes if isinstance(held, LazyPicture) else None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        high, wide, _ = (self.planes or self.image).shape
        return wide, high

    @property
    def stamp(self) -> Stamp:
        """The same origin and times without the picture."""
        return Stamp(source_id=self.source_id, index=self.index, pts=self.pts, captured_at=self.captured_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Poses2D(Stamp):
    """The people seen in one frame.

    ``keypoints`` float32 [P, J, 3] = x, y in pixels of the upright source image, score 0..1; NaN in x, y = not seen.

    Raises:
        ShapeError: the keypoints do not fit the layout.
    """

    keypoints: Float32
    layout: Layout

    def __post_init__(self) -> None:
        _check("Poses2D.keypoints", self.keypoints, np.float32, (None, self.layout.size, 3))

    def __len__(self) -> int:
        return len(self.keypoints)


@dataclass(frozen=True, kw_only=True, slots=True)
class Detections2D(Poses2D):
    """Poses as the 2D room hands them to tracking, with where each was found.

    ``presence`` float32 [P] 0..1, the net's belief that a person is there; ``regions`` float32 [P, 4] = centre x, y and
    side in pixels, rotation in radians (clockwise in the picture) of the square that the pose itself says it fills;
    ``origin`` int64 [P] = index of the given region that the pose was found in, -1 where the detector found it;
    ``looked`` says that the detector ran on this frame, and then ``confirmed`` bool [P] that it saw each pose too.
    ``appearance`` float32 [P, D], where somebody measured it, is what each looks like: rows of at most unit length
    whose scalar product is how alike two are. ``size`` is the picture's (width, height) in pixels, where known.
    ``covariances`` float32 [P, J, 3] = xx, xy, yy in pixels² are of the keypoints' errors, where the net tells.

    Raises:
        ShapeError: an array does not have P rows of its shape and dtype.
    """

    presence: Float32
    regions: Float32
    origin: Int64
    looked: bool
    confirmed: Bool
    appearance: Float32 | None = None
    size: tuple[int, int] | None = None
    covariances: Float32 | None = None

    def __post_init__(self) -> None:
        Poses2D.__post_init__(self)
        people = len(self.keypoints)
        _check("Detections2D.presence", self.presence, np.float32, (people,))
        _check("Detections2D.regions", self.regions, np.float32, (people, 4))
        _check("Detections2D.origin", self.origin, np.int64, (people,))
        _check("Detections2D.confirmed", self.confirmed, np.bool_, (people,))
        if self.appearance is not None:
            _check("Detections2D.appearance", self.appearance, np.float32, (people, None))
        if self.covariances is not None:
            _check("Detections2D.covariances", self.covariances, np.float32, (people, self.layout.size, 3))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tracks2D(Poses2D):
    """Poses with identity: ``person`` int64 [P], stable within a source, never reused.

    Raises:
        ShapeError: ``person`` is not int64 [P].
    """

    person: Int64

    def __post_init__(self) -> None:
        Poses2D.__post_init__(self)
        _check("Tracks2D.person", self.person, np.int64, (len(self.keypoints),))


@dataclass(frozen=True, kw_only=True, slots=True)
class Poses3D(Stamp):
    """The skeletons of one frame.

    ``joints`` float32 [P, J, 3] metres, camera space; ``sigma`` float32 [P, J] metres, 1 standard deviation of the
    distance from the truth (68 % of joints are within it, 95 % within 1.96 of it), relative to the pelvis;
    ``person`` int64 [P]; ``root`` float32 [P, 3] metres, camera space, is the pelvis; ``rotations`` float32 [P, J, 4]
    unit quaternions x, y, z, w, local to the parent, once solved.

    Raises:
        ShapeError: an array does not fit the layout or the number of people.
    """

    joints: Float32
    sigma: Float32
    person: Int64
    layout: Layout
    rotations: Float32 | None = None

    def __post_init__(self) -> None:
        people, joints = len(self.joints), self.layout.size
        _check("Poses3D.joints", self.joints, np.float32, (None, joints, 3))
        _check("Poses3D.sigma", self.sigma, np.float32, (people, joints))
        _check("Poses3D.person", self.person, np.int64, (people,))
        if self.rotations is not None:
            _check("Poses3D.rotations", self.rotations, np.float32, (people, joints, 4))

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def root(self) -> Float32:
        """float32 [P, 3] metres, camera space: the pelvis."""
        return self.joints[:, self.layout.names.index("pelvis")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """All that is known of one frame, as the sinks get it: the picture, the 2D tracks and the 3D skeletons.

    ``emitted_at`` is when it was known, by the monotonic clock that ``captured_at`` is of; NaN where nobody said.
    """

    frame: Frame
    tracks: Tracks2D
    poses: Poses3D
    emitted_at: float = math.nan

    @property
    def latency_s(self) -> float:
        """From capture to emission, in seconds."""
        return self.emitted_at - self.frame.captured_at
