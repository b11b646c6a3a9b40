"""What a TOML file says of a net: one dataclass per kind, its fields the keys.

Sizes are width, height in pixels; pixel values are 0..255; scores are 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream3d.errors import SettingsError
from stream3d.skeleton import H36M17, LAYOUTS, Layout, conversion


@dataclass(frozen=True, kw_only=True)
class NetCard:
    """What is said of every net.

    ``weights`` is the ONNX file, seen from the TOML's folder (default: of the same name); ``licence`` is shown, never
    judged; ``size`` is the input's where the ONNX leaves it open. ``channels``, ``mean`` and ``std``, in the order of
    ``channels``, are what the net wants its pixels to be; ``border`` fills what lies outside the image.

    Raises:
        SettingsError: a value out of its range.
    """

    kind: str
    weights: str = ""
    licence: str = ""
    size: tuple[int, ...] = ()
    channels: Literal["rgb", "bgr"] = "rgb"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    border: int = 0

    def __post_init__(self) -> None:
        if self.size and (len(self.size) != 2 or not all(16 <= side <= 4096 for side in self.size)):
            raise SettingsError(f"size must be [width, height], each 16 to 4096 pixels, not {list(self.size)}")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(std > 0 for std in self.std):
            raise SettingsError(
                f"mean and std must be three numbers each, std above 0, not {list(self.mean)}, {list(self.std)}"
            )
        if not 0 <= self.border <= 255:
            raise SettingsError(f"border must be 0 to 255, not {self.border}")


@dataclass(frozen=True, kw_only=True)
class WholePictureCard(NetCard):
    """What is said of nets that look at the whole picture.

    The picture lies in the ``corner`` (left, top) or the ``middle`` of the input; people of at least ``smallest``
    pixels of it are found, which decides how many tiles ``--min-height`` takes. A newcomer needs ``min_score``,
    whoever is followed already ``confirm_score``; of two boxes that share more than ``overlap`` (IoU) the better stays.
    """

    place: Literal["corner", "middle"] = "corner"
    border: int = 114
    min_score: float = 0.5
    confirm_score: float = 0.3
    overlap: float = 0.65
    smallest: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("min_score", "confirm_score", "overlap"):
            _check_share(name, getattr(self, name))
        if not 1 <= self.smallest <= 1024:
            raise SettingsError(f"smallest must be 1 to 1024 pixels of the input, not {self.smallest}")
        if self.confirm_score > self.min_score:
            raise SettingsError(f"confirm_score {self.confirm_score} must not be above min_score {self.min_score}")


@dataclass(frozen=True, kw_only=True)
class YoloxCard(WholePictureCard):
    """A detector's raw grid: ``output`` [1, N, 5 + C] = x, y, width, height, objectness, C classes (Ge et al. 2021).

    ``decoded`` says that boxes come in pixels, not per cell; ``person`` is the class of people.
    """

    output: str = ""
    strides: tuple[int, ...] = (8, 16, 32)
    decoded: bool = False
    person: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.strides or min(self.strides) < 1 or self.person < 0:
            raise SettingsError(f"strides {list(self.strides)} must be 1 or more, person {self.person} 0 or more")


@dataclass(frozen=True, kw_only=True)
class BoxesCard(WholePictureCard):
    """A detector that suppresses repetitions itself, as MMDeploy exports RTMDet and YOLOX.

    ``boxes`` [1, N, 5] = x0, y0, x1, y1 in pixels of the input, score; ``labels`` [1, N] the classes (an empty name
    where there are only people), of which ``person`` is that of people.
    """

    boxes: str = "dets"
    labels: str = "labels"
    person: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.person < 0:
            raise SettingsError(f"person must be a class, 0 or more, not {self.person}")


@dataclass(frozen=True, kw_only=True)
class JointsCard(NetCard):
    """What is said of nets that answer joints.

    ``layout`` names their order; a joint whose score is ``seen_score`` is as likely seen as not.

    Raises:
        SettingsError: the layout is unknown, or nothing can be lifted from it.
    """

    layout: str = "coco17"
    seen_score: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_share("seen_score", self.seen_score)
        if self.layout not in LAYOUTS:
            raise SettingsError(f"unknown layout {self.layout!r}; known are {', '.join(LAYOUTS)}")
        conversion(LAYOUTS[self.layout], H36M17)

    @property
    def joints(self) -> Layout:
        """The layout itself."""
        return LAYOUTS[self.layout]


@dataclass(frozen=True, kw_only=True)
class CropCard(JointsCard):
    """What is said of nets that look at the crop of one person.

    The crop is ``padding`` times as large as the person's box; ``min_presence`` is how sure of its better half of
    joints, on average, the net must be for there to be a person.
    """

    padding: float = 1.25
    min_presence: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_share("min_presence", self.min_presence)
        if not 0.5 <= self.padding <= 4.0:
            raise SettingsError(f"padding must be 0.5 to 4 times the box, not {self.padding}")


@dataclass(frozen=True, kw_only=True)
class SimccCard(CropCard):
    """One row of bins per axis and joint (Li et al. 2022, "SimCC"; RTMPose).

    ``x`` [B, J, width * split_ratio], ``y`` [B, J, height * split_ratio]; ``refine`` by the ``parabola`` through the
    best bin and its neighbours, or ``none``.
    """

    x: str = "simcc_x"
    y: str = "simcc_y"
    split_ratio: float = 2.0
    refine: Literal["none", "parabola"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.25 <= self.split_ratio <= 16:
            raise SettingsError(f"split_ratio must be 0.25 to 16 bins per pixel, not {self.split_ratio}")


@dataclass(frozen=True, kw_only=True)
class HeatmapCard(CropCard):
    """A picture per joint: ``output`` [B, J, h, w], as of HRNet, ViTPose and SimplePose.

    ``refine`` moves the best cell by a ``quarter`` towards its better neighbour, or to where the Gaussian round it
    peaks (``dark``: Zhang et al. 2020, on a map blurred with a kernel of ``blur`` cells, 0: as it is), or not
    (``none``). ``cells`` says where in the crop the cell k lies: ``origins`` at pixel k * stride (MSRA), ``corners``
    with the outermost cells on the outermost pixels (UDP), ``centres`` in the middle of its stride.
    """

    output: str = ""
    refine: Literal["none", "quarter", "dark"] = "quarter"
    blur: int = 11
    cells: Literal["origins", "corners", "centres"] = "origins"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.blur < 0 or (self.blur and self.blur % 2 == 0):
            raise SettingsError(f"blur must be 0 or an odd number of cells, not {self.blur}")


@dataclass(frozen=True, kw_only=True)
class OneStageCard(WholePictureCard, JointsCard):
    """People with their joints from the whole picture, as RTMO (Lu et al. 2024).

    ``boxes`` [1, N, 5] = x0, y0, x1, y1, score; ``keypoints`` [1, N, J, 3] = x, y, score; pixels of the input.
    """

    boxes: str = "dets"
    keypoints: str = "keypoints"


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise SettingsError(f"{name} must be above 0 and below 1, not {value}")


DETECTORS: dict[str, type[NetCard]] = {"yolox": YoloxCard, "boxes": BoxesCard}
KEYPOINTS: dict[str, type[NetCard]] = {"simcc": SimccCard, "heatmap": HeatmapCard, "one-stage": OneStageCard}
