"""--people, --min-height and tiles: what is looked at, what it costs, and that small people are found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream3d.cli.options import run_settings
from stream3d.cli.parser import make_parser
from stream3d.engine import EngineSettings, make_engine
from stream3d.errors import SettingsError
from stream3d.meters import Meters
from stream3d.nets.fake import fake_detector_spec, fake_landmark_spec
from stream3d.pose2d import PoseSettings, make_estimator
from stream3d.pose2d.budget import SMALLEST, budgeted, tiles_along
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.protocol import Found
from stream3d.pose2d.settings import OURS, PEOPLE
from stream3d.pose2d.tiles import OVERLAP, TiledDetector, tiles
from stream3d.values import Frame

TORCH = EngineSettings(engine="torch", device="cpu")


def chosen(*arguments: str) -> PoseSettings:
    return run_settings(make_parser().parse_args(["run", "sample", *arguments])).pose


def test_the_modes_choose_what_was_not_said() -> None:
    one, few, crowd = (budgeted(PoseSettings(people=people)) for people in PEOPLE)  # type: ignore[arg-type]
    assert (one.sizes, one.max_people, one.detect_every_s, one.min_height) == ((256,), 1, 1.0, None)
    assert few == PoseSettings(sizes=(320,))
    assert (crowd.sizes, crowd.max_people, crowd.min_height) == ((448,), 64, 0.06)
    assert budgeted(PoseSettings(people="crowd", max_people=20, min_height=0.2)).max_people == 20


@pytest.mark.parametrize(("height", "sizes", "along"), [(0.3, (224,), 1), (0.11, (224, 448), 1), (0.05, (448,), 3)])
def test_smaller_people_take_larger_pictures_and_then_tiles(height: float, sizes: tuple[int], along: int) -> None:
    found = budgeted(PoseSettings(detector="blazepose", min_height=height))
    assert found.sizes == sizes
    assert tiles_along(found, smallest=45, side=max(sizes)) == along


@pytest.mark.parametrize(("height", "size", "along"), [(0.3, 256, 1), (0.12, 384, 1), (0.05, 448, 3)])
def test_our_own_detector_has_sizes_of_its_own(height: float, size: int, along: int) -> None:
    found = budgeted(PoseSettings(detector=OURS, min_height=height))
    assert found.sizes == (size,)
    assert tiles_along(found, smallest=SMALLEST[OURS], side=size) == along
    assert budgeted(PoseSettings(detector=OURS)).sizes == (320,)


def test_the_command_line_says_it() -> None:
    assert chosen("--people", "crowd", "--min-height", "0.1").min_height == 0.1
    assert [chosen("--people", people).people for people in PEOPLE] == list(PEOPLE)
    with pytest.raises(SystemExit):
        chosen("--people", "7")


@pytest.mark.parametrize("bad", [{"people": "many"}, {"min_height": 0.0}, {"min_height": 1.5}])
def test_bad_wishes_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        PoseSettings(**bad)  # type: ignore[arg-type]


def test_too_many_tiles_are_refused() -> None:
    with pytest.raises(SettingsError, match="would take"):
        tiles_along(PoseSettings(min_height=0.005), smallest=45, side=448)


@given(st.integers(200, 3000), st.integers(200, 3000), st.integers(2, 6), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60)
def test_whoever_is_smaller_than_the_overlap_lies_in_a_tile(
    width: int, height: int, along: int, x: float, y: float
) -> None:
    parts = list(tiles(width, height, along))
    side = max(width, height) / (along * (1 - OVERLAP) + OVERLAP)
    size = min(int(side * OVERLAP) - 2, width, height)
    left, top = x * (width - size), y * (height - size)
    assert any(a <= left and left + size <= c and b <= top and top + size <= d for a, b, c, d in parts)
    assert all(0 <= a < c <= width and 0 <= b < d <= height for a, b, c, d in parts)
    assert max(c - a for a, _, c, _ in parts) <= side + 1


class Marks:
    """Finds white squares of at least a tenth of what it is shown, as regions twice as large."""

    min_score = 0.5
    confirm_score = 0.3

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, image: np.ndarray) -> Found:
        self.looks += 1
        rows, columns = np.nonzero(image[..., 0] > 128)
        high = rows.max() - rows.min() + 1 if len(rows) else 0
        if high < 0.1 * max(image.shape):
            return Found(regions=np.zeros((0, 4), np.float32), scores=np.zeros(0, np.float32))
        region = [(columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2, 1.25 * high, 0]
        return Found(regions=np.float32([region]), scores=np.float32([0.8]))

    def describe(self) -> dict[str, str]:
        return {"runtime": "none"}


@pytest.mark.parametrize("left", [5, 330, 470, 555, 900])
def test_tiles_find_the_small_once_and_where_they_are(left: int) -> None:
    image = np.zeros((500, 1000, 3), np.uint8)
    image[100:160, left : left + 60] = 255
    assert len(Marks()(image).scores) == 0
    marks = Marks()
    found = TiledDetector(marks, along=2)(image)
    np.testing.assert_allclose(found.regions, [[left + 30, 130, 75, 0]])
    assert marks.looks == 1 + len(list(tiles(1000, 500, 2)))


def test_nobody_in_any_tile_is_nobody() -> None:
    found = TiledDetector(Marks(), along=3)(np.zeros((300, 400, 3), np.uint8))
    assert found.regions.shape == (0, 4)


def test_blazepose_in_tiles_doubles_nobody() -> None:
    """With the fake net, which finds blobs of up to half the picture: in the whole, and in the tiles again."""
    image = np.zeros((640, 1280, 3), np.uint8)
    image[200:380, 200:260] = 255
    image[240:420, 1000:1060] = 255
    detector = BlazePoseDetector(lambda h, w: make_engine(fake_detector_spec(h, w), TORCH), sizes=(224,))
    found = TiledDetector(detector, along=2)(image)
    assert sorted(found.regions[:, 0].round(-1).tolist()) == [230, 1030]
    assert TiledDetector(detector, along=2).describe()["tiles"] == "2 tiles along"


def test_looks_and_readings_are_counted_apart() -> None:
    meters = Meters()
    room = make_estimator(
        PoseSettings(people="1"), TORCH, detector=fake_detector_spec, landmarks=fake_landmark_spec, meters=meters
    )
    image = np.zeros((640, 640, 3), np.uint8)
    image[220:400, 100:160] = 255
    image[220:400, 440:500] = 255
    regions = np.zeros((0, 4), np.float32)
    for index in range(3):
        seen = room(Frame(source_id="a", index=index, pts=index / 25, captured_at=0.0, image=image), regions)
        regions = seen.regions
        assert len(seen) == 1
    summary = meters.summary()
    assert (summary["detect"]["count"], summary["keypoints"]["count"]) == (1, 3)
