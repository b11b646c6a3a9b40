"""From ``--detector FILE`` and ``--keypoints FILE`` to nets that the 2D room can use.

FILE is an ONNX file with a TOML of the same name beside it, or the TOML, which names its ONNX file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream3d.engine import EngineSettings, make_engine
from stream3d.errors import LayoutError, SettingsError
from stream3d.nets.onnx_file import look_over
from stream3d.nets.spec import OnnxSpec
from stream3d.pose2d.own.cards import (
    DETECTORS,
    KEYPOINTS,
    BoxesCard,
    CropCard,
    NetCard,
    OneStageCard,
    YoloxCard,
)
from stream3d.pose2d.own.detectors import OnnxDetector
from stream3d.pose2d.own.keypoints import OnnxKeypoints
from stream3d.pose2d.own.onestage import OnnxOneStage
from stream3d.pose2d.own.signature import spec_of
from stream3d.settings import from_table, load_toml

_PRESETS = Path(__file__).parents[2] / "data"
_PREFIX = "preset-"
_LARGEST_TOML = 1 << 16
_EXAMPLE = {"--detector": 'preset = "yolox"', "--keypoints": 'preset = "rtmpose"'}


def detector_from(file: str, engine: EngineSettings | None = None) -> OnnxDetector:
    """The detector in a file.

    Raises:
        SettingsError: there is no TOML, or it says what cannot be.
        ModelError: the ONNX file is missing, malformed, or not what its TOML says.
        DeviceError: a device or runtime was asked for that ONNX nets do not run on.
    """
    card, spec = _opened(file, "--detector")
    assert isinstance(card, YoloxCard | BoxesCard)  # noqa: S101
    return OnnxDetector(card, spec, make_engine(spec, engine))


def keypoints_from(file: str, engine: EngineSettings | None = None) -> OnnxKeypoints | OnnxOneStage:
    """The net of keypoints in a file.

    Raises:
        SettingsError: there is no TOML, or it says what cannot be.
        ModelError: the ONNX file is missing, malformed, or not what its TOML says.
        DeviceError: a device or runtime was asked for that ONNX nets do not run on.
    """
    card, spec = _opened(file, "--keypoints")
    if isinstance(card, OneStageCard):
        return OnnxOneStage(card, spec, make_engine(spec, engine))
    assert isinstance(card, CropCard)  # noqa: S101
    return OnnxKeypoints(card, spec, make_engine(spec, engine))


def presets() -> dict[str, Path]:
    """The TOML files that ship, by the name they are called by."""
    return {path.stem.removeprefix(_PREFIX): path for path in sorted(_PRESETS.glob(f"{_PREFIX}*.toml"))}


def load_card(path: Path, flag: str) -> NetCard:
    """What a TOML file says, its preset filled in.

    Raises:
        SettingsError: it cannot be read, or says what cannot be.
    """
    if path.is_file() and path.stat().st_size > _LARGEST_TOML:
        raise SettingsError(f"{flag} {path} has {path.stat().st_size} bytes; a TOML has at most {_LARGEST_TOML}")
    table = _filled(load_toml(path, flag), path)
    kinds = {**DETECTORS, **KEYPOINTS}
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise SettingsError(
            f"{path} must say kind = one of {', '.join(map(repr, kinds))}, not {kind!r}; "
            f"or preset = one of {', '.join(map(repr, presets()))}"
        )
    try:
        return from_table(kinds[kind], table, path.name)
    except LayoutError as error:
        raise SettingsError(f"{path}: {error}") from error


def _filled(table: dict[str, Any], path: Path) -> dict[str, Any]:
    name = table.pop("preset", None)
    if name is None:
        return table
    if name not in presets():
        raise SettingsError(f"{path} has no preset {name!r} to begin with; known are {', '.join(presets())}")
    return {**load_toml(presets()[name], "preset"), **table}


def _opened(file: str, flag: str) -> tuple[NetCard, OnnxSpec]:
    toml = _toml_of(Path(file), flag)
    card = load_card(toml, flag)
    right, other = (DETECTORS, "--keypoints") if flag == "--detector" else (KEYPOINTS, "--detector")
    if card.kind not in right:
        raise SettingsError(
            f"{flag} {file} is of kind {card.kind!r}: give it as {other}; {flag} takes the kinds {', '.join(right)}"
        )
    weights = toml.parent / card.weights if card.weights else toml.with_suffix(".onnx")
    return card, spec_of(card, look_over(weights))


def _toml_of(path: Path, flag: str) -> Path:
    if path.suffix == ".toml":
        return path
    if path.suffix != ".onnx":
        raise SettingsError(f"{flag} {path} must be an .onnx file with a .toml beside it, or a .toml; see docs/nets.md")
    toml = path.with_suffix(".toml")
    if not path.is_file():
        raise SettingsError(f"{flag} {path}: there is no such file")
    if not toml.is_file():
        raise SettingsError(
            f"{flag} {path}: what goes in and what comes out must stand in a file {toml.name} beside it, such as one "
            f"line: {_EXAMPLE[flag]}  (presets: {', '.join(presets())}; all keys: docs/nets.md). If nothing can be "
            f"written there, give {flag} a .toml elsewhere that also says weights = {str(path)!r}"
        )
    return toml
