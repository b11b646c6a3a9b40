"""One Open3D window with meshes that are updated in place.

The legacy visualizer only: its newer sisters need a Vulkan driver and abort the process without one.
"""

from __future__ import annotations

import math
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stream3d.errors import ViewerError
from stream3d.sinks.viewer.palette import BACKGROUND
from stream3d.sinks.viewer.shapes import Floats, Mesh
from stream3d.sinks.viewer.timeline import Eye

FOV_DEG = 45.0
_NOWHERE = Mesh(vertices=np.zeros((3, 3)), colours=np.zeros((3, 3)), triangles=np.zeros((1, 3), np.int32))


class Window:
    """A window (or, ``visible=False``, a picture in memory) that shows named meshes.

    Raises:
        ViewerError: open3d is not installed, or no window can be opened on this display.
    """

    def __init__(self, *, title: str = "stream3d", size: tuple[int, int] = (1280, 720), visible: bool = True):
        self._o3d = _import_open3d()
        self._meshes: dict[str, Any] = {}
        self.visualizer = self._o3d.visualization.VisualizerWithKeyCallback()
        self.size = size
        _create(self._o3d, self.visualizer, title, size, visible)
        options = self.visualizer.get_render_option()
        options.background_color = BACKGROUND
        options.mesh_show_back_face = False
        self._stage_extent_m = 0.0
        self.bind(dict.fromkeys("PDO", lambda: None))  # by default they write pictures into the working folder

    def add(self, name: str, mesh: Mesh | None = None, *, stage: bool = False) -> None:
        """Add a mesh; the ``stage`` one is what distances are measured by, so it comes first and is the largest."""
        geometry = self._o3d.geometry.TriangleMesh()
        self._fill(geometry, mesh or _NOWHERE, keep_triangles=False)
        self._meshes[name] = geometry
        self.visualizer.add_geometry(geometry, reset_bounding_box=stage)
        if stage:
            self._stage_extent_m = float(max(geometry.get_axis_aligned_bounding_box().get_extent()))
            self._set_lens()

    def update(self, name: str, mesh: Mesh | None, *, keep_triangles: bool = False) -> None:
        """Give a mesh new arrays; None or one without triangles hides it."""
        shown = mesh if mesh is not None and len(mesh.triangles) else _NOWHERE
        self._fill(self._meshes[name], shown, keep_triangles=keep_triangles)
        self.visualizer.update_geometry(self._meshes[name])

    def _fill(self, geometry: Any, mesh: Mesh, *, keep_triangles: bool) -> None:
        vectors = self._o3d.utility
        geometry.vertices = vectors.Vector3dVector(mesh.vertices)
        geometry.vertex_colors = vectors.Vector3dVector(mesh.colours)
        if not keep_triangles:
            geometry.triangles = vectors.Vector3iVector(mesh.triangles)

    def _set_lens(self) -> None:
        control = self.visualizer.get_view_control()
        control.change_field_of_view(step=(FOV_DEG - control.get_field_of_view()) / 5.0)
        control.set_constant_z_near(0.05)
        control.set_constant_z_far(100.0)

    def look_at(self, centre: Floats, *, towards: Floats, distance_m: float) -> None:
        """Look at ``centre`` [3] from ``distance_m`` away in the direction ``towards`` [3] (display space)."""
        control = self.visualizer.get_view_control()
        control.set_lookat(centre)
        front = towards / np.linalg.norm(towards)
        up = np.array([0.0, 1.0, 0.0]) - front[1] * front  # must be square to the front, or `eye` would be askew
        control.set_front(front)
        control.set_up(up / np.linalg.norm(up))
        control.set_zoom(distance_m * math.tan(math.radians(FOV_DEG / 2)) / self._stage_extent_m)

    def eye(self) -> Eye:
        """Where the user looks from now."""
        camera = self.visualizer.get_view_control().convert_to_pinhole_camera_parameters()
        width, height, focal = camera.intrinsic.width, camera.intrinsic.height, camera.intrinsic.get_focal_length()[1]
        return Eye(
            world_from_eye=np.linalg.inv(np.asarray(camera.extrinsic)),
            half_height=height / 2 / focal,
            aspect=width / height,
        )

    def bind(self, keys: Mapping[str | int, Callable[[], object]]) -> None:
        """Call a function when a key, named by its upper-case letter or GLFW number, is pressed or repeats."""
        for key, act in keys.items():
            code = key if isinstance(key, int) else ord(key)

            def pressed(_: object, action: int, __: int, act: Callable[[], object] = act) -> bool:
                if action:  # 1 = pressed, 2 = repeats, 0 = let go
                    act()
                return False

            self.visualizer.register_key_action_callback(code, pressed)

    def draw(self) -> bool:
        """Handle the window's events and draw; False once the user has closed it."""
        self.visualizer.update_renderer()
        return self.poll()

    def poll(self) -> bool:
        """Handle the window's events, drawing only what they ask for; False once the user has closed it."""
        return bool(self.visualizer.poll_events())

    def picture(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """What the window shows, uint8 [H, W, 3] RGB."""
        pixels = np.asarray(self.visualizer.capture_screen_float_buffer(do_render=True))
        return np.asarray((pixels * 255.0).round(), np.uint8)

    def close(self) -> None:
        """Close the window."""
        self.visualizer.destroy_window()


def _import_open3d() -> Any:
    try:
        import open3d
    except ImportError as error:
        raise ViewerError(
            f"the viewer needs Open3D ({error}); install it with: pip install 'stream3d[view]'"
        ) from error
    except OSError as error:
        raise ViewerError(f"Open3D is installed but cannot be loaded: {error}") from error
    return open3d


def _create(o3d: Any, visualizer: Any, title: str, size: tuple[int, int], visible: bool) -> None:
    """Open the window, or raise.

    Where a window cannot be opened, Open3D draws into memory instead and says so in its log only. A visible window that
    nobody sees is an error, so the log is read.
    """
    o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Info)
    with _Output() as output:
        made = visualizer.create_window(window_name=title, width=size[0], height=size[1], visible=visible)
    o3d.utility.set_verbosity_level(o3d.utility.VerbosityLevel.Error)
    if made and not (visible and "EGL offscreen" in output.text):
        return
    reason = "; ".join(re.findall(r"GLFW Error: (.*?)(?:\x1b|$)", output.text, re.M)) or "no reason was given"
    where = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or "none"
    raise ViewerError(f"no window can be opened on display {where}: {reason}")


class _Output:
    """Catches what native code writes to standard output and standard error."""

    def __enter__(self) -> _Output:
        sys.stdout.flush()
        sys.stderr.flush()
        self._file = tempfile.TemporaryFile()
        self._kept = [os.dup(1), os.dup(2)]
        for fd in (1, 2):
            os.dup2(self._file.fileno(), fd)
        return self

    def __exit__(self, *exception: object) -> None:
        for fd, kept in zip((1, 2), self._kept, strict=True):
            os.dup2(kept, fd)
            os.close(kept)
        self._file.seek(0)
        self.text = self._file.read().decode("utf-8", "replace")
        self._file.close()
