"""What a network address becomes: what it may hold, what it may reach, and that no secret in it is ever shown."""

from __future__ import annotations

import contextlib
import dataclasses
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.errors import SettingsError, SourceError, SourceFormatError, SourceRefusedError, Stream3DError
from stream3d.source import SourceSettings, open_source
from stream3d.source.allow import SCHEMES
from stream3d.source.network.address import url_target
from stream3d.source.network.redaction import redact
from stream3d.source.video import VideoSource
from tests.clips import write_clip
from tests.test_source_bad_input import server

SECRET = "Hunter2-sesame"  # noqa: S105 - of nobody
TOKEN = "correct-horse-battery-staple"  # noqa: S105 - of nobody


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"rtsp://admin:{SECRET}@cam:554/1?channel=1", "rtsp://***@cam:554/1?channel=1"),
        (f"rtsp://admin:a/b#c?{SECRET}@cam/1", "rtsp://***@cam/1"),
        (f"rtsp://admin:a@{SECRET}@cam/1", "rtsp://***@cam/1"),
        (f"RTSP://{SECRET}@cam/1", "rtsp://***@cam/1"),
        (f"http://cam/v.m3u8?Auth={SECRET}&w=1", "http://cam/v.m3u8?Auth=***&w=1"),
        (f"http://cam/v?jwt={SECRET}", "http://cam/v?jwt=***"),
        (f"rtmp://cam/app?session={SECRET}", "rtmp://cam/app?session=***"),
    ],
)
def test_what_is_shown_holds_no_secret(url, shown):
    assert redact(url) == shown
    assert SECRET not in redact(url)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=30))
def test_no_password_is_shown_however_it_is_written(password):
    with contextlib.suppress(SourceRefusedError):
        assert redact(f"rtsp://me:{password}@cam:554/1?w=2") == "rtsp://***@cam:554/1?w=2"


@pytest.mark.parametrize("scheme", sorted(set(SCHEMES) - {"srt"}))
def test_no_secret_in_a_target_as_python_shows_it(scheme):
    target = url_target(f"{scheme}://127.0.0.1:9/x?key={SECRET}&sources=1.2.3.4")
    assert SECRET not in repr(target)
    assert SECRET not in target.name
    if scheme not in ("udp", "rtp"):
        target = url_target(f"{scheme}://me:{SECRET}@127.0.0.1:9/x")
        assert SECRET not in repr(target)
        assert SECRET in target.address


BAD = [
    "http://me:{secret}@127.0.0.1:{port}/v.mp4",
    "https://me:{secret}@127.0.0.1:{port}/v.mp4",
    "http://127.0.0.1:{port}/v.m3u8?token={secret}",
    "rtsp://me:{secret}@127.0.0.1:{port}/v",
    "rtsps://me:{secret}@127.0.0.1:{port}/v",
    "rtmp://me:{secret}@127.0.0.1:{port}/app/v",
    "rtmps://me:{secret}@127.0.0.1:{port}/app/v",
    "tcp://me:{secret}@127.0.0.1:{port}",
    "srt://me:{secret}@127.0.0.1:{port}",
    "udp://me:{secret}@127.0.0.1:{port}",
    "gopher://me:{secret}@127.0.0.1:{port}/",
    "rtsp://me:{secret}#1@127.0.0.1:{port}/v",
    "rtsp://me:1/{secret}@127.0.0.1:{port}/v",
    "rtsp://[me:{secret}@127.0.0.1:{port}/v",
    "rtsp://me:{secret}@127.0.0.1:{port}9999/v",
]


WAYS = [*((url, False) for url in BAD), *((url, True) for url in BAD[:4])]  # True: through the other process


@pytest.mark.parametrize(("url", "isolate"), WAYS)
@pytest.mark.parametrize("answers", [b"HTTP/1.0 401 Go away\r\n\r\n", b"RTSP/1.0 401 Go away\r\nCSeq: 1\r\n\r\n"])
def test_no_secret_on_any_way_to_fail(url, isolate, answers, capfd, caplog):
    def answer(connection):
        connection.recv(65536)
        connection.sendall(answers)
        connection.close()

    settings = SourceSettings(timeout_s=0.5, read_timeout_s=0.5, isolate=isolate)
    with server(answer) as port, pytest.raises(Stream3DError) as caught:
        list(open_source(url.format(secret=SECRET, port=port), settings))
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    out, err = capfd.readouterr()
    assert SECRET not in told + out + err
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["gopher://x/", "file2://x", "concat://a|b", "lavfi://testsrc", "pipe://0", "rtsp://", "http:///v.mp4", "tcp://"],
)
def test_other_addresses_are_refused(url):
    with pytest.raises(SourceRefusedError):
        url_target(url)


def test_what_each_scheme_may_hold_and_speak():
    assert "hls" in url_target("https://h/v").containers
    for scheme in ("rtsp", "rtmp", "tcp"):
        target = url_target(f"{scheme}://h:1/v.m3u8")
        assert "hls" not in target.containers
        assert not {"http", "https", "file"} & set(target.protocols)
    assert not {"tcp", "tls", "file"} & set(url_target("http://h/v").protocols)


def test_how_rtp_comes_is_a_setting():
    assert url_target("rtsp://h/v").options["rtsp_transport"] == "tcp"
    assert url_target("rtsp://h/v", SourceSettings(rtsp_transport="udp")).options["rtsp_transport"] == "udp"
    with pytest.raises(SettingsError, match="rtsp_transport must be tcp or udp, not 'carrier pigeon'"):
        SourceSettings(rtsp_transport="carrier pigeon")


