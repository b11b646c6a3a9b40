"""Sources of frames: every container and codec, true times, upright pictures, right colours, images, cameras."""

from __future__ import annotations

import gc
import shutil
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stream3d.errors import SettingsError, SourceError
from stream3d.source import SourceSettings, open_source
from stream3d.source.clock import MediaClock
from stream3d.source.exif import jpeg_matrix
from stream3d.source.images import read_image
from stream3d.source.network.address import url_target
from stream3d.source.network.redaction import redact
from stream3d.source.picture import PictureConverter, turn_upright
from stream3d.values import Frame
from tests.clips import CORNERS, HEIGHT, WIDTH, colours_of, number_of, picture, write_clip, write_image

COLOUR = 8.0  # of 255: what lossy coding at small size may cost a flat patch
GIF_COLOUR = 45.0  # a GIF of FFmpeg has one fixed palette of 256 colours
CONVERSION = 3.0  # of 255: FFmpeg's fast fixed-point conversion against the exact one
ROUNDED_TO_MS = 0.0005  # s; Matroska, WebM and FLV store milliseconds
ROUNDED_TO_CS = 0.005  # s; GIF stores hundredths
EXACT = 1e-9

CLIPS = [
    ("mp4", "libx264", {}, EXACT),
    ("mp4", "libx264", {"bf": "3", "g": "8"}, EXACT),
    ("mov", "libx264", {"bf": "2"}, EXACT),
    ("mp4", "libx265", {"x265-params": "log-level=none:pools=1"}, EXACT),
    ("mp4", "mpeg4", {}, EXACT),
    ("mp4", "libsvtav1", {"preset": "12", "svtav1-params": "lp=1"}, EXACT),
    ("mkv", "libx264", {"bf": "3"}, ROUNDED_TO_MS),
    ("webm", "libvpx", {"deadline": "realtime"}, ROUNDED_TO_MS),
    ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}, ROUNDED_TO_MS),
    ("avi", "mpeg4", {}, EXACT),
    ("avi", "mpeg4", {"bf": "2"}, EXACT),
    ("avi", "mjpeg", {}, EXACT),
    ("flv", "libx264", {"bf": "2"}, ROUNDED_TO_MS),
    ("ts", "libx264", {"bf": "3"}, EXACT),
    ("gif", "gif", {}, ROUNDED_TO_CS),
]
PIX_FMTS = {"mjpeg": "yuvj420p", "gif": "rgb8"}


def read(what: object, **settings: object) -> list[Frame]:
    with open_source(what, SourceSettings(**settings)) as source:
        return list(source)


def numbers(frames: list[Frame]) -> list[int]:
    return [number_of(frame.image) for frame in frames]


def times(frames: list[Frame]) -> list[float]:
    return [frame.pts for frame in frames]


