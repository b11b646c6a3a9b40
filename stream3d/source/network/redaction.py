"""Addresses as they may be shown: without user, password, or anything that looks like one."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from stream3d.errors import SourceRefusedError

_SECRET = re.compile(r"pass|pwd|secret|token|key|auth|sig|user|login|credential|session|jwt", re.IGNORECASE)


def redact(url: str, secret: str | None = None) -> str:
    """``url`` without its user, password, query values that look like one, and ``secret`` wherever it stands.

    All up to the last ``@`` goes, since a password may hold a ``/``, ``#`` or ``?`` that was not written as ``%2F``.

    >>> redact("rtsp://admin:12345@10.0.0.7:554/cam?channel=1&password=12345")
    'rtsp://***@10.0.0.7:554/cam?channel=1&password=***'
    >>> redact("rtsp://admin:12/45#6@10.0.0.7/cam")
    'rtsp://***@10.0.0.7/cam'
    """
    if secret:
        url = url.replace(secret, "***")
    scheme, mark, rest = url.partition("://")
    user, at, rest = rest.rpartition("@")
    parts = split_url(f"{scheme}{mark}{rest}")
    pairs = [(key, "***" if _SECRET.search(key) else value) for key, value in parse_qsl(parts.query, True)]
    query = urlencode(pairs, safe="*/:") if any(value == "***" for _, value in pairs) else parts.query
    return parts._replace(netloc=f"{'***' if user else ''}{at}{parts.netloc}", query=query).geturl()


def safe_name(text: str) -> str:
    """A file-name stem of letters, digits, dots, dashes and underscores.

    >>> safe_name("10.0.0.7/cam 1/")
    '10.0.0.7_cam_1'
    """
    return re.sub(r"[^\w.-]+", "_", text).strip("_.")[:80] or "source"


def split_url(url: str) -> SplitResult:
    """The parts of a URL, whose port is a number.

    Raises:
        SourceRefusedError: it cannot be read; the message holds nothing of it but the scheme.
    """
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        scheme = url.partition("://")[0]
        raise SourceRefusedError(
            f"{scheme}://…: not a URL that can be read; a port is a number, and / # ? in a password are written as"
            " %2F %23 %3F"
        ) from None
    return parts
