"""Intrinsics from a calibration file as OpenCV writes it (YAML, JSON or XML)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from stream3d.errors import SettingsError
from stream3d.geometry import Camera

_MATRIX = ("camera_matrix", "cameraMatrix", "K", "intrinsic_matrix")
_DISTORTION = ("distortion_coefficients", "dist_coeffs", "distCoeffs", "dist_coeff", "D")
_SIZE = (("image_width", "image_height"), ("width", "height"))
_MAX_BYTES = 1 << 20


def load_camera(path: Path) -> Camera:
    """The camera of a calibration file.

    Wanted are ``camera_matrix`` 3 x 3, ``image_width``, ``image_height`` and, optional, ``distortion_coefficients``.

    Raises:
        SettingsError: the file cannot be read, or lacks or contradicts what is needed.
    """
    import cv2

    if not path.is_file():
        raise SettingsError(f"--camera {path}: there is no such file")
    if path.stat().st_size > _MAX_BYTES:
        raise SettingsError(f"--camera {path}: {path.stat().st_size} bytes is too large for a calibration file")
    try:
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
        matrix = _node(storage, _MATRIX)
        distortion = _node(storage, _DISTORTION)
        sizes = [(storage.getNode(w).real(), storage.getNode(h).real()) for w, h in _SIZE]
        storage.release()
    except (cv2.error, SystemError) as error:
        raise SettingsError(f"--camera {path} is not a calibration file of OpenCV (YAML, JSON or XML)") from error
    if matrix is None or matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise SettingsError(f"--camera {path} has no finite 3 x 3 matrix called {' or '.join(_MATRIX)}")
    width, height = next(((w, h) for w, h in sizes if w > 0 and h > 0), (0.0, 0.0))
    if not width:
        raise SettingsError(f"--camera {path} does not say image_width and image_height")
    return Camera(
        fx=float(matrix[0, 0]),
        fy=float(matrix[1, 1]),
        cx=float(matrix[0, 2]),
        cy=float(matrix[1, 2]),
        width=int(width),
        height=int(height),
        origin=f"calibration file {path.name}",
        distortion=() if distortion is None or not distortion.any() else tuple(map(float, distortion.ravel())),
    )


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


def _node(storage: object, names: tuple[str, ...]) -> np.ndarray | None:
    for name in names:
        node = storage.getNode(name)  # type: ignore[attr-defined]
        if not node.empty():
            matrix = node.mat()
            return None if matrix is None else np.asarray(matrix, np.float64)
    return None
