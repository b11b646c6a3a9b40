"""How far keypoints are to be believed: the features, the weights, covariances, and how they are fitted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream3d.errors import ModelError
from stream3d.pose2d.belief import Belief, belief_of, covariances, features
from stream3d.pose2d.regions import to_image
from stream3d.skeleton import BLAZEPOSE33, COCO17
from train.landmarks.calibrate import judgements, kinds, logistic, normalised, weighed
from train.landmarks.targets import kin

RNG = np.random.default_rng(11)
SOME = {"visibility": 0.8, "peak": 0.6}


def signs(visibility: float, peak: float, cells: float) -> np.ndarray:
    spread = np.array([[[cells**2, 0, cells**2]]], np.float32) / 64**2
    return features(np.array([[visibility]], np.float32), np.array([[peak]], np.float32), spread)[0, 0]


def test_features_are_logits_and_a_log() -> None:
    np.testing.assert_allclose(signs(0.5, 0.5, 1.0), [1, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(signs(0.9, 0.2, 2.0), [1, np.log(9), -np.log(4), np.log(2)], atol=1e-4)
    assert np.isfinite(signs(0.0, 1.0, 0.0)).all()
    assert np.isfinite(signs(1.0, 0.0, np.nan)).all()


def test_scores_are_the_weighed_features_probability() -> None:
    belief = Belief(weights=np.array([[0.5, 1.0, 0.0, -1.0]], np.float32), doubt=1.0)
    spread = np.array([[[4, 0, 4]]], np.float32) / 64**2
    said = belief.scores(np.array([[0.8]], np.float32), np.array([[0.6]], np.float32), spread)
    assert said[0, 0] == pytest.approx(1 / (1 + np.exp(-(0.5 + np.log(4) - np.log(2)))), abs=1e-4)


@given(turn=st.floats(-3.1, 3.1), side=st.floats(20, 900), shape=st.tuples(st.floats(0.1, 2), st.floats(-0.9, 0.9)))
def test_covariances_turn_and_grow_with_their_regions(turn: float, side: float, shape: tuple[float, float]) -> None:
    """As those of points drawn in the crop and put into the image one by one."""
    wide, tilt = shape
    root = np.array([[wide, 0], [tilt, 1.0]])
    inside = (0.5 + 0.02 * RNG.normal(size=(4000, 2)) @ root.T).astype(np.float32)
    drawn = np.cov(inside.T)
    region = np.array([[100, 50, side, turn]], np.float32)
    outside = np.cov(to_image(inside[None], region)[0].T)
    spread = np.array([[[drawn[0, 0], drawn[0, 1], drawn[1, 1]]]], np.float32)
    xx, xy, yy = covariances(spread, region, 1.0)[0, 0]
    np.testing.assert_allclose([[xx, xy], [xy, yy]], outside, rtol=2e-3, atol=2e-4 * side**2 * 0.02**2)


def test_normalised_distances_are_chi_squares() -> None:
    root = np.array([[3.0, 0.0], [1.5, 0.7]])
    covariance = root @ root.T
    away = (RNG.normal(size=(20000, 2)) @ root.T).astype(np.float32)
    squares = normalised(away, np.array([covariance[0, 0], covariance[0, 1], covariance[1, 1]], np.float32))
    assert np.median(squares) == pytest.approx(2 * np.log(2), rel=0.05)
    assert (squares < 2.2957).mean() == pytest.approx(0.6827, abs=0.02)


def test_the_regression_finds_what_made_the_answers() -> None:
    truth = np.array([0.3, 1.2, -0.7, 0.5])
    rows = np.concatenate([np.ones((20000, 1)), RNG.normal(size=(20000, 3))], 1)
    answers = RNG.random(20000) < 1 / (1 + np.exp(-rows @ truth))
    np.testing.assert_allclose(logistic(rows, answers), truth, atol=0.08)


def test_each_kind_of_joint_has_its_weights() -> None:
    rows = np.concatenate([np.ones((600, 17, 1)), RNG.normal(size=(600, 17, 3))], 2)
    wrists = kinds() == kinds()[COCO17.names.index("left_wrist")]
    assert wrists.sum() == 2
    chance = np.where(wrists, 0.2, 0.9)
    rows[:5] = np.nan
    weights = weighed(rows, RNG.random((600, 17)) < chance)
    said = 1 / (1 + np.exp(-weights[kinds(), 0]))
    np.testing.assert_allclose(said, chance, atol=0.06)


def test_points_beyond_cocos_have_kin() -> None:
    names = [COCO17.names[row] for row in kin()]
    said = dict(zip(BLAZEPOSE33.names, names[:33], strict=True))
    assert said["left_wrist"] == "left_wrist"
    assert said["right_pinky"] == "right_wrist"
    assert said["left_foot_index"] == said["left_heel"] == "left_ankle"
    assert said["right_mouth"] == "nose"
    assert said["left_eye_inner"] == "left_eye"


def test_what_is_not_marked_on_somebody_who_is_counts_as_wrong() -> None:
    labels = np.zeros((2, 17, 3), np.float32)
    labels[0, :6, 2], labels[1, :3, 2] = 2, 2
    like = np.where(labels[..., 2] > 0, 0.9, np.nan).astype(np.float32)
    like[0, 1] = 0.1
    able, right = judgements(labels, like)
    assert able[0].all()
    assert able[1].sum() == 3
    assert right[0].sum() == 5


@pytest.mark.parametrize(
    "said", ["no json", "{}", json.dumps({"weights": [[0, 1]], "doubt": 1}), '{"weights": [], "doubt": "x"}']
)
def test_a_belief_that_cannot_be_is_refused(said: str) -> None:
    with pytest.raises(ModelError, match="belief"):
        belief_of({"belief": said}, 33)
    assert belief_of({}, 33) is None
