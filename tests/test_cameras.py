"""Cameras, of which this machine may have none: a folder in place of /dev, and a driver that answers as the kernel's.

Where the kernel's own header and a compiler are there, the numbers and places that are used are held against them.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from stream3d.cli.cameras import told
from stream3d.cli.main import main
from stream3d.errors import SettingsError, SourceNotFoundError
from stream3d.source import SourceSettings
from stream3d.source.cameras import listing as camera_list
from stream3d.source.cameras import target as camera
from stream3d.source.cameras import v4l2
from stream3d.source.cameras.listing import linux_cameras
from stream3d.source.cameras.modes import CameraInfo, CameraMode
from stream3d.source.cameras.target import camera_target
from stream3d.source.settings import SourceSettings as Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="devices are files here")

CAPTURE, METADATA, DEVICE_CAPS = 0x1, 0x00800000, 0x80000000
STEPWISE = 3


class Driver:
    """Answers the four requests for devices by the name of their file."""

    def __init__(self, **devices: dict) -> None:
        self.devices = devices

    def __call__(self, descriptor: int, request: int, data: bytearray) -> None:
        device = self.devices[Path(f"/proc/self/fd/{descriptor}").readlink().name]
        answer = {
            v4l2._QUERYCAP: self.capability,
            v4l2._ENUM_FMT: self.format,
            v4l2._ENUM_FRAMESIZES: self.size,
            v4l2._ENUM_FRAMEINTERVALS: self.rate,
        }[request]
        try:
            answer(device, data)
        except (IndexError, KeyError):
            raise OSError(errno.EINVAL, "Invalid argument") from None

    def capability(self, device: dict, data: bytearray) -> None:
        own = device["caps"]
        struct.pack_into("=16s32s32sIII", data, 0, b"uvcvideo", device["name"], b"usb-1", 1, own[0], own[1])

    def format(self, device: dict, data: bytearray) -> None:
        index, kind = struct.unpack_from("=II", data)
        assert kind == CAPTURE
        data[44:48] = list(device["formats"])[index]

    def size(self, device: dict, data: bytearray) -> None:
        index, fourcc = struct.unpack_from("=I4s", data)
        size = list(device["formats"][fourcc])[index]
        if len(size) == 2:
            struct.pack_into("=III", data, 8, 1, *size)
        elif index:
            raise IndexError
        else:
            struct.pack_into("=7I", data, 8, STEPWISE, *size)

    def rate(self, device: dict, data: bytearray) -> None:
        index, fourcc, *size = struct.unpack_from("=I4sII", data)
        rates = next(
            rates for known, rates in device["formats"][fourcc].items() if tuple(size) in (known, (known[1], known[-2]))
        )
        struct.pack_into("=III", data, 16, 1, *rates[index])


WEBCAM = {
    "name": b"Integrated \x07Camera: I",
    "caps": (CAPTURE | METADATA | DEVICE_CAPS, CAPTURE),
    "formats": {
        b"MJPG": {(1280, 720): [(1, 30), (1, 60)], (640, 480): [(1001, 30000)]},
        b"YUYV": {(640, 480): [(1, 30)]},
        b"pRAA": {(320, 240): []},
    },
}
BESIDE = WEBCAM | {"caps": (CAPTURE | METADATA | DEVICE_CAPS, METADATA)}
CAPTURE_CARD = {
    "name": b"Card",
    "caps": (CAPTURE, 0),
    "formats": {b"NV12": {(32, 3840, 2, 32, 2160, 2): [(1, 60)]}},
}


@pytest.fixture
def machine(tmp_path) -> Path:
    for name in ("video0", "video1", "video10", "video2", "videodrome", "null"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the driver finds its device through /proc")
def test_what_a_machine_with_two_cameras_has(machine):
    driver = Driver(video0=WEBCAM, video1=BESIDE, video2=CAPTURE_CARD, video10=WEBCAM)
    cameras = linux_cameras(machine, machine / "none", driver)
    assert [found.number for found in cameras] == [0, 2, 10]
    assert cameras[0] == CameraInfo(
        number=0,
        device=str(machine / "video0"),
        name="Integrated ?Camera: I",
        modes=(
            CameraMode(format="mjpeg", width=1280, height=720, fps=(60.0, 30.0)),
            CameraMode(format="mjpeg", width=640, height=480, fps=(29.97,)),
            CameraMode(format="yuyv422", width=640, height=480, fps=(30.0,)),
            CameraMode(format="praa", width=320, height=240, fps=()),
        ),
    )
    assert cameras[1].modes == (CameraMode(format="nv12", width=3840, height=2160, fps=(60.0,)),)


def test_a_device_that_is_no_camera_or_breaks_off_is_left_out(machine):
    def broken(*_: object) -> None:
        raise OSError(errno.ENOTTY, "Inappropriate ioctl for device")

    assert linux_cameras(machine, machine, broken) == []


def test_a_driver_that_never_ends_is_no_endless_loop(machine):
    def endless(_: int, request: int, data: bytearray) -> None:
        if request == v4l2._QUERYCAP:
            struct.pack_into("=II", data, 84, CAPTURE, 0)
        elif request == v4l2._ENUM_FRAMESIZES:
            if data[0]:
                raise OSError(errno.EINVAL, "")
            struct.pack_into("=III", data, 8, 1, 2, 2)
        elif request == v4l2._ENUM_FRAMEINTERVALS:
            struct.pack_into("=III", data, 16, 1, 0, 0)

    (found, *_) = linux_cameras(machine, machine, endless)
    assert len(found.modes) == 256


def test_a_camera_that_may_not_be_opened_is_named_by_the_system(machine, monkeypatch):
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    classes = machine / "classes"
    for name, index in (("video0", "0"), ("video1", "1")):
        (classes / name).mkdir(parents=True)
        (classes / name / "index").write_text(f"{index}\n")
        (classes / name / "name").write_text("Integrated Camera\n")
    monkeypatch.setattr(os, "open", refuse)
    first, *others = linux_cameras(machine, classes, Driver())
    assert (first.name, first.problem) == ("Integrated Camera", "permission denied; join the group 'video'")
    assert [found.number for found in others] == [2, 10]  # of which nothing is known, so they are shown


SOURCE = """
#include <linux/videodev2.h>
#include <stddef.h>
#include <stdio.h>
int main(void) {
    printf("%lu %lu %lu %lu ", VIDIOC_QUERYCAP, VIDIOC_ENUM_FMT, VIDIOC_ENUM_FRAMESIZES, VIDIOC_ENUM_FRAMEINTERVALS);
    printf("%zu %zu ", offsetof(struct v4l2_capability, card), offsetof(struct v4l2_capability, capabilities));
    printf("%zu ", offsetof(struct v4l2_fmtdesc, pixelformat));
    printf("%zu %zu ", offsetof(struct v4l2_frmsizeenum, type), offsetof(struct v4l2_frmsizeenum, stepwise.max_height));
    printf("%zu %zu", offsetof(struct v4l2_frmivalenum, type), offsetof(struct v4l2_frmivalenum, discrete));
    return 0;
}
"""


def test_the_numbers_are_the_kernels(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None or not Path("/usr/include/linux/videodev2.h").exists():
        pytest.skip("no compiler or no kernel header here")
    (tmp_path / "ask.c").write_text(SOURCE)
    subprocess.run([compiler, "-o", tmp_path / "ask", tmp_path / "ask.c"], check=True, timeout=60)
    said = subprocess.run([tmp_path / "ask"], check=True, capture_output=True, timeout=60).stdout.split()
    requests = (v4l2._QUERYCAP, v4l2._ENUM_FMT, v4l2._ENUM_FRAMESIZES, v4l2._ENUM_FRAMEINTERVALS)
    assert tuple(map(int, said[:4])) == requests
    assert [request >> 16 & 0x3FFF for request in requests] == [v4l2._SIZES[request] for request in requests]
    assert list(map(int, said[4:])) == [16, 84, 44, 8, 28, 16, 20]


# --- opening ---------------------------------------------------------------------------------------------------------

WISHES = SourceSettings(camera_width=1280, camera_height=720, camera_fps=59.94, camera_format="mjpeg")
RAW = SourceSettings(camera_format="nv12")


def test_wishes_on_linux(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(camera, "_linux_device", lambda number: tmp_path / f"video{number}")
    target = camera_target(3, WISHES)
    assert target.options == {"video_size": "1280x720", "framerate": "59.94", "input_format": "mjpeg"}
    assert (target.address, target.format, target.shown) == (str(tmp_path / "video3"), "video4linux2", "camera3")


def test_wishes_on_macos_and_windows(monkeypatch):
    """Only what is asked of FFmpeg: neither system was at hand."""
    card = CameraInfo(number=0, device="@device_pnp_1", name="Webcam")
    monkeypatch.setattr(camera, "list_cameras", lambda: [card])
    for platform, address in (("darwin", "0:none"), ("win32", "video=@device_pnp_1")):
        monkeypatch.setattr(sys, "platform", platform)
        target = camera_target(0, RAW)
        assert (target.address, target.options["pixel_format"]) == (address, "nv12")
        with pytest.raises(SettingsError, match="camera_format mjpeg cannot be asked for"):
            camera_target(0, WISHES)
    with pytest.raises(SourceNotFoundError, match=r"camera 4: not there; this machine has 0 \(Webcam\)"):
        camera_target(4, RAW)


def test_an_unknown_format_is_refused():
    with pytest.raises(SettingsError, match="camera_format must be one of mjpeg, h264, hevc, yuyv422"):
        Settings(camera_format="lavfi")


# --- the command -----------------------------------------------------------------------------------------------------


def test_a_camera_in_words():
    modes = (
        CameraMode(format="mjpeg", width=1280, height=720, fps=(60.0, 29.97)),
        CameraMode(format="mjpeg", width=640, height=480, fps=()),
        CameraMode(format="yuyv422", width=640, height=480, fps=(30.0,)),
    )
    assert told(CameraInfo(number=0, device="/dev/video0", name="Cam", modes=modes)) == [
        "0  Cam  (/dev/video0)",
        "   mjpeg    1280x720 at 60/29.97, 640x480",
        "   yuyv422  640x480 at 30",
    ]
    assert told(CameraInfo(number=1, device="d", name="", problem="busy")) == ["1  unnamed  (d)", "   busy"]


def test_the_command(monkeypatch, capsys):
    one = CameraInfo(number=2, device="/dev/video2", name="Cam", modes=())
    monkeypatch.setattr("stream3d.cli.cameras.list_cameras", lambda: [one])
    assert main(["cameras", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "cameras": [{"number": 2, "device": "/dev/video2", "name": "Cam", "modes": [], "problem": ""}]
    }
    monkeypatch.setattr("stream3d.cli.cameras.list_cameras", list)
    assert main(["cameras"]) == 0
    assert capsys.readouterr().out == "no camera on this machine\n"


def test_this_machine_can_be_asked():
    assert all(isinstance(found, CameraInfo) for found in camera_list.list_cameras())


def test_flags_become_settings(tmp_path):
    from stream3d.cli.options import run_settings
    from stream3d.cli.parser import make_parser

    flags = ["--camera-size", "1280x720", "--camera-fps", "60", "--camera-format", "mjpeg"]
    more = ["--rtsp-transport", "udp", "--listen-token-file", str(tmp_path / "t"), "--start", "1"]
    source = run_settings(make_parser().parse_args(["run", "0", *flags, *more])).source
    assert (source.camera_width, source.camera_height, source.camera_fps) == (1280, 720, 60.0)
    assert (source.camera_format, source.rtsp_transport, source.start_s) == ("mjpeg", "udp", 1.0)
    assert source.listen_token_file == str(tmp_path / "t")


@pytest.mark.parametrize("flags", [["--camera-size", "1280"], ["--camera-size", "0x7"], ["--rtsp-transport", "pigeon"]])
def test_wrong_flags_are_usage_errors(flags, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["run", "0", *flags])
    assert caught.value.code == 2
    assert flags[0] in capsys.readouterr().err
