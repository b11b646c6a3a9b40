"""``stream3d view FILE``: a recording in a window, or one moment of it as a picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stream3d.errors import SettingsError
from stream3d.sinks.viewer.display import check_viewer_possible
from stream3d.sinks.viewer.player import Player
from stream3d.sinks.viewer.scene import Scene
from stream3d.sinks.viewer.take import Take, load_take
from stream3d.sinks.viewer.timeline import timeline_mesh
from stream3d.sinks.viewer.window import Window
from stream3d.trackfile import cannot_write

KEYS_HELP = """\
space  play, pause          left, right  one frame        [ ]  one second back, on
0..9   go to 0..90 %        home, end    first, last      up, down (or . ,)  faster, slower
drag   turn the view        wheel        nearer, farther  R  look at the people   L  loop   Q  close"""

PICTURE_ENDINGS = (".png", ".jpg", ".webp")

_RIGHT, _LEFT, _DOWN, _UP, _HOME, _END = 262, 263, 264, 265, 268, 269
_PAUSE_S = 0.004


def view_tracks(
    path: Path | str, *, loop: bool = False, start_s: float | None = None, size: tuple[int, int] = (1280, 720)
) -> None:
    """Play a track file in a window until it is closed; `KEYS_HELP` says what the keys do.

    Raises:
        TrackFileError: the file cannot be read, or nobody is in it.
        ViewerError: no display, or no open3d.
        SettingsError: ``start_s`` is outside the recording.
    """
    check_viewer_possible()
    take = load_take(path)
    player = Player(take.times, loop=loop)
    if start_s is not None:
        player.jump(_checked(start_s, player) - player.now_s)
    window = Window(title=f"stream3d: {Path(path).name}", size=size)
    try:
        Playback(take, player, window).run()
    finally:
        window.close()


def save_picture(
    path: Path | str, picture: Path | str, *, at_s: float | None = None, size: tuple[int, int] = (1280, 720)
) -> None:
    """Save one moment of a track file as a picture, with or without a display.

    Without ``at_s`` (seconds of the media) it is a moment that shows the most people.

    Raises:
        TrackFileError: the track file cannot be read, or nobody is in it.
        ViewerError: no open3d.
        SettingsError: ``at_s`` is outside the recording.
        SinkError: the picture cannot be written.
    """
    import cv2  # only pictures need it

    ending = Path(picture).suffix.lower()
    if ending not in PICTURE_ENDINGS:
        raise SettingsError(
            f"a picture cannot be written as {str(picture)!r}; allowed are {', '.join(PICTURE_ENDINGS)}"
        )
    take = load_take(path)
    player = Player(take.times)
    at_s = take.best_time_s() if at_s is None else _checked(at_s, player)
    player.jump(at_s - player.now_s)
    window = Window(size=(2 * size[0], 2 * size[1]), visible=False)  # twice the size, then halved: smoother edges
    try:
        scene = Scene(window, floor_y=take.floor_y)
        scene.show(take.shot(player.index, at_s))
        window.draw()
        image = cv2.resize(window.picture(), size, interpolation=cv2.INTER_AREA)
    finally:
        window.close()
    _, data = cv2.imencode(ending, np.ascontiguousarray(image[..., ::-1]))
    try:
        Path(picture).write_bytes(data.tobytes())
    except OSError as error:
        raise cannot_write(Path(picture), error) from error


def _checked(at_s: float, player: Player) -> float:
    first, last = player.span_s
    if not first <= at_s <= last:
        raise SettingsError(f"{at_s:g} s is outside the recording, which lasts from {first:g} to {last:g} s")
    return at_s


class Playback:
    """Plays a take in a window; what is drawn is drawn only when it changes."""

    def __init__(self, take: Take, player: Player, window: Window):
        self._take, self._player, self._window = take, player, window
        self._scene = Scene(window, floor_y=take.floor_y)
        self._scene.frame(take.path())
        self._shown: tuple[int, bool] | None = None
        self._bar: object = None
        window.add("timeline")
        window.bind(self._keys())

    def _keys(self) -> dict[str | int, Callable[[], object]]:
        player = self._player
        keys: dict[str | int, Callable[[], object]] = {
            " ": player.toggle,
            _LEFT: lambda: player.step(-1),
            _RIGHT: lambda: player.step(1),
            "[": lambda: player.jump(-1.0),
            "]": lambda: player.jump(1.0),
            _HOME: lambda: player.seek(0.0),
            _END: lambda: player.seek(1.0),
            "R": self._scene.reset_view,
            "L": lambda: setattr(player, "loop", not player.loop),
        }
        keys |= dict.fromkeys((_UP, "."), lambda: player.change_speed(1))
        keys |= dict.fromkeys((_DOWN, ","), lambda: player.change_speed(-1))
        return keys | {str(tenth): lambda tenth=tenth: player.seek(tenth / 10) for tenth in range(10)}

    def run(self) -> None:
        """Play until the window is closed."""
        last = time.monotonic()
        while True:
            now = time.monotonic()
            self._player.advance(now - last)
            last = now
            if not self.refresh():
                return
            time.sleep(_PAUSE_S)

    def refresh(self) -> bool:
        """Bring the window up to date with the player; False once it is closed."""
        player = self._player
        shot = self._take.shot(player.index, player.now_s)
        key = player.index, len(shot.person) > 0
        people_changed, self._shown = key != self._shown, key
        if people_changed:
            self._scene.show(shot)
        return self._window.draw() if self._move_bar() or people_changed else self._window.poll()

    def _move_bar(self) -> bool:
        player, eye = self._player, self._window.eye()
        key = eye.world_from_eye.tobytes(), eye.aspect, round(player.now_s, 2), player.speed, player.playing
        changed, self._bar = key != self._bar, key
        if changed:
            first, last = player.span_s
            bar = timeline_mesh(
                eye,
                now_s=player.now_s - first,
                end_s=last - first,
                progress=player.progress,
                speed=player.speed,
                playing=player.playing,
            )
            self._window.update("timeline", bar)
        return changed
