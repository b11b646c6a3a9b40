from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stream3d.camera_file import load_camera, scaled_to
from stream3d.errors import SettingsError
from stream3d.geometry import pixels_to_rays, project

MATRIX = np.array([[1000.0, 0, 640], [0, 990, 360], [0, 0, 1]])


def write(path: Path, distortion: np.ndarray | None = None) -> Path:
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("camera_matrix", MATRIX)
    storage.write("image_width", 1280)
    storage.write("image_height", 720)
    if distortion is not None:
        storage.write("distortion_coefficients", distortion)
    storage.release()
    return path


@pytest.mark.parametrize("name", ["cam.yml", "cam.json", "cam.xml"])
def test_what_opencv_writes_is_read(tmp_path: Path, name: str) -> None:
    camera = load_camera(write(tmp_path / name))
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (1000, 990, 640, 360)
    assert (camera.width, camera.height, camera.distortion) == (1280, 720, ())
    assert name in camera.origin


def test_distortion_is_undone(tmp_path: Path) -> None:
    coefficients = np.array([-0.2, 0.05, 0.001, -0.001, 0.0])
    camera = load_camera(write(tmp_path / "cam.yml", coefficients))
    points = np.random.default_rng(0).uniform((-0.5, -0.3, 1), (0.5, 0.3, 1), (50, 3))
    bent, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), MATRIX, coefficients)
    rays = pixels_to_rays(bent[:, 0], camera)
    np.testing.assert_allclose(rays, points[:, :2], atol=1e-4)


def test_another_picture_size_scales_the_camera(tmp_path: Path) -> None:
    camera = load_camera(write(tmp_path / "cam.yml"))
    small = scaled_to(camera, 640, 360)
    point = np.array([[0.3, -0.2, 2.0]])
    np.testing.assert_allclose(project(point, small) * 2, project(point, camera))
    with pytest.raises(SettingsError, match="640 x 640"):
        scaled_to(camera, 640, 640)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not a calibration file"),
        ("{", "not a calibration file"),
        ("%YAML:1.0\n---\nimage_width: 3\nimage_height: 4\n", "matrix"),
        ("not a calibration", "not a calibration file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "cam.yml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=said):
        load_camera(path)


def test_missing_file_or_size(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load_camera(tmp_path / "none.yml")
    path = write(tmp_path / "cam.yml")
    path.write_text(path.read_text().replace("image_width", "image_wide"))
    with pytest.raises(SettingsError, match="image_width"):
        load_camera(path)
