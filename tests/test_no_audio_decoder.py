"""Sound is never decoded, not even while FFmpeg looks for streams: so flaws in audio decoders cannot be reached.

FFmpeg 8.1.2 has one in its APAC decoder (CVE-2026-125267). What FFmpeg refused it says in its log, which is listened to
in a process of its own: a log level set here would stay for all other tests, and block decoders with threads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest
from av.codec.codec import UnknownCodecError

from stream3d.source.allow import CAMERA_CODECS, CAMERA_CONTAINERS, CODECS, CONTAINERS, SCHEMES
from tests.clips import write_clip

ROOT = Path(__file__).resolve().parents[1]

# Opens argv[2] with argv[1], and says which decoders were refused, and what is known of the sound.
CHILD = """
import json, re, sys
import av, av.logging
from stream3d.errors import Stream3DError
from stream3d.source import SourceSettings, open_source
av.logging.set_level(av.logging.DEBUG)
how, path = sys.argv[1:]
sound, frames, error = [], 0, ""
with av.logging.Capture(local=False) as lines:
    if how == "ours":
        with open_source(path, SourceSettings(threads=1)) as source:
            streams = source._decoder.container.streams.audio
            sound = [(s.codec_context.name, s.codec_context.is_open) for s in streams if s.codec_context]
            frames = sum(1 for _ in source)
    else:
        with av.open(path) as container:
            sound = [(s.codec_context.name, s.codec_context.is_open) for s in container.streams.audio]
            try:
                frames = sum(1 for _ in container.decode(audio=0))
            except av.error.FFmpegError as failure:
                error = str(failure)
told = [re.match(r"Codec \\((\\w+)\\) not on whitelist", text) for _, _, text in lines]
refused = sorted({found[1] for found in told if found})
print(json.dumps({"refused": refused, "sound": sound, "frames": frames, "error": error}))
"""


def opened(how: str, path: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, how, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    said: dict[str, object] = json.loads(done.stdout)
    return said


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("sound") / "loud.mp4", audio=True)


def test_no_list_holds_anything_that_decodes_sound() -> None:
    for name in {*CODECS, *CAMERA_CODECS}:
        try:
            assert av.Codec(name, "r").type == "video", name
        except UnknownCodecError:
            assert name == "libdav1d"  # not in every build
    lists = [CONTAINERS, CAMERA_CONTAINERS, *(access.containers for access in SCHEMES.values())]
    assert "apac" not in {name for names in lists for name in names}  # the demuxer that the flawed decoder has


def test_ffmpeg_itself_refuses_the_decoder_of_the_sound(loud: Path) -> None:
    assert opened("ours", loud) == {"refused": ["aac"], "sound": [["aac", False]], "frames": 12, "error": ""}


def test_it_would_have_decoded_it_otherwise(loud: Path) -> None:
    said = opened("plain", loud)
    assert said["refused"] == []
    assert said["frames"]


def test_sound_in_a_transport_stream(tmp_path: Path) -> None:
    """There its parameters are not in a header, and FFmpeg would decode some to learn them."""
    said = opened("ours", write_clip(tmp_path / "loud.ts", "mpeg2video", rate=25, audio=True))
    assert said["refused"] == ["aac"]
    assert said["frames"] == 12
