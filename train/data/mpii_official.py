"""MPII's own annotations: ``mpii_human_pose_v1_u12_1.mat``, and the JSON lists that SimpleBaselines made of them.

The ``.mat`` holds ``RELEASE.annolist``, a row of pictures: ``image.name`` and ``annorect``, a row of people with
``annopoints.point``, a row of joints: ``x``, ``y``, ``id`` (0 to 15, mpii16) and ``is_visible`` (1, 0, empty, or text).
The test pictures have no points. JSON: [{"image", "joints" [16][2], "joints_vis" [16]}, …], -1 = missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stream3d.errors import TrackFileError
from stream3d.skeleton import MPII16
from train.data.matlab import read_mat, several
from train.data.mpii import HALF_PIXEL
from train.data.values import Float32, Poses2DSet, with_gaps

_HIDDEN = 0.5


def read_mat_annotations(path: Path) -> Poses2DSet:
    """Everybody in the ``.mat`` with at least one labelled joint; a joint that is hidden has confidence 0.5.

    Raises:
        TrackFileError: it is not MPII's file, or is damaged.
    """
    release = read_mat(path, ("RELEASE",))["RELEASE"]
    pictures = several(getattr(release, "annolist", None))
    if not pictures:
        raise TrackFileError(f"{path}: RELEASE has no annolist of pictures; is it MPII's file?")
    images, people = [], []
    try:
        for picture in pictures:
            for pose in _people(picture):
                images.append(str(picture.image.name))
                people.append(pose)
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise TrackFileError(f"{path}: picture {len(images)} has a part of another form: {error!r}") from error
    if not people:
        raise TrackFileError(f"{path}: holds nobody with labelled joints")
    return _poses(np.stack(people), tuple(images))


def _people(picture: Any) -> Iterator[Float32]:
    """Joints [16, 3] = x, y, confidence (0 = missing) of each labelled person."""
    for person in several(getattr(picture, "annorect", None)):
        points = several(getattr(getattr(person, "annopoints", None), "point", None))
        if points:
            pose = np.zeros((MPII16.size, 3), np.float32)
            for point in points:
                seen = str(getattr(point, "is_visible", "")) in ("1", "1.0", "True")
                pose[range(MPII16.size)[int(point.id)]] = (float(point.x), float(point.y), 1.0 if seen else _HIDDEN)
            yield pose


def from_json(path: Path, content: list[dict[str, Any]]) -> Poses2DSet:
    """People of a JSON list.

    Raises:
        TrackFileError: an entry has another form.
    """
    try:
        joints = np.array([entry["joints"] for entry in content], np.float32).reshape(len(content), MPII16.size, 2)
        there = np.array([entry["joints_vis"] for entry in content], np.float32).reshape(len(content), MPII16.size)
        images = tuple(str(entry["image"]) for entry in content)
    except (KeyError, TypeError, ValueError) as error:
        raise TrackFileError(f"{path}: an entry has not MPII's `image`, `joints`, `joints_vis`: {error!r}") from error
    # Here 0 means hidden as well as missing; a missing joint is at -1, -1 too.
    confidence = np.where(there > 0, 1.0, _HIDDEN) * (joints != -1).any(-1)
    return _poses(np.concatenate([joints, confidence[..., None]], -1), images)


def _poses(people: Float32, images: tuple[str, ...]) -> Poses2DSet:
    keypoints = with_gaps(people[..., :2] + HALF_PIXEL, people[..., 2])
    return Poses2DSet(keypoints=keypoints, layout=MPII16, images=images)
