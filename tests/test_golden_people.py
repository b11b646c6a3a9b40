"""Ids on real clips, against places of people that were read off the pictures by eye (tests/golden/people.json)."""

from __future__ import annotations

import json
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream3d.pipeline import RunSettings, make_rooms
from stream3d.pipeline.in_flight import in_flight
from stream3d.pose2d import make_estimator
from stream3d.source import open_source
from stream3d.track import Tracker
from stream3d.values import Tracks2D

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden" / "people.json").read_text())
CLIPS = [name for name in GOLDEN if name != "about"]
HIPS = [23, 24]


def followed(clip: Path, last: int) -> list[Tracks2D]:
    estimator, tracker, out = make_estimator(), Tracker(), []
    with open_source(clip) as source:
        for frame in source:
            regions = tracker.regions(frame.stamp)
            out.append(tracker(estimator(frame, regions, searching=tracker.searching(frame.source_id))))
            if frame.index >= last:
                break
    return out


def in_flight_followed(clip: Path, last: int, count: int) -> list[Tracks2D]:
    with open_source(clip) as source:
        rooms = make_rooms(RunSettings(), source.info)
        frames = takewhile(lambda frame: frame.index <= last, source)
        return [result.tracks for result in in_flight(rooms, frames, count=count, workers=2)]


def whose(tracks: Tracks2D, x: float, y: float, within: float) -> int | None:
    """The id of the skeleton whose hips are nearest to a place, if any are near."""
    away = np.linalg.norm(tracks.keypoints[:, HIPS, :2].mean(1) - (x, y), axis=-1)
    away = np.where(np.isnan(away), np.inf, away)
    return int(tracks.person[away.argmin()]) if len(away) and away.min() < within else None


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("name", CLIPS)
def test_everybody_keeps_one_id(data: Path, name: str) -> None:
    """The empty room has nobody; elsewhere who was seen by eye bears one id wherever noted, and never another's."""
    golden = GOLDEN[name]
    keeps_ids(followed(data / "videos" / name, golden["last"]), golden)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(("name", "count"), [*((name, 2) for name in CLIPS), ("two-people-vfr.mp4", 4)])
def test_and_with_frames_in_flight(data: Path, name: str, count: int) -> None:
    keeps_ids(in_flight_followed(data / "videos" / name, GOLDEN[name]["last"], count), GOLDEN[name])


def keeps_ids(tracks: list[Tracks2D], golden: dict[str, Any]) -> None:
    if not golden["people"]:
        assert not any(len(frame) for frame in tracks)
    ids = {
        who: {whose(tracks[index], x, y, golden["within"]) for index, x, y in places}
        for who, places in golden["people"].items()
    }
    assert not any(None in numbers for numbers in ids.values()), ids
    assert all(len(numbers) == 1 for numbers in ids.values()), ids
    assert len(set().union(*ids.values())) == len(ids), f"an id went from one person to another: {ids}"


ANKLES, FOOT_PX = [27, 28], 60  # a foot is 90 px long


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.usefixtures("weights")
def test_who_embraces_keeps_their_own_legs(data: Path) -> None:
    """Each ankle seen by eye has an ankle of that person near it, another for each."""
    name = "two-people-vfr.mp4"
    golden = GOLDEN[name]
    tracks = followed(data / "videos" / name, golden["last"])
    for who, places in golden["feet"].items():
        index, x, y = golden["people"][who][0]
        person = whose(tracks[index], x, y, golden["within"])
        for frame, ankles in places:
            row = tracks[frame].person.tolist().index(person)
            away = np.linalg.norm(tracks[frame].keypoints[row, ANKLES, :2][:, None] - np.array(ankles), axis=-1)
            assert min(np.trace(away), np.trace(away[::-1])) / 2 < FOOT_PX, (who, frame, away)
