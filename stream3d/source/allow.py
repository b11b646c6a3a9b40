"""What is opened at all: containers, codecs, protocols, by FFmpeg's names, and limits. All else is refused undecoded.

FFmpeg knows hundreds of demuxers and decoders; some open further files that the input names (playlists), some are
known to be unsafe on crafted input. No audio decoder is on the list, so none can run, not even while FFmpeg probes.
"""

from __future__ import annotations

from typing import NamedTuple

CONTAINERS = ("mov", "mp4", "matroska", "webm", "avi", "gif", "flv", "mpegts")
CAMERA_CONTAINERS = ("v4l2", "video4linux2", "avfoundation", "dshow")

CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mjpeg", "gif")
CAMERA_CODECS = ("rawvideo", "mjpeg", "h264", "hevc")

# What a camera may be asked to send: compressed by FFmpeg's codec names, raw by its pixel format names.
CAMERA_COMPRESSED = ("mjpeg", "h264", "hevc")
CAMERA_RAW = ("yuyv422", "uyvy422", "nv12", "yuv420p", "rgb24", "bgr24", "bgr0", "gray")
CAMERA_FORMATS = (*CAMERA_COMPRESSED, *CAMERA_RAW)


class Access(NamedTuple):
    """What an address with a scheme may hold, and the protocols that FFmpeg may speak to get it."""

    containers: tuple[str, ...]
    protocols: tuple[str, ...]


# FFmpeg never opens http by itself (``stream3d.source.network.web`` does, and checks every address), so tcp is not on
# its list. Playlists come over http alone; what is pushed or sent can name no further address at all.
SCHEMES = {
    "http": Access((*CONTAINERS, "mpjpeg", "hls"), ("http", "https")),
    "https": Access((*CONTAINERS, "mpjpeg", "hls"), ("http", "https")),
    "rtsp": Access(("rtsp",), ("tcp", "udp", "rtp")),
    "rtsps": Access(("rtsp",), ("tls", "tcp")),
    "rtmp": Access(("flv",), ("rtmp", "tcp")),
    "rtmps": Access(("flv",), ("rtmps", "tls", "tcp")),
    "udp": Access(("mpegts",), ("udp",)),
    "rtp": Access(("rtp", "mpegts"), ("rtp", "udp")),
    "srt": Access(("mpegts",), ("srt",)),
    "tcp": Access((*CONTAINERS, "mpjpeg"), ("tcp",)),
}
LISTENING_SCHEMES = ("rtmp", "tcp", "rtsp")

# Limits of every container: streams in it, and bytes looked at before its kind and its streams count as known.
LIMITS = {"max_streams": "64", "probesize": "5000000", "formatprobesize": "1048576"}
# What is live is probed for 0.5 s at most, and for its rate over 3 pictures: FFmpeg would take 5 s over sound that is
# never decoded. Where the key frame comes later, the decoder learns the size from it.
LIVE_LIMITS = {"analyzeduration": "500000", "fpsprobesize": "3"}
# One compressed picture; an intra-coded 8K picture of the best quality is a third of that.
MAX_PACKET_BYTES = 64 * 2**20
# A playlist of a day of 2 s segments is 2 MB.
MAX_PLAYLIST_BYTES = 4 * 2**20

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

_IMAGE_STARTS = ((b"\xff\xd8\xff", "mjpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"BM", "bmp"))
_TIFF_STARTS = (b"II*\x00", b"MM\x00*")
_PLAYLIST_STARTS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"<SmoothStreamingMedia", b"[playlist]", b"v=0")


def image_codec(start: bytes) -> str | None:
    """FFmpeg's decoder for a still image that begins with these bytes (at least 12), None if it is not one.

    >>> image_codec(bytes.fromhex("ffd8ffe000104a4649460001")), image_codec(b"GIF89a")
    ('mjpeg', None)
    """
    if start[:4] in _TIFF_STARTS:
        return "tiff"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    return next((codec for magic, codec in _IMAGE_STARTS if start.startswith(magic)), None)


def is_playlist(start: bytes) -> bool:
    """Whether a file that begins with these bytes only names other files or addresses."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_PLAYLIST_STARTS)
