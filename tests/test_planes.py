"""Pictures in planes: what is cut from them is what is cut from the converted picture, up to a stated bound."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stream3d.errors import ShapeError
from stream3d.kernels.colours import to_rgb
from stream3d.planes import LazyPicture, Planes, coefficients
from stream3d.pose2d.appearance import appearance
from stream3d.pose2d.crops import crop, framed, squares
from stream3d.pose2d.overlap import painted_over
from stream3d.pose2d.shown import shown
from stream3d.skeleton import BLAZEPOSE33
from stream3d.source import open_source
from stream3d.source.picture import PictureConverter, planes_of
from stream3d.values import Frame

BT709, BT601, LIMITED, FULL = 1, 5, 1, 2
ROUNDING = 2  # levels; FFmpeg rounds in its own way on every processor
GOLDEN_BOUND = 4  # levels, of 98 % of the pixels of a crop of real video, where colours have edges
WAYS = [(709, LIMITED), (709, FULL), (601, LIMITED), (601, FULL)]


def smooth(rng: np.random.Generator, high: int, wide: int, reach: int) -> np.ndarray:
    """Levels within ``reach`` of 128, such that nearly all colours are within 0..255 and none has an edge."""
    few = rng.integers(128 - reach, 128 + reach, (4, 5)).astype(np.uint8)
    return cv2.resize(few, (wide, high), interpolation=cv2.INTER_LINEAR)


def video_frame(matrix: int, way: int, wide: int = 320, high: int = 240, kind: str = "yuv420p") -> av.VideoFrame:
    frame, rng = av.VideoFrame(wide, high, kind), np.random.default_rng(wide + way)
    for reach, plane in zip((70, 25, 25), frame.planes, strict=True):
        whole = np.zeros((plane.height, plane.line_size), np.uint8)
        whole[:, : plane.width] = smooth(rng, plane.height, plane.width, reach)
        plane.update(whole.tobytes())
    frame.colorspace = BT709 if matrix == 709 else BT601
    frame.color_range = way
    return frame


def levels_apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other).max(-1)


@pytest.mark.parametrize(("matrix", "way"), WAYS)
@pytest.mark.parametrize("size", [(320, 240), (318, 242), (1280, 720)])
def test_colours_are_those_of_the_converted_picture(matrix: int, way: int, size: tuple[int, int]) -> None:
    frame = video_frame(matrix, way, *size)
    planes, image = planes_of(frame), PictureConverter()(frame)
    assert planes is not None
    assert planes.shape == image.shape
    u, v = (plane.repeat(2, 0).repeat(2, 1)[: planes.shape[0], : planes.shape[1]] for plane in (planes.u, planes.v))
    out = np.empty(image.size, np.uint8)
    to_rgb(np.ascontiguousarray(planes.y).reshape(-1), u.reshape(-1), v.reshape(-1), planes.coefficients, out)
    assert levels_apart(out.reshape(image.shape), image).max() <= ROUNDING


@pytest.mark.parametrize(("matrix", "way"), WAYS)
def test_small_pictures_are_those_of_the_converted_picture(matrix: int, way: int) -> None:
    frame = video_frame(matrix, way, 1280, 720)
    planes, image = planes_of(frame), PictureConverter()(frame)
    assert planes is not None
    for corner in (False, True):
        ours, theirs = (framed(picture, 192, 320, border=9, corner=corner) for picture in (planes, image))
        assert levels_apart(ours[0], theirs[0]).max() <= ROUNDING
        assert (ours[1] == theirs[1]).all()
        assert (ours[2] == theirs[2]).all()


@pytest.mark.parametrize(("matrix", "way"), WAYS)
@pytest.mark.parametrize("size", [(320, 240), (330, 242)])
def test_crops_are_those_of_the_converted_picture(matrix: int, way: int, size: tuple[int, int]) -> None:
    frame = video_frame(matrix, way, *size)
    regions = np.float32([[150, 120, 200, 0], [150, 120, 100, 0.4], [10, 230, 300, -2], [160, 120, 700, 3.1]])
    planes, image = planes_of(frame), PictureConverter()(frame)
    assert planes is not None
    apart = levels_apart(squares(planes, regions), crop(image, regions))
    assert (apart <= ROUNDING).mean() > 0.99
    assert (squares(image, regions) == crop(image, regions)).all()


def test_a_black_and_a_white_picture_stay_so() -> None:
    for level, wanted in ((16, 0), (235, 255), (5, 0), (250, 255)):
        grey = np.full((32, 32), level, np.uint8), np.full((16, 16), 128, np.uint8)
        planes = Planes(y=grey[0], u=grey[1], v=grey[1], coefficients=coefficients(0.2126, 0.0722, full=False))
        assert np.abs(squares(planes, np.float32([[16, 16, 20, 0.3]])).astype(int) - wanted).max() <= 1


def test_people_look_the_same_in_planes() -> None:
    frame = video_frame(709, LIMITED)
    rng = np.random.default_rng(1)
    keypoints = np.concatenate([rng.uniform(0, 320, (3, 33, 2)), np.ones((3, 33, 1))], -1).astype(np.float32)
    planes, image = planes_of(frame), PictureConverter()(frame)
    assert planes is not None
    ours, theirs = (appearance(picture, keypoints, BLAZEPOSE33) for picture in (planes, image))
    np.testing.assert_allclose(ours, theirs, atol=0.03)
    assert theirs.any()


@pytest.mark.parametrize("kind", ["yuv422p", "yuv444p", "nv16", "rgb24", "yuv420p10le", "gray"])
def test_other_formats_are_converted_at_once(kind: str) -> None:
    frame = av.VideoFrame(64, 48, kind)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    assert planes_of(frame) is None
    assert isinstance(PictureConverter().later(frame), np.ndarray)


def test_pairs_of_colours_are_taken_apart() -> None:
    """As pictures come that were decoded in hardware."""
    frame = video_frame(709, LIMITED, 330, 242)
    pairs = frame.reformat(format="nv12")
    planes, apart = planes_of(frame), planes_of(pairs)
    assert planes is not None
    assert apart is not None
    for name in ("y", "u", "v"):
        np.testing.assert_array_equal(getattr(apart, name), getattr(planes, name))
    assert isinstance(PictureConverter().later(pairs), LazyPicture)
    # FFmpeg has another conversion for pairs, which rounds once more
    assert levels_apart(PictureConverter()(pairs), PictureConverter()(frame)).max() <= ROUNDING + 1


def test_uncommon_colours_and_odd_sizes_are_converted_at_once() -> None:
    frame = video_frame(709, LIMITED)
    frame.colorspace = 9  # BT.2020
    assert planes_of(frame) is None
    assert planes_of(video_frame(709, LIMITED, 321, 240)) is None
    assert planes_of(video_frame(709, LIMITED, 320, 241)) is None


def test_mjpeg_420_is_of_full_range() -> None:
    frame = video_frame(601, FULL, kind="yuvj420p")
    planes, image = planes_of(frame), PictureConverter()(frame)
    assert planes is not None
    assert (
        levels_apart(
            squares(planes, np.float32([[160, 120, 180, 0.2]])), crop(image, np.float32([[160, 120, 180, 0.2]]))
        )
        <= ROUNDING
    ).mean() > 0.98


def test_people_are_painted_over_in_planes_too() -> None:
    frame = video_frame(709, LIMITED)
    keypoints = np.ones((33, 3), np.float32)
    keypoints[:, :2] = np.random.default_rng(2).uniform(60, 180, (33, 2))
    planes, image = planes_of(frame), PictureConverter()(frame)
    assert planes is not None
    region = np.float32([[160, 120, 300, 0]])
    ours, theirs = (squares(painted_over(picture, keypoints, BLAZEPOSE33), region) for picture in (planes, image))
    assert (levels_apart(theirs, squares(image, region)) > GOLDEN_BOUND).mean() > 0.1
    assert (levels_apart(ours, theirs) <= ROUNDING).mean() > 0.96  # edges lie on whole samples of colour


def test_planes_must_belong_together() -> None:
    with pytest.raises(ShapeError, match="64x48"):
        Planes(
            y=np.zeros((48, 64), np.uint8),
            u=np.zeros((24, 31), np.uint8),
            v=np.zeros((24, 32), np.uint8),
            coefficients=coefficients(0.299, 0.114, full=True),
        )


def lazy(calls: list[int]) -> Frame:
    frame = video_frame(709, LIMITED)
    planes, convert = planes_of(frame), PictureConverter()
    assert planes is not None

    def converted() -> np.ndarray:
        calls.append(1)
        return convert(frame)

    return Frame(source_id="a", index=0, pts=0.0, captured_at=0.0, image=LazyPicture(planes, converted))


def test_a_frame_is_converted_once_when_somebody_looks() -> None:
    calls: list[int] = []
    frame = lazy(calls)
    assert frame.size == (320, 240)
    assert frame.planes is not None
    assert not calls
    threads = [threading.Thread(target=lambda: frame.image) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert frame.image is frame.image
    assert frame.image.shape == (240, 320, 3)
    assert frame.image.flags.c_contiguous
    assert len(calls) == 1


def test_only_who_says_so_gets_planes() -> None:
    class Planar:
        takes_planes = True

    frame = lazy([])
    assert shown(Planar(), frame) is frame.planes
    assert shown(object(), frame) is frame.image
    plain = Frame(source_id="a", index=0, pts=0.0, captured_at=0.0, image=np.zeros((4, 4, 3), np.uint8))
    assert shown(Planar(), plain) is plain.image
    assert plain.planes is None


@pytest.mark.data
@pytest.mark.parametrize("name", ["taiji.mp4", "one-by-one-person.mp4", "two-people-vfr.mp4", "rotation-flag-90.mov"])
def test_crops_of_real_video(data: Path, name: str) -> None:
    """Where it is sharp, colour has edges that are cut differently: within 4 levels in 98 %, 1 level on average."""
    with open_source(data / "videos" / name) as source:
        frame = next(frame for frame in source if frame.index == (0 if "flag" in name else 30))
    wide, high = frame.size
    regions = np.float32([[wide / 2, high / 2, high, 0.1], [wide / 3, high / 2, high / 2, -0.3]])
    assert frame.planes is not None
    apart = levels_apart(squares(frame.planes, regions), crop(frame.image, regions))
    assert (apart <= GOLDEN_BOUND).mean() >= 0.98
    assert apart.mean() <= 1.0