def test_datagrams_come_from_this_machine_or_a_named_sender_or_a_group():
    assert url_target("udp://127.0.0.1:5000").options["localaddr"] == "127.0.0.1"
    assert "localaddr" not in url_target("udp://@239.1.2.3:5000").options
    assert url_target("udp://0.0.0.0:5000?sources=10.0.0.7").remote
    for url in ("udp://0.0.0.0:5000", "udp://@:5000", "udp://10.0.0.1:5000?sources=", "rtp://0.0.0.0:5000"):
        with pytest.raises(SourceRefusedError, match="sources=ADDRESS"):
            url_target(url)


def test_srt_says_what_to_do_where_it_is_not_built_in(monkeypatch):
    import av._core

    meta = {"libavformat": {"configuration": "--enable-gnutls"}}
    monkeypatch.setattr(av._core, "library_meta", meta)
    with pytest.raises(SourceRefusedError, match="not built into the FFmpeg"):
        url_target("srt://h:9000")
    meta["libavformat"]["configuration"] = "--enable-gnutls --enable-libsrt"
    assert url_target("srt://h:9000").protocols == ("srt",)
    for url in ("srt://:9000", "srt://0.0.0.0:9000?mode=listener", "srt://h:9000?mode=listener&passphrase=short"):
        with pytest.raises(SourceRefusedError, match="passphrase"):
            url_target(url)
    assert url_target(f"srt://0.0.0.0:9000?mode=listener&passphrase={TOKEN}").remote


# --- listening -----------------------------------------------------------------------------------------------------


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return str(path)


@pytest.mark.parametrize("scheme", ["tcp", "rtmp", "rtsp"])
def test_on_loopback_anybody_may_push(scheme):
    for host in ("127.0.0.1", "localhost", "[::1]"):
        target = url_target(f"{scheme}://{host}:5000/live/key?listen&x=1")
        assert (target.listens, target.token) == (True, None)
        assert target.address.endswith("?x=1")
    assert not url_target(f"{scheme}://127.0.0.1:5000/live?listen=0").listens
    assert not url_target(f"{scheme}://127.0.0.1:5000/live").listens


@pytest.mark.parametrize("scheme", ["tcp", "rtmp"])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.1", "studio.example"])  # noqa: S104 - never bound
def test_elsewhere_a_token_is_demanded(scheme, host, token_file, monkeypatch):
    url = f"{scheme}://{host}:5000/live/key?listen"
    with pytest.raises(SourceRefusedError, match="--listen-token-file FILE"):
        url_target(url)
    assert url_target(url, SourceSettings(listen_token_file=token_file)).token == TOKEN
    monkeypatch.setenv("STREAM3D_LISTEN_TOKEN", TOKEN)
    target = url_target(f"{scheme}://{host}:5000/{TOKEN}/key?listen")
    assert target.token == TOKEN
    assert TOKEN not in repr(target) + target.shown + target.name


def test_rtsp_is_pushed_on_loopback_only(token_file):
    with pytest.raises(SourceRefusedError, match=r"127\.0\.0\.1 only"):
        url_target("rtsp://0.0.0.0:5000/x?listen", SourceSettings(listen_token_file=token_file))


def test_a_port_is_needed():
    with pytest.raises(SourceRefusedError, match="names no port"):
        url_target("rtmp://127.0.0.1/live/key?listen")


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 15, "x" * 257, "with a space in the middle", "a/slash/is/a/separator"]
)
def test_tokens_that_cannot_be_used(token, tmp_path):
    path = tmp_path / "token"
    path.write_text(token)
    with pytest.raises(SettingsError, match="a token is 16 to 256 letters") as caught:
        url_target("tcp://0.0.0.0:5000?listen", SourceSettings(listen_token_file=str(path)))
    assert not token or token not in str(caught.value)
    path.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        url_target("tcp://0.0.0.0:5000?listen", SourceSettings(listen_token_file=str(path)))


def test_targets_can_be_written_as_json():
    import json

    target = url_target("rtmp://127.0.0.1:5000/live?listen")
    fields = json.loads(json.dumps(dataclasses.asdict(target)))
    assert fields["address"] == "rtmp://127.0.0.1:5000/live"


def test_a_packet_that_is_too_large_is_left_out(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4")
    monkeypatch.setattr("stream3d.source.decode.MAX_PACKET_BYTES", 10)
    with pytest.raises(SourceFormatError, match="12 damaged packets"):
        open_source(path)


@pytest.mark.parametrize(
    "to", ["rtsp://127.0.0.1:{}/x", "http://127.0.0.1:{}/x", "tcp://127.0.0.1:{}", "file:///etc/hostname"]
)
def test_an_rtsp_server_cannot_send_us_elsewhere(to):
    asked: list[bytes] = []
    reached: list[bytes] = []

    def redirecting(connection):
        while data := connection.recv(4096):
            asked.append(data.split(b" ")[0])
            number = next(line for line in data.split(b"\r\n") if line.lower().startswith(b"cseq"))
            answer = b"200 OK\r\nPublic: DESCRIBE" if asked[-1] == b"OPTIONS" else b"302 Found\r\nLocation: " + place
            connection.sendall(b"RTSP/1.0 " + answer + b"\r\n" + number + b"\r\n\r\n")

    with server(lambda connection: reached.append(connection.recv(4096))) as other, server(redirecting) as port:
        place = to.format(other).encode()
        target = url_target(f"rtsp://127.0.0.1:{port}/a")
        with pytest.raises(SourceError):
            VideoSource(target, SourceSettings(timeout_s=5))
    assert asked == [b"OPTIONS", b"DESCRIBE"]
    assert reached == []
