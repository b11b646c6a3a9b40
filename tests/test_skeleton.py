"""Joint layouts and what becomes of one in another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.errors import LayoutError, ShapeError
from stream3d.skeleton import (
    BODY25,
    COCO17,
    H36M17,
    HALPE26,
    LAYOUTS,
    MPII16,
    Layout,
    conversion,
    convert,
)

layouts = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)


def keypoints(layout: Layout, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 1.0, (3, layout.size, 3)).astype(np.float32)


def at(points: np.ndarray, layout: Layout, name: str) -> np.ndarray:
    return points[:, layout.names.index(name)]


@layouts
def test_names_are_unique_and_parents_make_trees(layout: Layout) -> None:
    assert len(set(layout.names)) == layout.size
    for start in range(layout.size):
        joint, seen = start, set()
        while joint >= 0:
            assert joint not in seen
            seen.add(joint)
            joint = layout.parents[joint]


@layouts
def test_mirroring_twice_is_nothing(layout: Layout) -> None:
    mirror = np.array(layout.mirror)
    np.testing.assert_array_equal(mirror[mirror], np.arange(layout.size))
    for joint, twin in enumerate(layout.mirror):
        sides = {"left": "right", "right": "left", "middle": "middle"}
        assert layout.side(twin) == sides[layout.side(joint)]


@layouts
def test_a_layout_converts_to_itself_unchanged(layout: Layout) -> None:
    points = keypoints(layout)
    assert convert(points, layout, layout) is points


@layouts
def test_every_layout_becomes_h36m17_and_shared_names_carry_over(layout: Layout) -> None:
    points = keypoints(layout)
    out = convert(points, layout, H36M17)
    for name in set(layout.names) & set(H36M17.names):
        np.testing.assert_array_equal(at(out, H36M17, name), at(points, layout, name))


def test_coco_gives_midpoints_and_leaves_out_what_it_does_not_know() -> None:
    points = keypoints(COCO17)
    out = convert(points, COCO17, H36M17)
    hips = (at(points, COCO17, "left_hip") + at(points, COCO17, "right_hip")) / 2
    np.testing.assert_allclose(at(out, H36M17, "pelvis")[:, :2], hips[:, :2])
    scores = np.minimum(at(points, COCO17, "left_hip")[:, 2], at(points, COCO17, "right_hip")[:, 2])
    np.testing.assert_array_equal(at(out, H36M17, "pelvis")[:, 2], scores)
    for name in ("spine", "head_top"):
        assert np.isnan(at(out, H36M17, name)[:, :2]).all()
        assert (at(out, H36M17, name)[:, 2] == 0).all()


@given(st.integers(0, 16))
def test_a_missing_part_makes_the_midpoint_missing(joint: int) -> None:
    points = keypoints(COCO17)
    points[0, joint, :2] = np.nan
    out = convert(points, COCO17, H36M17)
    made_of = conversion(COCO17, H36M17)
    for target, parts in enumerate(made_of):
        assert np.isnan(out[0, target, 0]) == (joint in parts or not parts)
        assert np.isnan(out[1, target, 0]) == (not parts)


def test_the_neck_is_the_thorax_where_there_is_one() -> None:
    for layout in (BODY25, HALPE26):
        out = convert(keypoints(layout), layout, H36M17)
        np.testing.assert_array_equal(at(out, H36M17, "thorax"), at(keypoints(layout), layout, "neck"))


def test_mpii_has_its_nose_between_neck_and_crown() -> None:
    points = keypoints(MPII16)
    middle = (at(points, MPII16, "upper_neck") + at(points, MPII16, "head_top")) / 2
    np.testing.assert_allclose(at(convert(points, MPII16, H36M17), H36M17, "nose")[:, :2], middle[:, :2])


def test_a_layout_without_limbs_is_refused() -> None:
    face = Layout(name="face", names=("nose", "left_eye"), parents=(-1, 0))
    with pytest.raises(LayoutError, match="left_shoulder"):
        convert(np.zeros((1, 2, 3), np.float32), face, H36M17)


def test_the_wrong_number_of_joints_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\[\.\.\., 17, 3\].*\[1, 16, 3\]"):
        convert(np.zeros((1, 16, 3), np.float32), COCO17, H36M17)
