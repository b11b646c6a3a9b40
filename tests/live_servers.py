"""Real servers on loopback, each a process of its own that can be killed, frozen and started again on the same port.

RTSP comes from GStreamer (``rtsp_server.py``, run by the system's Python, which has Debian's ``gi``), everything else
from the ``ffmpeg`` command, which copies packets. Tests are skipped where these programs are missing.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

import stream3d

SAMPLE = Path(stream3d.__file__).parent / "data" / "sample.mp4"
_SERVER = Path(__file__).with_name("rtsp_server.py")
_PYTHON = "/usr/bin/python3"
_PROBE = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0');"
    "from gi.repository import Gst, GstRtspServer; Gst.init(None);"
    "assert all(map(Gst.ElementFactory.find, ('appsrc', 'h264parse', 'rtph264pay')))"
)
# Linux ends the program when whoever started it has gone, however that went.
_TIED = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
_BITS, _SIDE = 12, 8  # blocks at the upper left, the lowest bit first; pixels
NEEDS_FFMPEG = "no ffmpeg command here (Debian: ffmpeg)"
NEEDS_RTSP = (
    "no RTSP server here (Debian: gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
    " gstreamer1.0-plugins-bad python3-gi)"
)


def has_ffmpeg() -> bool:
    """Whether there is an ffmpeg command."""
    return shutil.which("ffmpeg") is not None


@cache
def has_rtsp() -> bool:
    """Whether the system's Python can serve RTSP."""
    if not Path(_PYTHON).is_file():
        return False
    return subprocess.run([_PYTHON, "-c", _PROBE], capture_output=True, check=False).returncode == 0


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of loopback that nobody has now."""
    with socket.socket(socket.AF_INET, kind) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def camera_clip(
    clip: str | Path,
    to: Path,
    *,
    size: tuple[int, int] | None = None,
    fps: int = 30,
    key_every: int = 15,
    seconds: float = 60.0,
    there_and_back: bool = False,
    numbered: bool = False,
) -> Path:
    """The first ``seconds`` of ``clip`` coded as cameras do: H.264 without B-frames, key frames ``key_every`` apart.

    The ending of ``to`` chooses the container; ``.h264`` is a byte stream with access unit delimiters. ``size`` is
    reached by scaling and black at the sides; ``there_and_back`` plays it backwards too, so that
    nobody jumps when it is repeated; ``numbered`` writes each picture's number for `number_of` to read.
    """
    filters = [f"fps={fps}"]
    if size is not None:
        wide, high = size
        inside = f"scale={wide}:{high}:force_original_aspect_ratio=decrease:force_divisible_by=2"
        filters.append(f"{inside},pad={wide}:{high}:(ow-iw)/2:(oh-ih)/2,setsar=1")
    if there_and_back:
        filters.append("split[a][b];[b]reverse[c];[a][c]concat")
    if numbered:
        filters += [_block(bit, "black") for bit in range(_BITS)]
        filters += [_block(bit, "white", enable=f":enable='mod(floor(n/{1 << bit}),2)'") for bit in range(_BITS)]
    coding = ["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-bf", "0", "-g", str(key_every)]
    x264 = f"aud=1:repeat-headers=1:scenecut=0:keyint={key_every}"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-t",
        str(seconds),
        "-i",
        str(clip),
        "-an",
        "-filter_complex",
        ",".join(filters),
        *coding,
    ]
    more = ["-threads", "1", "-pix_fmt", "yuv420p", "-x264-params", x264]
    subprocess.run([*command, *more, str(to)], check=True, timeout=120)
    return to


def number_of(y: npt.NDArray[np.uint8]) -> int:
    """The number of a ``numbered`` picture, from its plane of brightness [H, W]."""
    middles = [y[_SIDE // 2, bit * _SIDE + _SIDE // 2] for bit in range(_BITS)]
    return sum(1 << bit for bit, value in enumerate(middles) if value > 128)


def _block(bit: int, colour: str, *, enable: str = "") -> str:
    return f"drawbox=x={bit * _SIDE}:y=0:w={_SIDE}:h={_SIDE}:color={colour}:t=fill{enable}"


class Server:
    """One program on one port, in a process group of its own that dies with this process; a context manager."""

    def __init__(self, command: Callable[[int], Sequence[str]], *, port: int, env: Mapping[str, str] | None = None):
        self._command, self._env = command, dict(env or {})
        self.port = port
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start it, on the port that it had before."""
        self.process = subprocess.Popen(
            [*_TIED, *self._command(self.port)],
            env=os.environ | self._env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def kill(self) -> None:
        """End it as a power cut does; it may be started again."""
        if self.process is None:
            return
        self._signal(signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None

    close = kill

    def freeze(self) -> None:
        """Let it hang: connections stay open and nothing comes."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)


class RtspServer(Server):
    """Cameras by name, each with one or more byte streams (see ``camera_clip``); the first is shown."""

    def __init__(
        self, mounts: Mapping[str, Sequence[Path]], *, fps: int = 30, user: str = "", password: str = "", port: int = 0
    ):
        cameras = [f"{name}={fps}:{','.join(map(str, files))}" for name, files in mounts.items()]
        asked = ["--user", user] if user else []
        self._login = f"{user}:{password}@" if user else ""
        self.born = 0.0
        """When all cameras sent their picture 0 (monotonic seconds); number n follows n / fps later."""
        super().__init__(
            lambda port: [_PYTHON, str(_SERVER), "--port", str(port), *asked, *cameras],
            port=port,
            env={"RTSP_PASSWORD": password},
        )

    def start(self) -> None:
        """Start it and wait until it listens; the system chooses the port the first time."""
        super().start()
        assert self.process is not None
        assert self.process.stdout is not None
        port, born = self.process.stdout.readline().split()
        self.port, self.born = int(port), float(born)

    def url(self, name: str, *, login: str | None = None) -> str:
        """Where a camera is; ``login`` ("user:password@") in place of the right one."""
        return f"rtsp://{self._login if login is None else login}127.0.0.1:{self.port}/{name}"

    def set(self, name: str, **settings: int) -> None:
        """Change what a camera does: ``clip``, ``silent``, ``damage`` (see ``rtsp_server.py``)."""
        assert self.process is not None
        assert self.process.stdin is not None
        for key, value in settings.items():
            self.process.stdin.write(f"{name} {key}={value}\n")
        self.process.stdin.flush()


class Ffmpeg(Server):
    """ffmpeg sending ``clip`` to ``url`` ("PORT" in it stands for the port) for ever, started again whenever it ends.

    As a listener it serves one client and ends with it; as a sender it ends when nobody takes what it sends.
    """

    def __init__(self, clip: Path, url: str, *, form: str, options: Sequence[str] = (), udp: bool = False):
        def command(port: int) -> list[str]:
            source = ["-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy", "-an"]
            once = ["ffmpeg", "-v", "error", "-nostdin", *source, *options, "-f", form, url.replace("PORT", str(port))]
            return ["sh", "-c", f"while :; do {shlex.join([*_TIED, *once])}; sleep 0.2; done"]

        super().__init__(command, port=free_port(socket.SOCK_DGRAM if udp else socket.SOCK_STREAM))
        self.url = url.partition("?")[0].replace("PORT", str(self.port))
