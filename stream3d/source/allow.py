"""What is opened at all: containers, codecs, protocols, by FFmpeg's names. All else is refused undecoded.

FFmpeg knows hundreds of demuxers and decoders; some open further files that the input names (playlists), some are
known to be unsafe on crafted input. No audio decoder is on the list, so none can run, not even while FFmpeg probes.
"""

from __future__ import annotations

CONTAINERS = ("mov", "mp4", "matroska", "webm", "avi", "gif", "flv", "mpegts")
STREAM_CONTAINERS = (*CONTAINERS, "rtsp", "mpjpeg", "hls")
CAMERA_CONTAINERS = ("v4l2", "video4linux2", "avfoundation", "dshow")

CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mjpeg", "gif")
CAMERA_CODECS = ("rawvideo", "mjpeg", "h264", "hevc")

# A playlist that came over the network may name further network addresses, never a local file.
STREAM_PROTOCOLS = ("http", "https", "httpproxy", "tls", "tcp", "crypto", "rtp", "udp", "srt", "rtmp", "rtmps", "rtmpt")
SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "srt", "tcp")

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
