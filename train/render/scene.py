"""Renders people in a room with Open3D, through a pinhole camera that is known exactly.

World axes: z up, metres, the floor at z = 0. The legacy ``Visualizer`` draws without a display through EGL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from stream3d.geometry import Camera
from train.render.figure import Figure
from train.render.light import TO_LAMP, UP, shaded, shadow_map
from train.render.room import Piece, floor, furniture

Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]
Coloured = tuple[npt.NDArray[np.floating], npt.NDArray[np.int64], Float64]

_NEAR_M, _FAR_M = 0.3, 30.0
_SUPERSAMPLING = 2
_CONTACT_M = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A camera and where it stands: ``position`` [3] metres; ``rotation`` [3, 3] turns world axes into camera axes."""

    camera: Camera
    position: Float64
    rotation: Float64

    @classmethod
    def looking(cls, camera: Camera, position: Sequence[float], pitch_deg: float = 0.0, yaw_deg: float = 0.0) -> View:
        """From ``position`` along +y, turned left by ``yaw_deg`` and down by ``pitch_deg``."""
        yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
        right = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        forward = np.array([-np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), -np.sin(pitch)])
        rotation = np.stack([right, np.cross(forward, right), forward])
        return cls(camera=camera, position=np.asarray(position, float), rotation=rotation)

    def to_camera(self, points: Float64) -> Float64:
        """Camera-space points [..., 3] (x right, y down, z forward) of world points."""
        return (points - self.position) @ self.rotation.T


@dataclass(frozen=True, kw_only=True, slots=True)
class FigureMotion:
    """A figure with its movement: ``joints`` [T, J, 3] metres and ``rotations`` [T, J, 3, 3], both in world axes."""

    figure: Figure
    joints: Float64
    rotations: Float64

    def __len__(self) -> int:
        return len(self.joints)


def _check_camera(camera: Camera) -> None:
    """Open3D's legacy window would silently draw any other camera as this kind."""
    central = (camera.cx, camera.cy) == (camera.width / 2, camera.height / 2)
    if not central or camera.fx != camera.fy or camera.distortion:
        raise ValueError(f"the renderer needs square pixels and the lens over the middle of the picture, not {camera}")


