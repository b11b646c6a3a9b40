"""HTTP for FFmpeg, by Python: every address that a playlist or a redirect names is checked before it is opened.

FFmpeg's own lists can keep protocols out but not hosts, so a playlist could make it ask machines that only we can
reach. Here all that one source opens has to lie on the host and port that the user named; https may take the place of
http on the standard ports. Certificates are verified. Proxies are those of the environment (``http_proxy`` …).
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

from stream3d.errors import SourceRefusedError
from stream3d.source.allow import MAX_PLAYLIST_BYTES
from stream3d.source.network.fetch import PORTS, Fetch
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target

_FROM_HERE, _FROM_THE_END = 1, 2

Opener = Callable[[str, int, dict[str, str]], "WebFile"]


def web_opener(target: Target, settings: SourceSettings) -> Opener | None:
    """What PyAV is to open addresses with (``io_open``) for ``target``; None where it is none of http's."""
    if target.kind != "url" or target.listens or urlsplit(target.address).scheme not in PORTS:
        return None
    web = Fetch(target, settings)

    def io_open(url: str, flags: int, options: dict[str, str]) -> WebFile:
        if flags != 1:
            raise SourceRefusedError(f"{target.shown}: is only read, never written to")
        return WebFile(web, url, start=int(options.get("offset", 0)), end=int(options.get("end_offset", 0)))

    return io_open


class WebFile:
    """One answer as the file object that PyAV reads; it can be sought where the server gives ranges."""

    def __init__(self, web: Fetch, url: str, *, start: int, end: int) -> None:
        self._web, self._url, self._end = web, url, end
        self._at = self._wanted = start
        self._came = 0
        self._answer = web.get(url, start, end)
        self.length = _length(self._answer)
        """Bytes of the whole answer, None where the server did not say."""
        self._playlist = False

    def seekable(self) -> bool:
        """Whether ``seek`` may be called."""
        return self.length is not None and self._answer.headers.get("Accept-Ranges") == "bytes"

    def read(self, size: int) -> bytes:
        """What is there, at most ``size`` bytes; empty at the end.

        Raises:
            SourceError: the server fell silent or broke off.
            SourceRefusedError: a playlist without an end.
        """
        if self._wanted != self._at:
            self._answer.close()
            self._answer, self._at = self._web.get(self._url, self._wanted, self._end), self._wanted
        with self._web.told():
            data = self._answer.read1(size)
        if not self._came:
            self._playlist = data.lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U")
        self._came += len(data)
        self._at = self._wanted = self._at + len(data)
        if self._playlist and self._came > MAX_PLAYLIST_BYTES:
            raise SourceRefusedError(f"{self._web.shown}: a playlist of more than {MAX_PLAYLIST_BYTES} bytes")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to ``offset``; the server is asked again when something is read there."""
        start = {_FROM_HERE: self._wanted, _FROM_THE_END: self.length or 0}.get(whence, 0)
        self._wanted = start + offset
        return self._wanted

    def tell(self) -> int:
        """Where it stands."""
        return self._wanted

    def close(self) -> None:
        """Let go of the connection."""
        self._answer.close()


def _length(answer: http.client.HTTPResponse) -> int | None:
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isascii() and length.isdecimal() else None