@pytest.mark.parametrize(("ending", "codec", "options", "tolerance_s"), CLIPS)
def test_every_container_and_codec(tmp_path, ending, codec, options, tolerance_s):
    path = write_clip(tmp_path / f"clip.{ending}", codec, options=options, pix_fmt=PIX_FMTS.get(codec, "yuv420p"))
    before = time.monotonic()
    with open_source(path) as source:
        frames = list(source)
        assert (source.counts.read, source.counts.corrupt, source.counts.repaired) == (12, 0, 0)
    assert numbers(frames) == list(range(12))
    assert [frame.index for frame in frames] == list(range(12))
    np.testing.assert_allclose(times(frames), np.arange(12) / 10, atol=tolerance_s + EXACT)
    for side, colour in colours_of(frames[5].image).items():
        np.testing.assert_allclose(colour, CORNERS[side], atol=GIF_COLOUR if ending == "gif" else COLOUR)
    assert before <= frames[0].captured_at <= frames[-1].captured_at <= time.monotonic()
    assert all(frame.image.flags.c_contiguous and frame.source_id == str(path) for frame in frames)
    info = source.info
    assert (info.width, info.height, info.kind, info.live, info.name) == (WIDTH, HEIGHT, "file", False, "clip")
    assert info.fps == pytest.approx(10, rel=0.02)
    assert info.duration_s == pytest.approx(1.2, abs=0.21)  # FLV counts reordering in
    assert info.frame_count == pytest.approx(12, abs=2)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_a_variable_rate_is_kept_and_the_first_picture_is_at_zero(tmp_path, ending):
    stamps = [700, 701, 740, 750, 751, 900, 1700]
    path = write_clip(tmp_path / f"vfr.{ending}", pts=stamps, rate=1000, options={"bf": "2"})
    frames = read(path)
    assert numbers(frames) == list(range(7))
    np.testing.assert_allclose(times(frames), (np.array(stamps) - 700) / 1000, atol=EXACT)


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_rotation_flag_is_applied(tmp_path, ending, rotation):
    path = write_clip(tmp_path / f"turned.{ending}", rotation=rotation)
    stored = picture(3)
    with open_source(path) as source:
        frame = list(source)[3]
    upright = np.rot90(stored, rotation // 90)  # both turn counterclockwise
    assert frame.size == (source.info.width, source.info.height) == (upright.shape[1], upright.shape[0])
    assert np.abs(frame.image.astype(int) - upright).mean() < COLOUR
    assert frame.image.flags.c_contiguous


def as_the_ffmpeg_program_shows_it(path: Path) -> np.ndarray:
    """The first frame, uint8 [H, W, 3], as the ffmpeg program's own player-like decoding turns it."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg program here")
    command = ["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-f", "image2", "-c:v", "png", path.name + ".png"]
    subprocess.run(command, check=True, timeout=60, cwd=path.parent)
    return read_image(path.parent / f"{path.name}.png", SourceSettings())


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotation_is_what_the_ffmpeg_program_makes_of_it(tmp_path, rotation):
    path = write_clip(tmp_path / "turned.mp4", rotation=rotation, pts=[0])
    theirs = as_the_ffmpeg_program_shows_it(path)
    (ours,) = read(path)
    assert ours.image.shape == theirs.shape
    assert np.abs(ours.image.astype(int) - theirs).mean() < COLOUR


@pytest.mark.data
def test_the_rotation_of_a_real_clip(data, tmp_path):
    path = tmp_path / "real.mov"
    path.write_bytes((data / "videos" / "rotation-flag-90.mov").read_bytes())
    theirs = as_the_ffmpeg_program_shows_it(path)
    assert np.abs(read(path)[0].image.astype(int) - theirs).mean() < COLOUR


def test_start_and_end_select_by_time(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", pts=range(60), options={"g": "15", "bf": "2"})
    frames = read(path, start_s=2.0, end_s=2.55)
    assert numbers(frames) == [20, 21, 22, 23, 24, 25]
    assert [frame.index for frame in frames] == list(range(6))
    np.testing.assert_allclose(times(frames), np.arange(20, 26) / 10, atol=EXACT)
    with open_source(path, SourceSettings(start_s=2.0, end_s=2.5)) as source:
        assert source.info.duration_s == pytest.approx(0.5)
        assert source.info.frame_count == 5
    assert numbers(read(path, end_s=0.3)) == [0, 1, 2]


@pytest.mark.parametrize(("ending", "codec"), [("gif", "gif"), ("flv", "libx264"), ("avi", "mpeg4"), ("ts", "libx264")])
def test_start_works_where_seeking_is_coarse(tmp_path, ending, codec):
    path = write_clip(tmp_path / f"clip.{ending}", codec, pts=range(30), pix_fmt=PIX_FMTS.get(codec, "yuv420p"))
    frames = read(path, start_s=1.95)
    assert numbers(frames) == list(range(20, 30))
    np.testing.assert_allclose(times(frames), np.arange(20, 30) / 10, atol=ROUNDED_TO_CS)


def test_start_behind_the_end_is_refused(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    with pytest.raises(SettingsError, match=r"start_s is 9 but it is only 1\.2 s long"):
        open_source(path, SourceSettings(start_s=9))
    image = write_image(tmp_path / "a.png", picture(1))
    with pytest.raises(SettingsError, match=r"no image lies after start_s = 9; the last is at 0 s"):
        open_source(image, SourceSettings(start_s=9))


def test_sound_is_never_touched(tmp_path):
    path = write_clip(tmp_path / "loud.mp4", audio=True)
    with open_source(path) as source:
        assert numbers(list(source)) == list(range(12))
        assert source._decoder.container.streams.audio == () or not any(
            stream.codec_context.is_open for stream in source._decoder.container.streams.audio
        )


def test_the_size_may_change_within_a_stream(tmp_path):
    path = tmp_path / "joined.ts"
    parts = [write_clip(tmp_path / "a.ts"), write_clip(tmp_path / "b.ts", size=(192, 144))]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read(path)
    assert {frame.size for frame in frames} == {(WIDTH, HEIGHT), (192, 144)}
    assert numbers(frames)[-1] == 11
    assert (np.diff(times(frames)) > 0).all()


def test_odd_and_tiny_sizes(tmp_path):
    for width, height in ((1, 1), (3, 5), (101, 57)):
        path = write_clip(tmp_path / f"{width}.avi", "mjpeg", size=(width, height), pix_fmt="yuvj444p")
        frames = read(path)
        assert len(frames) == 12
        assert {frame.image.shape for frame in frames} == {(height, width, 3)}
        assert all(frame.image.flags.c_contiguous for frame in frames)


def yuv_frame(
    pix_fmt: str, colorspace: int, color_range: int, size: tuple[int, int]
) -> tuple[av.VideoFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    frame = av.VideoFrame(*size, pix_fmt)
    frame.colorspace, frame.color_range = colorspace, color_range
    flat = rng.integers((70, 105, 105), (190, 150, 150), (8, 8, 3)).astype(np.uint8)
    rows, columns = np.arange(size[1]) * 8 // size[1], np.arange(size[0]) * 8 // size[0]
    yuv = flat[rows][:, columns]
    for plane, channel, step in zip(frame.planes, np.moveaxis(yuv, 2, 0), (1, 2, 2), strict=True):
        values = channel[::step, ::step]
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: len(values), : values.shape[1]] = values
    return frame, yuv.astype(float)


def exact_rgb(yuv: np.ndarray, red: float, blue: float, full: bool) -> np.ndarray:
    """ITU-R BT.601 / 709: from Y'CbCr of the given luma weights to R'G'B'."""
    y, u, v = yuv[..., 0], yuv[..., 1] - 128, yuv[..., 2] - 128
    if not full:
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.clip(np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], -1), 0, 255)


BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
UNSPECIFIED, LIMITED, FULL = 2, 1, 2


@pytest.mark.parametrize("color_range", [0, LIMITED, FULL])
@pytest.mark.parametrize(
    ("pix_fmt", "colorspace", "size", "weights"),
    [
        ("yuv420p", 1, (64, 64), BT709),
        ("yuv420p", 5, (64, 64), BT601),
        ("yuv420p", 6, (1280, 720), BT601),
        ("yuv420p", UNSPECIFIED, (640, 480), BT601),
        ("yuv420p", UNSPECIFIED, (1280, 720), BT709),
        ("yuv420p", UNSPECIFIED, (720, 1280), BT709),
        ("yuvj420p", UNSPECIFIED, (1280, 720), BT601),
    ],
)
def test_colours_follow_matrix_and_range(pix_fmt, colorspace, color_range, size, weights):
    frame, yuv = yuv_frame(pix_fmt, colorspace, color_range, size)
    full = color_range == FULL or pix_fmt == "yuvj420p"
    assert np.abs(PictureConverter()(frame) - exact_rgb(yuv, *weights, full)).max() < CONVERSION


def test_all_eight_ways_up():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)
    ways = {
        (1, 0, 0, 1): image,
        (-1, 0, 0, 1): image[:, ::-1],
        (1, 0, 0, -1): image[::-1],
        (-1, 0, 0, -1): image[::-1, ::-1],
        (0, 1, 1, 0): image.transpose(1, 0, 2),
        (0, 1, -1, 0): np.rot90(image, -1),
        (0, -1, 1, 0): np.rot90(image),
        (0, -1, -1, 0): image[::-1, ::-1].transpose(1, 0, 2),
    }
    for matrix, upright in ways.items():
        turned = turn_upright(image, matrix)
        np.testing.assert_array_equal(turned, upright)
        assert turned.flags.c_contiguous
        slightly_off = tuple(65536 * value + 300 for value in matrix)
        np.testing.assert_array_equal(turn_upright(image, slightly_off), upright)


def test_an_image_of_each_format(tmp_path):
    for ending in (".jpg", ".png", ".bmp", ".tiff", ".webp"):
        path = write_image(tmp_path / f"photo{ending}", picture(77))
        with open_source(path) as source:
            (frame,) = source
        assert (number_of(frame.image), frame.pts, frame.index, frame.name) == (77, 0.0, 0, path.name)
        assert (source.info.kind, source.info.name, source.info.frame_count) == ("image", "photo", 1)
        for side, colour in colours_of(frame.image).items():
            np.testing.assert_allclose(colour, CORNERS[side], atol=COLOUR)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16be", "rgba", "rgb48be", "monob"])
def test_every_kind_of_png_becomes_rgb(tmp_path, pix_fmt):
    image = read_image(write_image(tmp_path / "any.png", picture(77), pix_fmt=pix_fmt), SourceSettings())
    assert number_of(image) == 77
    assert image.shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_as_opencv_applies_it(tmp_path, orientation):
    import cv2

    path = write_image(tmp_path / "phone.jpg", picture(9), orientation=orientation)
    theirs = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    ours = read_image(path, SourceSettings())
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).mean() < CONVERSION


def test_a_damaged_exif_block_says_nothing(tmp_path):
    data = write_image(tmp_path / "phone.jpg", picture(9), orientation=6).read_bytes()
    assert jpeg_matrix(data) == (0, 1, -1, 0)
    for end in range(2, 40):
        assert jpeg_matrix(data[:end]) in (None, (0, 1, -1, 0))


def test_a_folder_in_natural_order_with_sizes_and_times_of_its_own(tmp_path):
    for number in (1, 2, 10, 9):
        write_image(tmp_path / f"img{number}.png", picture(number, width=100 + number))
    (tmp_path / "notes.txt").write_text("not an image")
    with open_source(tmp_path) as source:
        frames = list(source)
    assert numbers(frames) == [1, 2, 9, 10]
    assert [frame.name for frame in frames] == ["img1.png", "img2.png", "img9.png", "img10.png"]
    assert [frame.size[0] for frame in frames] == [101, 102, 109, 110]
    assert times(frames) == [0.0, 1.0, 2.0, 3.0]
    assert source.info.kind == "images"
    assert times(read(tmp_path, image_fps=25)) == [0.0, 0.04, 0.08, 0.12]
    assert numbers(read(tmp_path, start_s=1, end_s=3)) == [2, 9]
    assert numbers(read(str(tmp_path / "img1*.png"))) == [1, 10]
    assert numbers(read(f"{tmp_path}/**/img?.png")) == [1, 2, 9]


def test_an_unreadable_image_among_good_ones_is_counted_and_keeps_its_place(tmp_path, caplog):
    for number in range(3):
        write_image(tmp_path / f"{number}.png", picture(number))
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with open_source(tmp_path) as source:
        frames = list(source)
    assert (numbers(frames), times(frames), [f.index for f in frames]) == ([0, 2], [0.0, 2.0], [0, 1])
    assert (source.counts.read, source.counts.corrupt, source.counts.skipped) == (2, 1, 1)
    assert "1.png" in caplog.text


def test_names_with_odd_characters(tmp_path):
    for name in ("clip [1].mp4", "ümläut %03d.mp4", "concat:a|b.mp4", "-leading.mp4", "http:x.mp4"):
        assert len(read(write_clip(tmp_path / name, pts=range(2)))) == 2
    assert len(read((tmp_path / "clip [1].mp4").as_uri())) == 2


def test_a_relative_name_and_home(tmp_path, monkeypatch):
    write_clip(tmp_path / "clip.mp4", pts=range(2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_source("clip.mp4") as source:
        assert source.info.source_id == "clip.mp4"
    assert len(read("~/clip.mp4")) == 2


def open_handles(path: Path) -> int:
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("no /proc here to see open files in")
    return sum(1 for fd in fds.iterdir() if fd.exists() and fd.resolve() == path)


def test_the_file_is_closed_at_the_end_on_leaving_early_and_on_error(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    source = open_source(path)
    assert open_handles(path) == 1
    assert len(list(source)) == 12
    assert open_handles(path) == 0

    for _ in open_source(path):
        break
    gc.collect()
    assert open_handles(path) == 0

    source = open_source(path)
    frames = iter(source)
    next(frames)
    frames.close()
    assert open_handles(path) == 0

    with pytest.raises(ZeroDivisionError), open_source(path) as source:
        assert [1 / frame.index for frame in source]
    assert open_handles(path) == 0


def test_closing_while_reading_ends_the_reading(tmp_path):
    source = open_source(write_clip(tmp_path / "clip.mp4", pts=range(100)))
    frames = iter(source)
    next(frames)
    source.close()
    source.close()
    assert len(list(frames)) <= 100


def test_a_source_is_read_once(tmp_path):
    for path in (write_clip(tmp_path / "clip.mp4"), write_image(tmp_path / "a.png", picture(1))):
        source = open_source(path)
        list(source)
        with pytest.raises(SourceError, match="open it again"):
            iter(source)


def test_frames_stay_what_they_are_while_the_source_goes_on(tmp_path):
    frames = read(write_clip(tmp_path / "clip.mp4", pts=range(100)))
    gc.collect()
    assert numbers(frames) == list(range(100))


def test_reading_does_not_leak(tmp_path):
    import psutil

    path = write_clip(tmp_path / "clip.mp4", size=(640, 480), pts=range(90))
    process = psutil.Process()
    gc.disable()  # only a source's first picture may wait for the garbage collector
    try:
        with open_source(path) as source:
            for frame in source:
                assert frame.image.any()
                if frame.index == 20:
                    before = process.memory_info().rss
            growth = process.memory_info().rss - before
    finally:
        gc.enable()
    assert growth < 10 * 640 * 480 * 3


def test_sources_do_not_leak(tmp_path):
    import psutil

    path = write_clip(tmp_path / "clip.mp4", size=(640, 480), pts=range(8))
    process = psutil.Process()
    for count in range(40):
        read(path)
        if count % 10 == 9:
            gc.collect()
        if count == 9:
            before = process.memory_info().rss
    assert process.memory_info().rss - before < 15 * 640 * 480 * 1.5


def test_missing_stamps_and_steps_back_are_repaired():
    clock = MediaClock(origin_s=5.0, period_s=0.1)
    raws = [5.0, 5.1, None, 5.3, 5.3, 5.25, 5.6, 1.0, 1.1, 1.2]
    got = [clock(raw) for raw in raws]
    np.testing.assert_allclose(got, [0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.6, 0.7, 0.8, 0.9], atol=EXACT)
    assert clock.repaired == 4


def test_no_stamps_at_all_follow_the_rate():
    clock = MediaClock(origin_s=0.0, period_s=0.04)
    np.testing.assert_allclose([clock(None) for _ in range(4)], [0, 0.04, 0.08, 0.12], atol=EXACT)


def test_a_camera_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(FileNotFoundError, match=r"camera 97: not there; this machine has"):
        open_source(97)
    with pytest.raises(FileNotFoundError, match=r"camera 97"):
        open_source("97")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://me:secret@cam/1", "rtsp://***@cam/1"),
        ("http://h/v?token=abc&w=1", "http://h/v?token=***&w=1"),
        ("tcp://h:9000?passphrase=abcdefghij", "tcp://h:9000?passphrase=***"),
        ("udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234"),
        ("http://h/plain.mp4", "http://h/plain.mp4"),
    ],
)
def test_secrets_are_not_shown(url, shown):
    assert redact(url) == shown
    assert url_target(url).shown == shown
    assert "secret" not in url_target(url).name


def test_settings_out_of_range_are_refused():
    for bad in (
        {"start_s": -1},
        {"start_s": float("nan")},
        {"start_s": 2, "end_s": 2},
        {"timeout_s": 0},
        {"read_timeout_s": -1},
        {"threads": 0},
        {"image_fps": float("inf")},
        {"camera_width": 640},
    ):
        with pytest.raises(SettingsError, match=next(reversed(bad))):
            SourceSettings(**bad)


REAL = {
    "taiji.mp4": (412, 1280, 720, 24000 / 1001),
    "one-by-one-person.mp4": (1394, 768, 432, 10.0),
    "webcam-upper-body.mkv": (89, 640, 480, 30.0),
    "worker-zone.gif": (71, 480, 270, None),
    "store-aisle.gif": (67, 480, 270, None),
    "two-people-vfr.mp4": (72, 1920, 1080, None),
    "shop-hevc.mp4": (603, 1920, 1080, 30.0),
    "rotation-flag-90.mov": (3, 320, 568, 30.0),
}


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_clips(data, name):
    count, width, height, fps = REAL[name]
    with open_source(data / "videos" / name) as source:
        stamps = [(frame.pts, frame.size, frame.corrupt) for frame in source]
    got = np.array([pts for pts, _, _ in stamps])
    assert len(stamps) == count
    assert {size for _, size, _ in stamps} == {(width, height)}
    assert not any(corrupt for _, _, corrupt in stamps)
    assert (source.counts.corrupt, source.counts.repaired) == (0, 0)
    assert got[0] == 0
    if fps is not None:
        np.testing.assert_allclose(np.diff(got), 1 / fps, atol=2 * ROUNDED_TO_MS)
        assert source.info.fps == pytest.approx(fps, rel=1e-3)
    else:
        assert len(set(np.round(np.diff(got), 3))) > 1
    assert source.info.duration_s == pytest.approx(got[-1], abs=0.2)


@pytest.mark.data
def test_real_images(data):
    frames = read(data / "images" / "coco")
    assert len(frames) == 80
    assert [frame.name for frame in frames] == sorted(frame.name for frame in frames)


def test_rates_are_fractions_of_the_stream(tmp_path):
    with av.open(str(tmp_path / "ntsc.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(10):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), "rgb24")))
        container.mux(stream.encode(None))
    frames = read(tmp_path / "ntsc.mp4")
    np.testing.assert_allclose(times(frames), np.arange(10) * 1001 / 30000, atol=EXACT)


def test_the_sample_is_called_what_the_user_called_it() -> None:
    with open_source("sample") as source:
        assert (source.info.source_id, source.info.kind, source.info.name) == ("sample", "sample", "sample")
        assert next(iter(source)).source_id == "sample"
