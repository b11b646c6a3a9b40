"""The landmark net with belief in itself: probabilities, hidden joints, covariances, through the 2D room."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stream3d.pose2d.belief import LEAST, Belief
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.skeleton import BLAZEPOSE33

LEFT, RIGHT = (BLAZEPOSE33.names.index(f"{side}_wrist") for side in ("left", "right"))


class Net:
    """Sees the left wrist clearly and the right one hardly, in a crop where the body is in the middle."""

    def __call__(self, *, image: np.ndarray) -> Mapping[str, np.ndarray]:
        rows, cols = np.mgrid[:64, :64]
        landmarks = np.full((len(image), 39, 5), 128.0, np.float32)
        landmarks[..., 3] = 0.97
        landmarks[:, RIGHT, 3] = 0.01
        landmarks[:, 34, 1] = 40.0
        heat = np.full((len(image), 64, 64, 39), -9.0, np.float32)
        for joint in range(39):
            high, wide = (-1.0, 9.0) if joint == RIGHT else (3.0, 1.0)
            bell = (
                1
                / (1 + np.exp(-high))
                * np.exp(-((cols - 32) ** 2 + (rows - landmarks[0, joint, 1] / 4) ** 2) / 2 / wide)
            )
            heat[..., joint] = np.log(np.maximum(bell, 1e-6) / (1 - np.minimum(bell, 0.999)))
        return {"landmarks": landmarks, "heatmap": heat, "presence": np.full((len(image), 1), 0.9, np.float32)}

    def describe(self) -> dict[str, str]:
        return {"engine": "drawn"}


REGIONS = np.array([[100, 80, 128, 0.0], [300, 80, 256, np.pi / 2]], np.float32)
IMAGE = np.zeros((200, 400, 3), np.uint8)


def read(belief: Belief | None) -> tuple[np.ndarray, np.ndarray | None]:
    said = BlazePoseLandmarks(Net(), belief=belief)(IMAGE, REGIONS)  # type: ignore[arg-type] # enough of an engine
    return said.keypoints, said.covariances


def test_without_belief_scores_are_the_nets_own_visibility() -> None:
    keypoints, covariances = read(None)
    np.testing.assert_allclose(keypoints[:, [LEFT, RIGHT], 2], [[0.97, 0.01]] * 2, atol=1e-6)
    assert np.isfinite(keypoints).all()
    assert covariances is None


def test_with_belief_they_are_probabilities_and_hidden_joints_are_no_guess() -> None:
    weights = np.tile(np.array([0.0, 1.0, 0.0, 0.0], np.float32), (33, 1))
    keypoints, covariances = read(Belief(weights=weights, doubt=2.0))
    np.testing.assert_allclose(keypoints[:, LEFT, 2], 0.97, atol=1e-3)
    assert LEAST > 0.01
    assert np.isnan(keypoints[:, RIGHT, :2]).all()
    assert (keypoints[:, RIGHT, 2] == 0).all()
    assert covariances is not None
    assert covariances.shape == (2, 33, 3)
    small, large = covariances[0, RIGHT], covariances[1, RIGHT]
    np.testing.assert_allclose(large, 4 * small, rtol=1e-3, atol=0.3)
    assert small[0] > 20 * max(covariances[0, LEFT, 0], 0.1)
