"""Playlists, redirects, ranges and passwords over HTTP: what is opened, and what is not."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from stream3d.errors import SourceError, SourceFormatError, SourceRefusedError
from stream3d.source import SourceSettings, open_source
from stream3d.source.allow import MAX_PLAYLIST_BYTES
from tests.clips import number_of, write_clip

Answer = Callable[[http.server.BaseHTTPRequestHandler], bool]
FAST = {"timeout_s": 10.0, "read_timeout_s": 5.0}


@contextlib.contextmanager
def website(folder: Path, special: Answer = lambda _: False) -> Iterator[tuple[int, list[str]]]:
    """``folder`` over HTTP with ranges, unless ``special`` answers; its port, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            if not special(self):
                self.file(folder / self.path.lstrip("/").partition("?")[0])

        def file(self, path: Path) -> None:
            data = path.read_bytes() if path.is_file() else b""
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            part = data[int(span[1]) : int(span[2]) + 1 if span[2] else None] if span else data
            self.send_response(404 if not data else 206 if span else 200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield site.server_port, asked
        finally:
            site.shutdown()
            thread.join(timeout=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Three segments of ten pictures each, as FFmpeg cuts them, and ``good.m3u8`` that names them."""
    folder = tmp_path_factory.mktemp("hls")
    clip = write_clip(folder / "clip.ts", pts=range(30), options={"g": "10", "keyint_min": "10", "sc_threshold": "0"})
    options = {"hls_time": "1", "hls_list_size": "0"}
    with av.open(str(clip)) as source, av.open(str(folder / "good.m3u8"), "w", format="hls", options=options) as hls:
        stream = hls.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                hls.mux(packet)
    return folder


def playlist(*names: str, more: str = "", end: str = "#EXT-X-ENDLIST\n") -> str:
    entries = "".join(f"#EXTINF:1,\n{name}\n" for name in names)
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n{more}{entries}{end}"


def numbers(url: str, **settings: object) -> list[int]:
    with open_source(url, SourceSettings(**(FAST | settings))) as source:
        return [number_of(frame.image) for frame in source]


def test_a_playlist_of_its_own_segments(folder):
    with website(folder) as (port, asked):
        assert numbers(f"http://127.0.0.1:{port}/good.m3u8") == list(range(30))
    assert asked == ["/good.m3u8", "/good0.ts", "/good1.ts", "/good2.ts"]


def test_a_playlist_of_playlists(folder):
    (folder / "master.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\ngood.m3u8\n")
    with website(folder) as (port, _):
        assert numbers(f"http://127.0.0.1:{port}/master.m3u8") == list(range(30))


def test_a_playlist_cannot_name_other_hosts_or_ports(folder):
    with website(folder) as (port, _), website(folder) as (other, asked):
        for name in (
            f"http://127.0.0.1:{other}/good1.ts",
            f"http://localhost:{port}/good1.ts",
            f"https://127.0.0.1:{port}/good1.ts",
            f"//127.0.0.1:{other}/good1.ts",
            f"http://127.0.0.1:{port}@127.0.0.1:{other}/good1.ts",
        ):
            (folder / "evil.m3u8").write_text(playlist("good0.ts", name, "good2.ts"))
            with pytest.raises(SourceRefusedError, match="not on the same host and port"):
                numbers(f"http://127.0.0.1:{port}/evil.m3u8")
        (folder / "evil.m3u8").write_text(
            f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:{other}/good.m3u8\n"
        )
        with pytest.raises(SourceError):
            numbers(f"http://127.0.0.1:{port}/evil.m3u8")
    assert asked == []


@pytest.mark.parametrize(
    "name",
    ["file:///etc/hostname", "/etc/hostname", "file:CLIP",
     "file://CLIP", "concat:CLIP", "subfile,,start,0,end,0,,:CLIP",
     "data:text/plain,hello", "pipe:0", "tcp://127.0.0.1:PORT/good1.ts", "crypto:file:CLIP"],
)  # fmt: skip
def test_a_playlist_cannot_name_local_files_or_other_protocols(folder, name):
    with website(folder) as (port, asked):
        name = name.replace("CLIP", str(folder / "good1.ts")).replace("PORT", str(port))
        (folder / "evil.m3u8").write_text(playlist("good0.ts", name, "good2.ts"))
        got: list[int] = []
        with contextlib.suppress(SourceError):
            got = numbers(f"http://127.0.0.1:{port}/evil.m3u8")
    assert not {10, 11, 12} & set(got)
    assert set(asked) <= {"/evil.m3u8", "/good0.ts", "/good2.ts", "/etc/hostname"}  # a path on the server, not here


def test_keys_and_maps_are_held_to_the_same(folder):
    with website(folder) as (port, _), website(folder) as (other, asked):
        for more in (
            f'#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{other}/key"\n',
            f'#EXT-X-MAP:URI="http://127.0.0.1:{other}/init.mp4"\n',
            '#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/hostname"\n',
        ):
            (folder / "evil.m3u8").write_text(playlist("good0.ts", more=more))
            with pytest.raises(SourceError):
                numbers(f"http://127.0.0.1:{port}/evil.m3u8")
    assert asked == []


def test_encrypted_segments_are_refused_in_words(folder):
    (folder / "key").write_bytes(bytes(16))
    (folder / "secret.m3u8").write_text(playlist("good0.ts", more='#EXT-X-KEY:METHOD=AES-128,URI="key"\n'))
    with website(folder) as (port, _), pytest.raises(SourceRefusedError, match="its pictures are encrypted"):
        numbers(f"http://127.0.0.1:{port}/secret.m3u8")


def test_a_live_playlist_is_checked_each_time_it_is_read_again(folder):
    with website(folder) as (other, untouched):
        lists = [
            playlist("good0.ts", end=""),
            playlist("good0.ts", "good1.ts", end=""),
            playlist("good0.ts", "good1.ts", f"http://127.0.0.1:{other}/good2.ts", end=""),
        ]

        def live(handler: http.server.BaseHTTPRequestHandler) -> bool:
            if handler.path != "/live.m3u8":
                return False
            data = (lists.pop(0) if len(lists) > 1 else lists[0]).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
            return True

        got: list[int] = []
        with website(folder, live) as (port, _), pytest.raises(SourceRefusedError, match="not on the same host"):  # noqa: PT012
            url = f"http://127.0.0.1:{port}/live.m3u8"
            with open_source(url, SourceSettings(**FAST, isolate=False)) as source:
                got.extend(number_of(frame.image) for frame in source)
    assert untouched == []


def test_a_playlist_without_an_end(folder):
    def endless(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        with contextlib.suppress(OSError):
            handler.wfile.write(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n")
            for _ in range(MAX_PLAYLIST_BYTES // 64 * 2):
                handler.wfile.write(b"#" * 63 + b"\n")
        return True

    with website(folder, endless) as (port, _), pytest.raises(SourceRefusedError, match="a playlist of more than"):
        numbers(f"http://127.0.0.1:{port}/endless.m3u8")


def redirecting(to: str) -> Answer:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> bool:
        if not handler.path.startswith("/there"):
            return False
        handler.send_response(302)
        handler.send_header("Location", to.replace("PORT", str(handler.server.server_port)))
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    return answer


def test_a_redirect_on_the_same_host_is_followed(folder):
    with website(folder, redirecting("/clip.ts")) as (port, asked):
        assert numbers(f"http://127.0.0.1:{port}/there.ts") == list(range(30))
    assert set(asked) == {"/there.ts", "/clip.ts"}


@pytest.mark.parametrize(
    "to", ["file:///etc/hostname", "ftp://127.0.0.1:PORT/x", "http://localhost:PORT/clip.ts", "OTHER"]
)
def test_a_redirect_elsewhere_is_not(folder, to):
    with website(folder) as (other, asked):
        to = to.replace("OTHER", f"http://127.0.0.1:{other}/clip.ts")
        with website(folder, redirecting(to)) as (port, _), pytest.raises(SourceError):
            numbers(f"http://127.0.0.1:{port}/there.ts")
        (folder / "evil.m3u8").write_text(playlist("good0.ts", "there1.ts"))
        with website(folder, redirecting(to)) as (port, _), pytest.raises(SourceError):
            numbers(f"http://127.0.0.1:{port}/evil.m3u8")
    assert asked == []


def test_an_index_at_the_end_is_sought(tmp_path):
    write_clip(tmp_path / "clip.mp4", pts=range(40), options={"g": "10"})
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"mdat") < data.index(b"moov")
    with website(tmp_path) as (port, _):
        assert numbers(f"http://127.0.0.1:{port}/clip.mp4") == list(range(40))
        assert numbers(f"http://127.0.0.1:{port}/clip.mp4", start_s=2.5, end_s=2.8) == [25, 26, 27]


@pytest.mark.parametrize("how", ["Basic", "Digest"])
def test_user_and_password_are_shown_to_the_server_that_asks(folder, how):
    challenge = f'{how} realm="cam", nonce="abc", qop="auth"' if how == "Digest" else 'Basic realm="cam"'
    given: list[str] = []

    def guarded(handler: http.server.BaseHTTPRequestHandler) -> bool:
        answer = handler.headers.get("Authorization", "")
        given.append(answer)
        if answer.startswith(how):
            return False
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", challenge)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    with website(folder, guarded) as (port, _):
        assert numbers(f"http://me:p%40ss@127.0.0.1:{port}/good.m3u8") == list(range(30))
        with pytest.raises(SourceRefusedError, match="access refused"):
            numbers(f"http://127.0.0.1:{port}/good.m3u8")
    expected = "Basic bWU6cEBzcw==" if how == "Basic" else 'Digest username="me"'
    assert any(answer.startswith(expected) for answer in given)


def test_pictures_after_each_other(tmp_path):
    from tests.clips import picture, write_image

    jpegs = [write_image(tmp_path / f"{n}.jpg", picture(n)).read_bytes() for n in range(8)]

    def camera(handler: http.server.BaseHTTPRequestHandler) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace;boundary=pic")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for jpeg in jpegs:
            head = f"--pic\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            handler.wfile.write(head.encode() + jpeg + b"\r\n")
        return True

    with website(tmp_path, camera) as (port, _):
        assert numbers(f"http://127.0.0.1:{port}/mjpeg", isolate=False) == list(range(8))


def test_a_web_page_is_not_video(folder):
    (folder / "page.html").write_text("<!doctype html><title>Log in</title>" * 200)
    with website(folder) as (port, _), pytest.raises((SourceFormatError, SourceRefusedError)):
        numbers(f"http://127.0.0.1:{port}/page.html")


def test_a_certificate_that_nobody_signed_is_refused(tmp_path):
    import shutil
    import ssl
    import subprocess

    if shutil.which("openssl") is None:
        pytest.skip("no openssl program here")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make, *names], check=True, capture_output=True, timeout=60)
    write_clip(tmp_path / "clip.ts")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    site.socket = context.wrap_socket(site.socket, server_side=True)
    site.handle_error = lambda *_: None
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(SourceRefusedError, match="its certificate is not trusted"):
            numbers(f"https://127.0.0.1:{site.server_port}/clip.ts")
    finally:
        site.shutdown()
        site.server_close()
        thread.join(timeout=20)
