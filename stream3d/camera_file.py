"""Intrinsics from a calibration file as OpenCV writes it (YAML, JSON or XML)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError
from stream3d.geometry import Camera

_MATRIX = ("camera_matrix", "cameraMatrix", "K", "intrinsic_matrix")
_DISTORTION = ("distortion_coefficients", "dist_coeffs", "distCoeffs", "dist_coeff", "D")
_SIZE = (("image_width", "image_height"), ("width", "height"))
_MAX_BYTES = 1 << 20
# OpenCV's parser calls itself for whatever nests, and a few thousand levels are the end of a small stack: so what can
# begin a level is counted beforehand. A calibration has some dozens.
_LEVELS = re.compile(r"[\[{<:]|-\s")
_MOST_LEVELS = 1000
_DISTORTIONS = (4, 5, 8, 12, 14)  # how many coefficients OpenCV's lens models have
_LARGEST_SIDE = 1 << 20
_MOST_NUMBERS = 64


def load_camera(path: Path) -> Camera:
    """The camera of a calibration file.

    Wanted are ``camera_matrix`` 3 x 3, ``image_width``, ``image_height`` and, optional, ``distortion_coefficients``.

    Raises:
        SettingsError: the file cannot be read, or lacks or contradicts what is needed.
    """
    import cv2

    text = _text(path)
    try:
        # From memory: given a name, OpenCV would unpack what is packed, without a limit.
        storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        matrix = _numbers(storage, _MATRIX)
        distortion = _numbers(storage, _DISTORTION)
        sizes = [(_number(storage.getNode(w)), _number(storage.getNode(h))) for w, h in _SIZE]
        storage.release()
    except (cv2.error, SystemError) as error:
        raise SettingsError(f"--camera {path} is not a calibration file of OpenCV (YAML, JSON or XML)") from error
    if matrix is None or matrix.size != 9 or not np.isfinite(matrix).all():
        raise SettingsError(f"--camera {path} has no finite 3 x 3 matrix called {' or '.join(_MATRIX)}")
    width, height = next(((w, h) for w, h in sizes if w > 0 and h > 0), (0.0, 0.0))
    if not 1 <= min(width, height) <= max(width, height) <= _LARGEST_SIDE:
        raise SettingsError(f"--camera {path} does not say image_width and image_height")
    if distortion is not None and (distortion.size not in _DISTORTIONS or not np.isfinite(distortion).all()):
        raise SettingsError(
            f"--camera {path}: {distortion.size} distortion coefficients; OpenCV's lenses have one of"
            f" {', '.join(map(str, _DISTORTIONS))}, all finite"
        )
    return Camera(
        fx=float(matrix[0]),
        fy=float(matrix[4]),
        cx=float(matrix[2]),
        cy=float(matrix[5]),
        width=int(width),
        height=int(height),
        origin=f"calibration file {path.name}",
        distortion=() if distortion is None or not distortion.any() else tuple(map(float, distortion)),
    )


def _text(path: Path) -> str:
    """The file, if it is small, text, and no deeper than OpenCV can read it."""
    try:
        if not path.is_file():
            raise SettingsError(f"--camera {path}: there is no such file")
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"--camera {path} cannot be read: {error.strerror or error}") from error
    if len(data) > _MAX_BYTES:
        raise SettingsError(f"--camera {path}: more than {_MAX_BYTES} bytes is too large for a calibration file")
    text = data.decode("utf-8", "replace")
    if "\0" in text or len(_LEVELS.findall(text)) > _MOST_LEVELS:
        raise SettingsError(f"--camera {path} is not a calibration file of OpenCV: no text, or nested too deeply")
    return text


def scaled_to(camera: Camera, width: int, height: int) -> Camera:
    """The same camera for pictures of another size.

    Raises:
        SettingsError: the shapes of the pictures differ by more than 1 %.
    """
    if (camera.width, camera.height) == (width, height):
        return camera
    across, down = width / camera.width, height / camera.height
    if abs(across / down - 1) > 0.01:
        raise SettingsError(
            f"the camera is calibrated for {camera.width} x {camera.height}, the picture is {width} x {height}: "
            "their shapes differ, so the calibration does not fit"
        )
    return replace(
        camera,
        fx=camera.fx * across,
        fy=camera.fy * down,
        cx=camera.cx * across,
        cy=camera.cy * down,
        width=width,
        height=height,
    )


def _number(node: Any) -> float:
    return float(node.real()) if node.isInt() or node.isReal() else 0.0


def _numbers(storage: Any, names: tuple[str, ...]) -> npt.NDArray[np.float64] | None:
    """The numbers of the first node of these names, flat; None if there is none, or it is no matrix.

    They are taken one by one, since OpenCV 5 ends the process over matrices that lack a size.
    """
    for name in names:
        node = storage.getNode(name)
        if not node.empty():
            data = node.getNode("data") if node.isMap() else node
            items = [data.at(place) for place in range(data.size())] if data.isSeq() else []
            known = items and len(items) <= _MOST_NUMBERS and all(item.isInt() or item.isReal() for item in items)
            return np.array([item.real() for item in items], np.float64) if known else None
    return None
