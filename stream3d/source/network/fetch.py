"""Requests over HTTP to one host and port, whatever playlists and redirects may name."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from typing import IO, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from stream3d.errors import SourceError, SourceNotFoundError, SourceRefusedError
from stream3d.source.network.redaction import redact
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target

PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


class Fetch:
    """Requests to one origin, with the user, password, time limits and proxies that belong to it."""

    def __init__(self, target: Target, settings: SourceSettings) -> None:
        self.shown = target.shown
        self._settings = settings
        self._allowed = _origins(target.address)
        parts = urlsplit(target.address)
        known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        if parts.username is not None:
            user, password = unquote(parts.username), unquote(parts.password or "")
            known.add_password(None, [f"{s}://{h}:{p}/" for s, h, p in self._allowed], user, password)
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _Http(settings.read_timeout_s),
            _Https(settings.read_timeout_s),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDigestAuthHandler(known),
            urllib.request.HTTPBasicAuthHandler(known),
            urllib.request.HTTPCookieProcessor(),
            _Redirects(self.checked),
        ):
            self._opener.add_handler(handler)

    def checked(self, url: str) -> str:
        """``url`` if it lies where it may, without its user and password.

        Raises:
            SourceRefusedError: it does not.
        """
        try:
            parts = urlsplit(url)
            origin = _origin(url)
        except ValueError:
            raise SourceRefusedError(f"{self.shown}: names an address that cannot be read") from None
        if parts.scheme.startswith("crypto"):
            raise SourceRefusedError(f"{self.shown}: its pictures are encrypted, which is not opened")
        if origin not in self._allowed:
            raise SourceRefusedError(
                f"{self.shown}: names {redact(url)[:200]!r}, not on the same host and port: not opened"
            )
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))

    def get(self, url: str, start: int, end: int) -> http.client.HTTPResponse:
        """The answer to a request for the bytes from ``start`` up to ``end``, 0 = all.

        Raises:
            SourceError: (or a child) there is none, or not in time.
        """
        request = urllib.request.Request(self.checked(url), headers={"User-Agent": "stream3d", "Accept": "*/*"})  # noqa: S310
        if start or end:
            request.add_header("Range", f"bytes={start}-{end - 1 if end else ''}")
        try:
            answer: http.client.HTTPResponse = self._opener.open(request, timeout=self._settings.timeout_s)
        except SourceError:
            raise
        except urllib.error.HTTPError as error:
            error.close()
            raise self._status(error.code) from None
        except ValueError:  # the server asks for a kind of proof that the handlers do not know, or that nobody gave
            raise self._status(http.client.UNAUTHORIZED) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error, f"no answer within {self._settings.timeout_s:g} s") from None
        if start and answer.status != http.client.PARTIAL_CONTENT:
            answer.close()
            raise SourceError(f"{self.shown}: the server sends no parts of files")
        return answer

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Failures while reading, as one line."""
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._failure(error, f"nothing came for {self._settings.read_timeout_s:g} s") from None

    def _failure(self, error: Exception, late: str) -> SourceError:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, TimeoutError):
            return SourceError(f"{self.shown}: {late}")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SourceRefusedError(
                f"{self.shown}: its certificate is not trusted ({cause.verify_message}); if it should be, name a file"
                " that holds it in the environment variable SSL_CERT_FILE"
            )
        why = cause.strerror if isinstance(cause, OSError) and cause.strerror else type(cause).__name__
        return SourceError(f"{self.shown}: cannot be opened, or broke off ({why})")

    def _status(self, code: int) -> SourceError:
        if code in (404, 410):
            return SourceNotFoundError(f"{self.shown}: nothing is there (HTTP {code})")
        if code in (401, 403, 407):
            return SourceRefusedError(f"{self.shown}: access refused (HTTP {code}); check the user and password")
        return SourceError(f"{self.shown}: cannot be opened (HTTP {code})")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, checked: Callable[[str], str]) -> None:
        self._checked = checked

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        return super().redirect_request(req, fp, code, msg, headers, self._checked(newurl))  # type: ignore[arg-type]


class _Http(urllib.request.HTTPHandler):
    def __init__(self, read_timeout_s: float) -> None:
        super().__init__()
        self._kind = _patient(http.client.HTTPConnection, read_timeout_s)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._kind, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, read_timeout_s: float) -> None:
        super().__init__()
        self._kind = _patient(http.client.HTTPSConnection, read_timeout_s)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._kind, req, context=ssl.create_default_context())


def _patient(kind: type[http.client.HTTPConnection], read_timeout_s: float) -> Any:
    """A connection of ``kind`` that, once it was answered, waits ``read_timeout_s`` for more."""

    class Connection(kind):  # type: ignore[valid-type, misc]
        def getresponse(self) -> http.client.HTTPResponse:
            sock = self.sock
            answer: http.client.HTTPResponse = super().getresponse()
            sock.settimeout(read_timeout_s)
            return answer

    return Connection


def _origin(url: str) -> Origin:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower().rstrip("."), parts.port or PORTS.get(scheme, 0)


def _origins(address: str) -> frozenset[Origin]:
    scheme, host, port = _origin(address)
    upgraded = {("https", host, 443)} if (scheme, port) == ("http", 80) else set()
    return frozenset({(scheme, host, port)} | upgraded)
