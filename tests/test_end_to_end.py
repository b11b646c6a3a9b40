"""The whole road on the built-in sample, against its exact truth; the bounds are what this version promises."""

from __future__ import annotations

import pytest

from benchmarks.accuracy import Accuracy, measure, true_settings
from stream3d.sample import load_truth


@pytest.fixture(scope="module")
def known(weights: None) -> Accuracy:  # noqa: ARG001 - the nets must be there
    return measure(true_settings(load_truth()))


@pytest.mark.slow
class TestSample:
    def test_one_person_is_found_in_nearly_every_frame(self, known: Accuracy) -> None:
        assert known.found_share >= 0.95
        assert known.ids == 1

    def test_joints_lie_right_in_the_picture(self, known: Accuracy) -> None:
        assert known.error_2d_median_percent <= 3.0

    def test_joints_lie_right_in_space(self, known: Accuracy) -> None:
        assert known.mpjpe_mm <= 120.0
        assert known.pa_mpjpe_mm <= 80.0

    def test_the_person_stands_where_they_stand(self, known: Accuracy) -> None:
        assert known.root_median_m <= 0.4
        assert known.root_scaled_median_m <= 0.25
