"""The camera that took 2D poses of known 3D joints: many community files leave it out, and pairs determine it.

Method: Hartley & Zisserman, "Multiple view geometry", 2nd ed., algorithm 7.1: the direct linear transform, without
the worst tenth, taken apart by RQ decomposition, and then the least distances in pixels, outliers bounded (Huber).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import least_squares

from stream3d.errors import TrackFileError
from stream3d.geometry import Camera
from train.data.values import Float32
from train.mocap.motion import Float64

_FEWEST = 50
_MOST = 20_000
_MOST_REFINED = 4000
# A camera's two focal lengths differ little, and its centre lies within the middle of the picture.
_SQUARE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedCamera:
    """``camera`` intrinsics; a point of the world is ``rotation`` [3, 3] @ point + ``shift`` [3] metres in its space.

    ``residual_px`` is the median distance between the pixels given and those that it makes.
    """

    camera: Camera
    rotation: Float64
    shift: Float64
    residual_px: float

    def in_camera(self, joints: Float32) -> Float32:
        """World joints [..., 3] in camera space."""
        return (joints @ self.rotation.T + self.shift).astype(np.float32)


def fit_camera(joints: Float32, pixels: Float32, size: tuple[int, int], what: str) -> FittedCamera:
    """Fit a pinhole camera to joints [..., 3] in metres and their pixels [..., 2]; NaN is left out.

    ``size`` = width, height of the picture in pixels.

    Raises:
        TrackFileError: there are too few pairs, or no camera makes these pixels of these joints.
    """
    known = np.isfinite(joints).all(-1) & np.isfinite(pixels).all(-1)
    world, seen = joints[known].astype(np.float64), pixels[known].astype(np.float64)
    step = max(1, len(world) // _MOST)
    world, seen = world[::step], seen[::step]
    if len(world) < _FEWEST:
        raise TrackFileError(f"{what}: {len(world)} pairs of joints and pixels are too few for a camera of {_FEWEST}")
    matrix = _linear(world, seen)
    error = np.linalg.norm(_pixels(matrix, world) - seen, axis=-1)
    good = error <= np.quantile(error, 0.9)
    fitted = _refined(_apart(_linear(world[good], seen[good])), world, seen, size)
    return _checked(fitted, world, size, what)


def _pixels(matrix: Float64, world: Float64) -> Float64:
    out = world @ matrix[:, :3].T + matrix[:, 3]
    return np.asarray(out[:, :2] / out[:, 2:])


def _scaled(points: Float64) -> tuple[Float64, Float64]:
    """Points about 0 at a distance of about 1, homogeneous, and the matrix that made them so."""
    dims = points.shape[1]
    centre, spread = points.mean(0), points.std() + 1e-12
    matrix = np.eye(dims + 1)
    matrix[:dims] = np.c_[np.eye(dims), -centre] / spread
    return np.c_[(points - centre) / spread, np.ones(len(points))], matrix


def _linear(world: Float64, seen: Float64) -> Float64:
    """Projection matrix [3, 4] with the least algebraic error, in front of whose camera the points lie."""
    points, of_world = _scaled(world)
    image, of_image = _scaled(seen)
    zero = np.zeros_like(points)
    rows = np.r_[np.c_[points, zero, -image[:, :1] * points], np.c_[zero, points, -image[:, 1:2] * points]]
    _, vectors = np.linalg.eigh(rows.T @ rows)
    matrix = np.linalg.inv(of_image) @ vectors[:, 0].reshape(3, 4) @ of_world
    front = np.sign(np.median(world @ matrix[2, :3] + matrix[2, 3]))
    return np.asarray(matrix * front)


def _apart(matrix: Float64) -> Float64:
    """The matrix as fx, fy, cx, cy, a rotation vector [3] and a shift [3]."""
    intrinsic, rotation, *_ = cv2.decomposeProjectionMatrix(matrix)
    signs = np.diag(np.sign(np.diag(intrinsic)))
    k = np.asarray(intrinsic, np.float64) @ signs
    turned = signs @ np.asarray(rotation, np.float64)
    shift = np.linalg.inv(k / k[2, 2]) @ matrix[:, 3] / np.linalg.norm(matrix[2, :3])
    k /= k[2, 2]
    if np.linalg.det(turned) < 0:  # a mirrored camera: what follows finds that none fits
        turned = -turned
    values = [k[0, 0], k[1, 1], k[0, 2], k[1, 2]]
    return np.concatenate([values, cv2.Rodrigues(turned)[0][:, 0], shift])


def _seen_by(values: Float64, world: Float64) -> Float64:
    local = world @ cv2.Rodrigues(values[4:7])[0].T + values[7:]
    return np.asarray(local[:, :2] / local[:, 2:] * values[:2] + values[2:4])


def _refined(start: Float64, world: Float64, seen: Float64, size: tuple[int, int]) -> FittedCamera:
    step = max(1, len(world) // _MOST_REFINED)
    points, pixels = world[::step], seen[::step]
    scale = np.r_[np.abs(start[:4]) + 1, np.ones(6)]
    best = least_squares(
        lambda values: (_seen_by(values * scale, points) - pixels).ravel(), start / scale, loss="huber", f_scale=3.0
    )
    values = best.x * scale
    residual = float(np.median(np.linalg.norm(_seen_by(values, world) - seen, axis=-1)))
    camera = _camera(values[0], values[1], values[2], values[3], size)
    return FittedCamera(
        camera=camera, rotation=cv2.Rodrigues(values[4:7])[0], shift=values[7:].copy(), residual_px=residual
    )


def _camera(fx: float, fy: float, cx: float, cy: float, size: tuple[int, int]) -> Camera:
    said = "fitted to pairs of 3D joints and their pixels"
    fx, fy = abs(float(fx)), abs(float(fy))
    return Camera(fx=fx, fy=fy, cx=float(cx), cy=float(cy), width=size[0], height=size[1], origin=said)


def _checked(fitted: FittedCamera, world: Float64, size: tuple[int, int], what: str) -> FittedCamera:
    camera, diagonal = fitted.camera, float(np.hypot(*size))
    uneven = abs(camera.fx - camera.fy) / (camera.fx + camera.fy) * 2
    inside = 0.2 < camera.cx / size[0] < 0.8 and 0.2 < camera.cy / size[1] < 0.8
    ahead = (world @ fitted.rotation.T + fitted.shift)[:, 2]
    wrong = not fitted.residual_px <= 0.02 * diagonal or uneven > _SQUARE or not inside
    if wrong or np.median(ahead) <= 0:
        said = f"fx {camera.fx:.0f}, fy {camera.fy:.0f}, centre {camera.cx:.0f}, {camera.cy:.0f} px"
        raise TrackFileError(
            f"{what}: no camera makes these pixels of these joints; the nearest has {said} and misses by"
            f" {fitted.residual_px:.1f} px; do the 2D and 3D poses belong together?"
        )
    return fitted


def fit_intrinsics(joints: Float32, pixels: Float32, size: tuple[int, int], what: str) -> FittedCamera:
    """The same for joints [..., 3] that are in the camera's space already: only its intrinsics are fitted.

    Raises:
        TrackFileError: there are too few pairs, or no camera makes these pixels of these joints.
    """
    known = np.isfinite(joints).all(-1) & np.isfinite(pixels).all(-1) & (joints[..., 2] > 0.1)
    points, seen = joints[known].astype(np.float64), pixels[known].astype(np.float64)
    if len(points) < _FEWEST:
        raise TrackFileError(f"{what}: {len(points)} joints with pixels in front of the camera; at least {_FEWEST}")
    rays = points[:, :2] / points[:, 2:]
    (fx, cx), (fy, cy) = (np.polyfit(rays[:, axis], seen[:, axis], 1).tolist() for axis in (0, 1))
    residual = float(np.median(np.linalg.norm(rays * [fx, fy] + [cx, cy] - seen, axis=-1)))
    if fx <= 0 or fy <= 0:
        raise TrackFileError(
            f"{what}: no camera makes these pixels of these joints: its fx, fy were {fx:.0f}, {fy:.0f}"
        )
    camera = _camera(fx, fy, cx, cy, size)
    fitted = FittedCamera(camera=camera, rotation=np.eye(3), shift=np.zeros(3), residual_px=residual)
    return _checked(fitted, points, size, what)
