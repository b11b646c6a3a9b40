"""Decoding in hardware: which device is taken, and what is said where none can. No device has decoded here yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import av
import av.error
import pytest
from av.codec import Codec
from av.codec.hwaccel import hwdevices_available

from stream3d.cli import parser
from stream3d.cli.options import run_settings
from stream3d.errors import SettingsError
from stream3d.source import SourceSettings, hardware, open_source
from stream3d.source.hardware import Hardware, chosen, formats_of, unusable
from stream3d.source.settings import HWACCELS


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    unusable.cache_clear()
    yield
    unusable.cache_clear()


def usable(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(hardware, "unusable", lambda name: "" if name in names else "not here")


def codec(*, on_device: bool, pix_fmt: str) -> SimpleNamespace:
    return SimpleNamespace(name="h264", is_hwaccel=on_device, pix_fmt=pix_fmt, codec=Codec("h264", "r"))


def test_software_is_the_default_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    plain = Hardware(SourceSettings().hwaccel, "clip.mp4")
    assert plain.accel() is None
    plain.check(codec(on_device=False, pix_fmt="yuv420p"))  # type: ignore[arg-type] # enough of one
    assert plain.described("h264") == "h264"
    assert not caplog.records


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"hwaccel must be one of auto, cuda, .*, not 'nvdec'"):
        SourceSettings(hwaccel="nvdec")


def test_what_the_build_does_not_have_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["cuda"])
    asked = Hardware("vaapi", "clip.mp4")
    assert asked.accel() is None
    assert asked.described("h264") == "h264 in software (vaapi: not in this build of FFmpeg)"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "clip.mp4: --hwaccel vaapi: decoded in software instead (vaapi: not in this" in record.getMessage()


def test_a_device_that_cannot_be_opened_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent:
        def __init__(self, device_type: str) -> None: ...

        def create(self, _: Codec) -> None:
            raise av.error.PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(hardware, "hwdevices_available", lambda: ["cuda"])
    monkeypatch.setattr(hardware, "HWAccel", Absent)
    assert unusable("cuda") == "no such device or driver (Operation not permitted)"

    def no_decoder(*_: object) -> None:
        raise NotImplementedError

    unusable.cache_clear()
    monkeypatch.setattr(Absent, "create", no_decoder)
    assert unusable("cuda") == "this build of FFmpeg decodes no h264 on it"


def test_every_name_is_judged_without_failing() -> None:
    """Whatever this machine has: a reason, or none."""
    for name in HWACCELS[1:]:
        assert isinstance(unusable(name), str)


def test_auto_takes_the_first_that_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    usable(monkeypatch, "qsv", "vaapi")
    assert chosen("auto") == ("vaapi", "")
    assert chosen("qsv") == ("qsv", "")
    usable(monkeypatch)
    assert chosen("auto") == ("", "; ".join(f"{name}: not here" for name in HWACCELS[1:]))


def test_where_the_first_picture_was_decoded_is_seen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usable(monkeypatch, "cuda")
    served = Hardware("cuda", "clip.mp4")
    assert served.accel() is not None
    served.check(codec(on_device=True, pix_fmt="cuda"))  # type: ignore[arg-type] # enough of one
    assert served.described("h264") == "h264 on cuda"
    assert not caplog.records
    for given, why in (
        (codec(on_device=False, pix_fmt="yuv420p"), "it has no decoder for h264 here"),
        (codec(on_device=True, pix_fmt="yuv420p"), "it does not decode this kind of h264"),
    ):
        caplog.clear()
        turned = Hardware("cuda", "clip.mp4")
        turned.check(given)  # type: ignore[arg-type]
        turned.check(given)  # type: ignore[arg-type]
        assert turned.described("h264") == f"h264 in software (cuda: {why})"
        assert [why in record.getMessage() for record in caplog.records] == [True]


def test_formats_in_hardware_are_not_those_in_memory() -> None:
    assert "yuv420p" not in formats_of(Codec("h264", "r"))
    assert isinstance(formats_of(Codec("rawvideo", "r")), set)


def test_devices_can_be_said_on_the_command_line() -> None:
    assert parser._HWACCELS == HWACCELS
    given = parser.make_parser().parse_args(["run", "clip.mp4", "--hwaccel", "cuda", "--pixels", "host"])
    settings = run_settings(given)
    assert settings.source.hwaccel == "cuda"
    assert settings.engine.pixels == "host"
    assert run_settings(parser.make_parser().parse_args(["run", "clip.mp4"])).source.hwaccel == ""


def test_a_source_says_that_software_decodes_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hardware, "unusable", lambda _: "no such device")
    with open_source("sample", SourceSettings(hwaccel="cuda")) as source:
        assert source.info.codec == "h264 in software (cuda: no such device)"
        assert next(iter(source)).image.shape == (720, 960, 3)
    assert ["decoded in software instead" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.skipif("qsv" not in hwdevices_available(), reason="this build of FFmpeg does not know the device")
def test_a_device_without_a_decoder_is_noticed_once_a_picture_came(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FFmpeg itself turns to software here, for its decoder of H.264 knows nothing of Quick Sync."""
    usable(monkeypatch, "qsv")
    with open_source("sample", SourceSettings(hwaccel="qsv")) as source:
        assert source.info.codec == "h264 in software (qsv: it has no decoder for h264 here)"
        assert next(iter(source)).planes is not None
    assert ["no decoder for h264" in record.getMessage() for record in caplog.records] == [True]


def test_nothing_changes_where_hardware_is_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    with open_source("sample") as source:
        assert source.info.codec == "h264"
    assert not caplog.records
