"""Ports of ours that somebody pushes a stream to: on this machine alone, or with a token from anywhere."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import replace
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlencode

from stream3d.errors import SettingsError, SourceRefusedError
from stream3d.source.network.redaction import redact, safe_name
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target

TOKEN_VARIABLE = "STREAM3D_LISTEN_TOKEN"  # noqa: S105 - where it is looked for
MIN_TOKEN = 16
# How long FFmpeg listens before it is asked to listen again. Nothing can interrupt it there but the end of its process.
WAIT_S = 60
_MAX_TOKEN = 256
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def asks_to_listen(parts: SplitResult) -> bool:
    """Whether the query holds ``listen`` or ``listen=1``."""
    return any(key == "listen" and value in ("", "1") for key, value in parse_qsl(parts.query, True))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("cam.example")
    (True, True, False, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listening(target: Target, parts: SplitResult, settings: SourceSettings) -> Target:
    """``target`` as a port that waits for a publisher; one who has to show the token, where there is one.

    Raises:
        SourceRefusedError: it names no port, or could be reached from other machines without a token.
        SettingsError: the token cannot be read or is too short.
    """
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    if parts.port is None:
        raise SourceRefusedError(
            f"{target.shown}: names no port to listen on; write {scheme}://127.0.0.1:PORT/…?listen"
        )
    token = None if scheme == "rtsp" else listen_token(settings)
    if not is_loopback(host) and token is None:
        raise SourceRefusedError(f"{target.shown}: {_refusal(scheme)}")
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query, True) if key != "listen"])
    address = parts._replace(scheme=scheme, query=query).geturl()
    shown = redact(target.shown, token)
    return replace(
        target,
        shown=shown,
        name=safe_name(f"{host}{parts.path}".replace(token or "\0", "")),
        address=address,
        options=target.options | _options(scheme),
        format={"rtmp": "flv", "rtsp": "rtsp"}.get(scheme),
        listens=True,
        token=token,
    )


def listen_token(settings: SourceSettings) -> str | None:
    """The token that a publisher has to show: from the file of the settings, else from the environment, or None.

    Raises:
        SettingsError: the file cannot be read, or the token is shorter than 16 characters or has others than letters,
            digits, ``-._~``.
    """
    if settings.listen_token_file is None:
        token, where = os.environ.get(TOKEN_VARIABLE), TOKEN_VARIABLE
    else:
        where = f"listen_token_file {settings.listen_token_file}"
        token = _read(Path(settings.listen_token_file), where)
    if token is None:
        return None
    if not MIN_TOKEN <= len(token) <= _MAX_TOKEN or not _UNRESERVED.issuperset(token):
        raise SettingsError(
            f"{where}: a token is {MIN_TOKEN} to {_MAX_TOKEN} letters, digits or -._~, this one has {len(token)}"
            " characters; make one with: python -c 'import secrets; print(secrets.token_urlsafe(24))'"
        )
    return token


def _read(path: Path, where: str) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(_MAX_TOKEN + 2).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where} cannot be read ({error.__class__.__name__})") from None


def _options(scheme: str) -> dict[str, str]:
    """How each protocol is told to listen, and for how long; RTSP refuses to listen without a limit."""
    if scheme == "rtsp":
        return {"rtsp_flags": "listen", "listen_timeout": str(WAIT_S)}
    if scheme == "rtmp":
        return {"listen": "1", "timeout": str(WAIT_S)}
    return {"listen": "1", "listen_timeout": str(WAIT_S * 1000)}


def _refusal(scheme: str) -> str:
    if scheme == "rtsp":
        return (
            "RTSP is pushed to 127.0.0.1 only, since FFmpeg checks nobody who pushes it; push RTMP with a token, or"
            " through an SSH tunnel"
        )
    return (
        "other machines could push to it, so a token is needed: --listen-token-file FILE, or the environment variable"
        f" {TOKEN_VARIABLE}; or listen on 127.0.0.1"
    )
