"""Cameras over RTSP for tests, by GStreamer: ``/usr/bin/python3 rtsp_server.py NAME=FPS:FILE[,FILE...] ...``.

Run by the system's Python, which has Debian's ``gi``; nothing of this project is imported. The files are H.264 byte
streams with access unit delimiters, repeated for ever without a jump of the clock. Every mount is a camera that runs
whether anybody looks or not: who joins comes in where it is, which is mostly between key frames.

The port and the clock at picture 0 (monotonic seconds) are the first line of the output. Lines on stdin change a
mount: ``NAME clip=1`` goes on with its second file, ``NAME silent=1`` sends nothing any more, ``NAME damage=5`` cuts
every fifth access unit in half. The end of stdin ends the server. A user's password comes in the environment, as
``RTSP_PASSWORD``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

_DELIMITER = b"\x00\x00\x00\x01\x09"  # NAL unit type 9 (ITU-T H.264, table 7-1)
_TICK_MS = 4
_BEHIND_S = 0.5  # more than this is not made up for: a camera that hung goes on with what it sees now
_PIPELINE = (
    "( appsrc name=camera is-live=true format=time max-bytes=0 block=false ! h264parse config-interval=-1"
    " ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=none )"
)


def access_units(path: Path) -> list[bytes]:
    """The pictures of a byte stream, as they are sent."""
    return [_DELIMITER + rest for rest in path.read_bytes().split(_DELIMITER)[1:]]


class Camera:
    """One mount: what it shows now, and the streams that it goes to."""

    def __init__(self, description: str, born: float) -> None:
        name, _, rest = description.partition("=")
        fps, _, files = rest.partition(":")
        self.name, self.fps = name, float(fps)
        self.clips = [access_units(Path(file)) for file in files.split(",")]
        self.settings = {"clip": 0, "silent": 0, "damage": 0}
        self._born = born
        self._sent = 0
        self._streams: dict[Any, int] = {}

    def join(self, appsrc: Any) -> None:
        """Send to one more stream, from the next picture on."""
        self._streams[appsrc] = self._sent

    def leave(self, appsrc: Any) -> None:
        """Send to it no more."""
        self._streams.pop(appsrc, None)

    def tick(self, gst: Any) -> None:
        """Send the pictures that are due."""
        due = int((time.monotonic() - self._born) * self.fps) + 1  # pictures, the one at this moment too
        if due - self._sent > _BEHIND_S * self.fps:
            self._sent = due - 1
        for number in range(self._sent, due):
            self._send(gst, number)
        self._sent = max(self._sent, due)

    def _send(self, gst: Any, number: int) -> None:
        if self.settings["silent"]:
            return
        units = self.clips[self.settings["clip"]]
        unit, damage = units[number % len(units)], self.settings["damage"]
        if damage and number % damage == 0:
            unit = unit[: len(unit) // 2]
        for appsrc, first in list(self._streams.items()):
            buffer = gst.Buffer.new_wrapped(unit)
            buffer.pts = int((number - first) * gst.SECOND / self.fps)
            buffer.duration = int(gst.SECOND / self.fps)
            appsrc.emit("push-buffer", buffer)


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user", default="", help="asked for, with the password of RTSP_PASSWORD")
    parser.add_argument("mounts", nargs="+", metavar="NAME=FPS:FILE[,FILE...]")
    arguments = parser.parse_args()
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(str(arguments.port))
    if arguments.user:
        _lock(server, GstRtspServer, arguments.user, os.environ["RTSP_PASSWORD"])
    born = time.monotonic()
    cameras = [Camera(description, born) for description in arguments.mounts]
    for camera in cameras:
        _mount(server, GstRtspServer, Gst, camera, locked=bool(arguments.user))
    if not server.attach(None):
        sys.exit(f"port {arguments.port} cannot be had")
    loop = GLib.MainLoop()
    GLib.timeout_add(_TICK_MS, _tick, cameras, Gst)
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, _obey, cameras, loop)
    sys.stdout.write(f"{server.get_bound_port()} {born}\n")
    sys.stdout.flush()
    loop.run()


def _tick(cameras: list[Camera], gst: Any) -> bool:
    for camera in cameras:
        camera.tick(gst)
    return True


def _obey(stdin: int, _condition: Any, cameras: list[Camera], loop: Any) -> bool:
    said = os.read(stdin, 65536)  # whole lines: they are short, and written at once
    if not said:
        loop.quit()
        return False
    for line in said.decode().splitlines():
        name, _, change = line.partition(" ")
        key, _, value = change.partition("=")
        for camera in cameras:
            if camera.name == name:
                camera.settings[key] = int(value)
    return True


def _mount(server: Any, rtsp: Any, gst: Any, camera: Camera, *, locked: bool) -> None:
    factory = rtsp.RTSPMediaFactory.new()
    factory.set_launch(_PIPELINE)
    factory.set_shared(True)
    factory.set_latency(0)
    if locked:
        permissions = rtsp.RTSPPermissions()
        for what in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("viewer", what, True)
        factory.set_permissions(permissions)
    factory.connect("media-configure", _configure, camera, gst)
    server.get_mount_points().add_factory(f"/{camera.name}", factory)


def _configure(_factory: Any, media: Any, camera: Camera, gst: Any) -> None:
    appsrc = media.get_element().get_by_name_recurse_up("camera")
    caps = f"video/x-h264,stream-format=byte-stream,alignment=au,framerate={round(camera.fps)}/1"
    appsrc.set_property("caps", gst.Caps.from_string(caps))
    camera.join(appsrc)
    media.connect("unprepared", lambda _media: camera.leave(appsrc))


def _lock(server: Any, rtsp: Any, user: str, password: str) -> None:
    auth, token = rtsp.RTSPAuth.new(), rtsp.RTSPToken()
    token.set_string(rtsp.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "viewer")
    auth.add_basic(rtsp.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)


if __name__ == "__main__":
    main()
