"""Cameras, rays and the root in camera space: pure functions over arrays, shared by training and run time.

Camera space is OpenCV's (x right, y down, z forward, metres). A ray is (x / z, y / z): a point on the plane z = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError

Array = npt.NDArray[np.floating]

DEFAULT_FOV_DEG = 50.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """Pinhole intrinsics in pixels, pixel centres at +0.5; ``origin`` says where they came from.

    ``distortion`` are OpenCV's coefficients (k1, k2, p1, p2, k3, …), empty for none.

    Raises:
        SettingsError: a focal length or size is not positive and finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    origin: str
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("fx", "fy", "width", "height"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SettingsError(f"camera {name} must be positive, not {value}")

    @classmethod
    def from_fov(cls, width: int, height: int, fov_deg: float = DEFAULT_FOV_DEG, origin: str = "") -> Camera:
        """A camera whose longer side spans ``fov_deg`` degrees.

        Raises:
            SettingsError: the angle is not within (1, 179) degrees.
        """
        if not 1.0 < fov_deg < 179.0:
            raise SettingsError(f"the field of view must be between 1 and 179 degrees, not {fov_deg}")
        focal = max(width, height) / 2 / math.tan(math.radians(fov_deg) / 2)
        said = origin or f"assumed field of view of {fov_deg:g} degrees over the longer side"
        return cls(fx=focal, fy=focal, cx=width / 2, cy=height / 2, width=width, height=height, origin=said)


def pixels_to_rays(pixels: Array, camera: Camera) -> Array:
    """Rays [..., 2] of pixels [..., 2]; NaN stays NaN. Lens distortion is undone iteratively (OpenCV's model)."""
    if camera.distortion and pixels.size:
        pixels = _undistort(pixels, camera)
    return (pixels - np.array([camera.cx, camera.cy], pixels.dtype)) / np.array([camera.fx, camera.fy], pixels.dtype)


def _undistort(pixels: Array, camera: Camera) -> Array:
    import cv2  # only cameras with distortion pay for it

    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    flat = np.ascontiguousarray(pixels.reshape(-1, 1, 2), np.float64)
    out = cv2.undistortPoints(flat, matrix, np.array(camera.distortion), P=matrix)
    return np.asarray(out).reshape(pixels.shape).astype(pixels.dtype)


def project(points: Array, camera: Camera) -> Array:
    """Pixels [..., 2] of camera-space points [..., 3] in metres (no lens distortion)."""
    rays = points[..., :2] / points[..., 2:]
    return rays * np.array([camera.fx, camera.fy], points.dtype) + np.array([camera.cx, camera.cy], points.dtype)


def centring_rotation(root_rays: Array) -> Array:
    """Rotations [..., 3, 3] that bring the rays [..., 2] of the roots onto the optical axis.

    ``virtual = rotation @ camera``. Its rows are right, down and forward of a virtual camera that looks at the root and
    keeps the real camera's horizon (right stays in the x-z plane).
    """
    x, y = root_rays[..., 0], root_rays[..., 1]
    forward = np.stack([x, y, np.ones_like(x)], -1)
    forward = forward / np.linalg.norm(forward, axis=-1, keepdims=True)
    right = np.stack([forward[..., 2], np.zeros_like(x), -forward[..., 0]], -1)
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    return np.stack([right, np.cross(forward, right), forward], -2)


def rotate_rays(rays: Array, rotation: Array) -> Array:
    """Rays [..., J, 2] seen from a camera turned by ``rotation`` [..., 3, 3]."""
    points = np.concatenate([rays, np.ones_like(rays[..., :1])], -1) @ np.swapaxes(rotation, -1, -2)
    return points[..., :2] / points[..., 2:]
