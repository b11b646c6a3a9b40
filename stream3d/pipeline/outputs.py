"""Opening what a run writes to: checked before any work is done, opened together or not at all."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from stream3d.errors import SettingsError, Stream3DError
from stream3d.geometry import Camera
from stream3d.pipeline.rooms import Rooms, of_stills
from stream3d.sinks import RunInfo, Sink, SinkSettings, check_writable, open_sink
from stream3d.sinks.viewer.display import check_viewer_possible
from stream3d.source import SourceInfo

if TYPE_CHECKING:
    from stream3d.sinks.viewer import ViewerSink

_VERSIONS_KEPT = ("stream3d", "av", "numpy", "opencv-python-headless", "openvino", "torch")


_FPS_UNKNOWN = 25.0  # only for encoders and players; times are the frames' own


def default_saves(what: str | int | Path, name: str) -> tuple[str, ...]:
    """NAME.npz and NAME.mp4 in the current folder; where that is the source itself, NAME.overlay.mp4."""
    video = f"{name}.mp4"
    same = Path(video).resolve() == Path(str(what)).resolve()
    return f"{name}.npz", f"{name}.overlay.mp4" if same else video


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The open sinks of one source and what to call them, and the viewer if it is one of them."""

    sinks: tuple[Sink, ...]
    viewer: ViewerSink | None
    names: tuple[str, ...] = ()

    @property
    def only_viewed(self) -> bool:
        """True if the window is all there is."""
        return self.viewer is not None and len(self.sinks) == 1

    def nobody_watches(self) -> bool:
        """True once the window was closed and there is no other output."""
        return self.only_viewed and self.viewer is not None and self.viewer.closed


def check_outputs(source: str | int | Path, saves: Sequence[str | Path], *, view: bool = False) -> None:
    """Fail before any work is done.

    Raises:
        SettingsError: no writer has an output's ending, or an output is named twice or is the source itself.
        SinkError: an output cannot be written.
        ViewerError: there is no display, or no open3d.
    """
    if view:
        check_viewer_possible(asked_by="--view", instead="use --save")
    taken = {Path(str(source)).resolve()}
    for save in saves:
        path = Path(save).resolve()
        if path in taken:
            raise SettingsError(f"--save {save} would overwrite the source or another output; give another name")
        taken.add(path)
        check_writable(save)


def open_outputs(saves: Sequence[str | Path], info: RunInfo, settings: SinkSettings, *, view: bool = False) -> Outputs:
    """Open all sinks; if one cannot be opened, the others are closed again.

    Raises:
        SinkError: an output cannot be written.
        ViewerError: there is no display or no window.
    """
    sinks: list[Sink] = []
    viewer = None
    try:
        if view:
            from stream3d.sinks.viewer import ViewerSink

            viewer = ViewerSink(camera=info.camera, title=f"stream3d · {info.source}")
            sinks.append(viewer)
        sinks += [open_sink(save, info, settings) for save in saves]
    except Stream3DError:
        for sink in sinks:
            sink.close({})
        raise
    names = (*(() if viewer is None else ("the viewer",)), *map(str, saves))
    return Outputs(sinks=tuple(sinks), viewer=viewer, names=names)


def run_info(source: SourceInfo, rooms: Rooms, camera: Camera) -> RunInfo:
    """What the sinks are told about a run."""
    keypoints, joints = rooms.layouts
    return RunInfo(
        source=source.source_id,
        width=source.width,
        height=source.height,
        fps=source.fps or _FPS_UNKNOWN,
        camera=camera,
        keypoint_layout=keypoints,
        joint_layout=joints,
        image_names=of_stills(source),
        live=source.live,
        engines=rooms.describe(),
        lifter=rooms.lift.about,
        versions={"python": platform.python_version(), **{name: version(name) for name in _VERSIONS_KEPT}},
    )
