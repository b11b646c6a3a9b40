"""Following people with the view, on a window that only remembers where it looks from."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.sinks.viewer.follow import VIEW_FROM, Follow, fitting_view
from stream3d.sinks.viewer.shapes import Floats
from stream3d.sinks.viewer.timeline import Eye
from stream3d.sinks.viewer.window import FOV_DEG


class StillWindow:
    """An eye without a screen; ``user_moves`` is what a hand on the mouse does."""

    size = (1280, 720)

    def __init__(self) -> None:
        self.looks = 0
        self._matrix = np.eye(4)

    def look_at(self, centre: Floats, *, towards: Floats, distance_m: float) -> None:
        front = towards / np.linalg.norm(towards)
        right = np.array([front[2], 0.0, -front[0]]) / np.hypot(front[0], front[2])
        self._matrix = np.eye(4)
        self._matrix[:3, :3] = np.stack([right, -np.cross(front, right), -front], 1)
        self._matrix[:3, 3] = centre + distance_m * front
        self.looks += 1

    def eye(self) -> Eye:
        return Eye(world_from_eye=self._matrix, half_height=np.tan(np.radians(FOV_DEG / 2)), aspect=16 / 9)

    def user_moves(self) -> None:
        self._matrix = self._matrix.copy()
        self._matrix[0, 3] += 0.5

    def sees(self, points: Floats) -> bool:
        eye = self.eye()
        seen = np.concatenate([points, np.ones((len(points), 1))], 1) @ np.linalg.inv(eye.world_from_eye).T
        flat = seen[:, :2] / seen[:, 2:3] / (eye.half_height * np.array([eye.aspect, 1.0]))
        return bool((seen[:, 2] > 0).all() and (np.abs(flat) < 1).all())


BODY = np.array([[0, -1, -6], [0, 0.7, -6], [0.4, 0.2, -6], [-0.4, 0.2, -5.8]])


def moved(x: float, z: float = 0.0) -> Floats:
    return BODY + np.array([x, 0.0, z])


def following() -> tuple[StillWindow, Follow]:
    window = StillWindow()
    view = Follow(window)  # type: ignore[arg-type]
    view.frame(BODY)
    return window, view


def test_a_body_in_the_picture_is_left_where_it_is() -> None:
    window, view = following()
    for index in range(50):
        view.update(moved(0.002 * index), index / 25)
    assert window.looks == 1


@pytest.mark.parametrize("velocity", [(0, 0, 1.2), (0, 0, -1.5), (1.3, 0, 0), (-1.3, 0, 0.5)])
def test_a_walker_stays_in_the_picture(velocity: tuple[float, float, float]) -> None:
    window, view = following()
    for index in range(300):
        body = BODY + np.array(velocity) * index / 25
        view.update(body, index / 25)
        assert window.sees(body)
    assert window.looks > 1


def test_the_users_own_view_is_left_alone_until_reset() -> None:
    window, view = following()
    view.update(BODY, 0.0)
    window.user_moves()
    for index in range(100):
        view.update(moved(0.1 * index), 1 + index / 25)
    assert window.looks == 1
    view.frame(moved(10))
    assert window.sees(moved(10))


def test_fitting_shows_all() -> None:
    window = StillWindow()
    many = np.concatenate([BODY, moved(3, -2)])
    centre, distance_m = fitting_view(many, window.size)
    window.look_at(centre, towards=VIEW_FROM, distance_m=distance_m)
    assert window.sees(many)
