"""Network addresses, turned into what FFmpeg is told to open."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from urllib.parse import SplitResult, parse_qsl

from stream3d.errors import SourceRefusedError
from stream3d.source.allow import CODECS, LISTENING_SCHEMES, LIVE_LIMITS, SCHEMES
from stream3d.source.network.listen import MIN_TOKEN, asks_to_listen, is_loopback, listening
from stream3d.source.network.redaction import redact, safe_name, split_url
from stream3d.source.settings import SourceSettings
from stream3d.source.target import Target


def url_target(url: str, settings: SourceSettings | None = None) -> Target:
    """A stream or file on the network, or with ``?listen`` a port of ours that somebody pushes a stream to.

    Raises:
        SourceRefusedError: its scheme is not on the list or not built in, it is not a URL, or anybody at all could
            push to it.
        SettingsError: the file of the token cannot be read, or the token is too short.
    """
    settings = settings or SourceSettings()
    parts = split_url(url)
    scheme, shown = parts.scheme.lower(), redact(url)
    if scheme not in SCHEMES:
        raise SourceRefusedError(f"{shown}: {parts.scheme}:// is not opened; allowed are {', '.join(SCHEMES)}")
    target = Target(
        shown=shown,
        address=parts._replace(scheme=scheme).geturl(),
        kind="url",
        name=safe_name(f"{parts.hostname or scheme}{parts.path}"),
        containers=SCHEMES[scheme].containers,
        codecs=CODECS,
        protocols=SCHEMES[scheme].protocols,
        options=_options(scheme, parts, settings) | LIVE_LIMITS,
    )
    _check_host(target, scheme, parts)
    if asks_to_listen(parts) and scheme in LISTENING_SCHEMES:
        return listening(target, parts, settings)
    return target if scheme != "rtmp" else replace(target, format="flv")


def srt_is_built_in() -> bool:
    """Whether FFmpeg, as PyAV brings it, knows SRT; PyAV's own wheels do not."""
    import av._core

    return "--enable-libsrt" in av._core.library_meta["libavformat"]["configuration"]


def _options(scheme: str, parts: SplitResult, settings: SourceSettings) -> dict[str, str]:
    if scheme in ("rtsp", "rtsps"):
        return {"rtsp_transport": settings.rtsp_transport if scheme == "rtsp" else "tcp"}
    if scheme in ("http", "https"):
        # FFmpeg would abort on a connection that it wants to use again and that it did not open itself
        return {"http_persistent": "0", "http_multiple": "0"}
    if scheme in ("udp", "rtp"):
        here = {"localaddr": parts.hostname} if parts.hostname and is_loopback(parts.hostname) else {}
        return {"overrun_nonfatal": "1", **here} if scheme == "udp" else here
    return {}


def _check_host(target: Target, scheme: str, parts: SplitResult) -> None:
    if scheme == "srt":
        _check_srt(target, parts)
    elif scheme in ("udp", "rtp"):
        _check_datagrams(target, parts)
    elif not parts.hostname:
        raise SourceRefusedError(f"{target.shown}: names no host; write {scheme}://HOST:PORT/…")


def _check_datagrams(target: Target, parts: SplitResult) -> None:
    """A port for datagrams takes them from anybody, and they carry no token: so their sender has to be named."""
    host = parts.hostname or "0.0.0.0"  # noqa: S104 - what FFmpeg makes of it
    named = any(key == "sources" and value for key, value in parse_qsl(parts.query))
    if not (named or is_loopback(host) or _is_multicast(host)):
        raise SourceRefusedError(
            f"{target.shown}: anybody who reaches that port could send pictures; name the sender with ?sources=ADDRESS,"
            " or use 127.0.0.1 or a multicast group"
        )


def _check_srt(target: Target, parts: SplitResult) -> None:
    import av

    if not srt_is_built_in():
        raise SourceRefusedError(
            f"{target.shown}: srt:// is not built into the FFmpeg of this PyAV {av.__version__}; let another program"
            " pass it on, for example: ffmpeg -i srt://… -c copy -f mpegts udp://127.0.0.1:5000"
        )
    query = dict(parse_qsl(parts.query))
    listens = query.get("mode") == "listener" or not parts.hostname
    if listens and not is_loopback(parts.hostname or "") and len(query.get("passphrase", "")) < MIN_TOKEN:
        raise SourceRefusedError(
            f"{target.shown}: anybody could push to it; give a ?passphrase= of {MIN_TOKEN} or more characters"
        )


def _is_multicast(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_multicast
    except ValueError:
        return False