class Renderer:
    """An off-screen window; a context manager. ``furnished=False`` leaves everything black but what is added.

    Raises:
        ValueError: the camera has an off-centre or a distorting lens, or pixels that are not square.
        RuntimeError: no window could be opened.
    """

    def __init__(self, view: View, *, furnished: bool = True) -> None:
        import open3d  # 400 MB, and only those who render need it

        _check_camera(view.camera)
        self._o3d = open3d
        self._view = view
        self._mesh: Any = None
        self._window = open3d.visualization.Visualizer()
        size = (view.camera.width * _SUPERSAMPLING, view.camera.height * _SUPERSAMPLING)
        if not self._window.create_window(width=size[0], height=size[1], visible=False):
            raise RuntimeError(f"Open3D could open no off-screen window of {size[0]}×{size[1]} px; is EGL installed?")
        options = self._window.get_render_option()
        options.light_on, options.mesh_show_back_face = False, True
        options.background_color = np.zeros(3)
        self._floor = floor() if furnished else None
        pieces = [self._floor, *furniture()] if self._floor is not None else []
        self._room = [(p.vertices, p.triangles, p.colours()) for p in pieces]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._window.destroy_window()

    def _show(self, meshes: Sequence[Coloured]) -> None:
        """Hand everything to the window as one mesh: the order in which it draws several would vary from run to run."""
        utility = self._o3d.utility
        starts = np.cumsum([0, *(len(vertices) for vertices, _, _ in meshes)])
        faces = [triangles + start for (_, triangles, _), start in zip(meshes, starts[:-1], strict=True)]
        whole = self._o3d.geometry.TriangleMesh() if self._mesh is None else self._mesh
        whole.vertices = utility.Vector3dVector(
            np.concatenate([vertices for vertices, _, _ in meshes], dtype=np.float64)
        )
        whole.triangles = utility.Vector3iVector(np.concatenate(faces).astype(np.int32))
        whole.vertex_colors = utility.Vector3dVector(np.concatenate([colours for _, _, colours in meshes]))
        if self._mesh is not None:
            self._window.update_geometry(whole)
            return
        self._mesh = whole
        self._window.add_geometry(whole)
        self._aim()

    def _aim(self) -> None:
        """Set the camera; Open3D counts pixel centres at whole numbers, hence the half pixels."""
        camera, times = self._view.camera, _SUPERSAMPLING
        width, height = camera.width * times, camera.height * times
        pose = self._o3d.camera.PinholeCameraParameters()
        centre = (camera.cx * times - 0.5, camera.cy * times - 0.5)
        intrinsic = self._o3d.camera.PinholeCameraIntrinsic(
            width, height, camera.fx * times, camera.fy * times, *centre
        )
        pose.intrinsic = intrinsic
        extrinsic = np.eye(4)
        extrinsic[:3, :3], extrinsic[:3, 3] = self._view.rotation, -self._view.rotation @ self._view.position
        pose.extrinsic = extrinsic
        control = self._window.get_view_control()
        control.set_constant_z_near(_NEAR_M)
        control.set_constant_z_far(_FAR_M)
        if not control.convert_from_pinhole_camera_parameters(pose, allow_arbitrary=True):
            raise RuntimeError(f"Open3D refused the camera {camera}")

    def draw(self, meshes: Sequence[Coloured]) -> UInt8:
        """Picture uint8 [H, W, 3] of the room and of meshes (vertices, triangles, sRGB colours)."""
        self._show([*self._room, *meshes])
        self._window.poll_events()
        self._window.update_renderer()
        picture = np.asarray(self._window.capture_screen_float_buffer(True))
        shifts = [(i, j) for i in range(_SUPERSAMPLING) for j in range(_SUPERSAMPLING)]
        total = sum(picture[i::_SUPERSAMPLING, j::_SUPERSAMPLING] for i, j in shifts)
        return (total * np.float32(255.0 / len(shifts)) + np.float32(0.5)).astype(np.uint8)

    def picture(self, people: Sequence[tuple[Figure, Float64, Float64]]) -> UInt8:
        """Picture uint8 [H, W, 3] of lit people (figure, joints [J, 3], rotations [J, 3, 3]) and their shadows."""
        posed = [(figure, *figure.posed(joints, rotations)) for figure, joints, rotations in people]
        everyone = np.concatenate([vertices for _, vertices, _ in posed])
        lamp = shadow_map(everyone, TO_LAMP)
        if self._floor is not None:
            self._shade_floor(self._floor, everyone, lamp)
        meshes = []
        for figure, vertices, normals in posed:
            colours = shaded(figure.colours, normals, figure.open_sky, lamp.on_bodies(vertices))
            meshes.append((vertices, figure.triangles, colours))
        return self.draw(meshes)

    def _shade_floor(self, ground: Piece, everyone: npt.NDArray[np.float32], lamp: Any) -> None:
        low = everyone[everyone[:, 2] < _CONTACT_M]
        touch = shadow_map(low if len(low) else everyone, UP).on_ground(ground.vertices, 0.03, 0.16)
        lit = lamp.on_ground(ground.vertices, 0.012, 0.05)
        colours = shaded(ground.albedo, ground.normals, ground.open_sky * (0.35 + 0.65 * touch), lit)
        self._room[0] = (ground.vertices, ground.triangles, colours)


def render_clip(people: Sequence[FigureMotion], view: View) -> Iterator[UInt8]:
    """Pictures uint8 [H, W, 3] of the people moving together, as many as the shortest movement has frames."""
    with Renderer(view) as renderer:
        for t in range(min(len(person) for person in people)):
            yield renderer.picture([(person.figure, person.joints[t], person.rotations[t]) for person in people])
