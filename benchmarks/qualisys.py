"""Cameras from a calibration file of Qualisys Track Manager (``*.qca.txt``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera

Floats = npt.NDArray[np.float64]

_LARGEST_FILE = 1 << 20
_PER_PIXEL = 64.0  # its lengths on the sensor
_PER_METRE = 1000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A calibrated camera: intrinsics, ``camera_from_world`` float64 [3, 3] and ``position`` float64 [3] metres."""

    name: str
    camera: Camera
    camera_from_world: Floats
    position: Floats

    def from_world(self, points: Floats) -> Floats:
        """World points [..., 3] in camera space."""
        return np.asarray((points - self.position) @ self.camera_from_world.T)

    def to_world(self, points: Floats) -> Floats:
        """Camera-space points [..., 3] in the world."""
        return np.asarray(points @ self.camera_from_world + self.position)


def read_calibration(path: Path) -> list[View]:
    """All active cameras, by their serial numbers.

    Its camera axes are right, up and backward, its pixels have their centres at whole numbers, and rows ``r1k r2k r3k``
    of the transform are the world's axis k.

    Raises:
        TrackFileError: it is not such a file.
    """
    if not path.is_file() or path.stat().st_size > _LARGEST_FILE:
        raise TrackFileError(f"{path}: no calibration of at most {_LARGEST_FILE} bytes is there")
    text = path.read_bytes()
    if b"<!" in text:
        raise TrackFileError(f"{path}: declares XML entities, which no calibration needs")
    try:
        cameras = ElementTree.fromstring(text).findall("cameras/camera")  # noqa: S314 (no entities, small)
        views = [_view(camera) for camera in cameras if camera.get("active", "1") == "1"]
    except (ElementTree.ParseError, KeyError, ValueError, AttributeError) as error:
        raise TrackFileError(f"{path}: is not a Qualisys calibration: {error!r}") from error
    if not views:
        raise TrackFileError(f"{path}: holds no active camera")
    return views


def _view(camera: ElementTree.Element) -> View:
    inner, outer, area = (_numbers(camera, name) for name in ("intrinsic", "transform", "fov_video"))
    left, top = area["left"], area["top"]
    intrinsics = Camera(
        fx=inner["focalLengthU"] / _PER_PIXEL,
        fy=inner["focalLengthV"] / _PER_PIXEL,
        cx=inner["centerPointU"] / _PER_PIXEL - left + 0.5,
        cy=inner["centerPointV"] / _PER_PIXEL - top + 0.5,
        width=round(area["right"] - left + 1),
        height=round(area["bottom"] - top + 1),
        origin=f"calibration of {camera.attrib['serial']}",
        distortion=tuple(
            inner[name]
            for name in (
                "radialDistortion1",
                "radialDistortion2",
                "tangentalDistortion1",
                "tangentalDistortion2",
                "radialDistortion3",
            )
        ),
    )
    rows = np.array([[outer[f"r{row}{column}"] for column in (1, 2, 3)] for row in (1, 2, 3)])
    position = np.array([outer[axis] for axis in "xyz"]) / _PER_METRE
    return View(
        name=camera.attrib["serial"],
        camera=intrinsics,
        camera_from_world=np.diag([1.0, -1.0, -1.0]) @ rows,
        position=position,
    )


def _numbers(camera: ElementTree.Element, name: str) -> dict[str, float]:
    found = camera.find(name)
    if found is None:
        raise KeyError(f"camera {camera.get('serial')} has no <{name}>")
    return {key: float(value) for key, value in found.attrib.items()}
