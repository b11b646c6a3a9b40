"""The errors of the 2D net: drawn as the table says, and measured so that what was drawn is found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stream3d.skeleton import H36M17
from tests.walker import walker
from train.augment import NET_TYPES, Augmentation, noise
from train.errors2d import draw, fit, table
from train.errors2d.fit import Seen
from train.errors2d.table import IN_POINTS, KIND, KINDS, NAMES, TWIN, Table, axes_of, load, moved
from train.measure2d import slip_figures, table_of
from train.windows import as_seen

PLAIN = replace(
    load(),
    offset=tuple((0.0,) * 4 for _ in KINDS),
    level_sd=0.0,
    away_factor=(1.0,) * 7,
    unsure=(0.0, 0.0),
    wild=0.0,
    unstable=0.0,
    lost=0.0,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def bodies(count: int = 8, frames: int = 40) -> np.ndarray:
    """Walkers in camera space who face all ways."""
    out = []
    for number in range(count):
        angle = 2 * np.pi * number / count
        turn = np.array([[np.cos(angle), np.sin(angle), 0], [0, 0, -1], [-np.sin(angle), np.cos(angle), 0]])
        out.append((walker(frames, phase=number) - walker(1)[0, 0]) @ turn.T + (0.2, 0.1, 4.0))
    return np.array(out, np.float32)


def times(points: np.ndarray) -> np.ndarray:
    return np.tile(np.arange(points.shape[1]) / 30.0, (len(points), 1))


def rays_of(points: np.ndarray) -> np.ndarray:
    return points[..., :2] / points[..., 2:]


def seen(points: np.ndarray, how: Table) -> list[Seen]:
    rays, sure = draw.as_measured(rng(), points, rays_of(points), times(points), how)
    found = np.concatenate([rays, sure[..., None]], -1)[:, :, IN_POINTS]
    found[found[..., 2] == 0, :2] = np.nan
    return [Seen(found=f, truth=p) for f, p in zip(found, points, strict=True)]


def test_the_table_that_ships_is_whole_and_keeps_through_a_file(tmp_path: Path) -> None:
    how = load()
    assert np.shape(how.offset) == (len(KINDS), len(table.AXES))
    assert all(len(sd) == len(KINDS) for sd in (how.slow_sd, how.fast_sd, how.white_sd, how.away_factor))
    assert 0.005 < np.hypot(how.slow_sd, how.fast_sd).min() < np.hypot(how.slow_sd, how.fast_sd).max() < 0.05
    assert all(0 <= share < 0.5 for share in (how.unstable, how.lost, how.wild, *how.unsure))
    how.save(tmp_path / "again.json")
    assert load(tmp_path / "again.json") == how


def test_axes_are_the_bodys_and_turn_with_it() -> None:
    points = bodies()
    axes = axes_of(points)
    left = NAMES.index("left_hip")
    np.testing.assert_allclose(axes[:, :, left, 0], -axes[:, :, TWIN[left], 0], atol=1e-6)
    out = points[:, :, H36M17.names.index("left_hip")] - points[:, :, H36M17.names.index("right_hip")]
    assert ((axes[:, :, left, 0] * out).sum(-1) > 0).all()
    assert (axes[:, :, left, 1, 1] < -0.8).all()  # up is -y of a level camera
    toward = points[:, :, 17] - points[:, :, 18]
    assert ((axes[:, :, left, 2] * toward).sum(-1) > 0).all()
    offset = rng().normal(size=(len(NAMES), 4)).astype(np.float32)
    np.testing.assert_allclose(moved(points, offset), np.einsum("btjak,ja->btjk", axes, offset), atol=1e-5)


def test_held_values_have_their_share_and_their_span() -> None:
    since = draw.elapsed(np.tile(np.arange(600) / 30.0, (60, 1)))
    state = draw.held(rng(), since, 0.2, 3) < 0.3
    assert state.mean() == pytest.approx(0.3, abs=0.02)
    # A run ends when a value is drawn anew and falls outside of the share.
    frames = 1 / ((1 - np.exp(-1 / 6)) * 0.7)
    assert fit.mean_run(list(state)) == pytest.approx(frames, rel=0.1)


def test_drawn_errors_have_the_moments_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "_LEVELS", (1.0, 1.0))
    points = np.repeat(bodies(8, 30), 50, 0)
    error, sure = draw.errors(rng(), points, times(points), PLAIN)
    assert not error[:, :, [0, 7, 8, 10]].any()
    assert (sure[:, :, IN_POINTS] >= PLAIN.sure_above).all()
    for kind in range(len(KINDS)):
        of = error[:, :, IN_POINTS[kind == KIND]]
        slow, fast, white = (sd[kind] for sd in (PLAIN.slow_sd, PLAIN.fast_sd, PLAIN.white_sd))
        assert of.mean() == pytest.approx(0, abs=0.003)
        assert of.std() == pytest.approx(np.sqrt(slow**2 + fast**2 + white**2), rel=0.06)
        kept = [np.exp(-1 / 30 / span) for span in (PLAIN.slow_s, PLAIN.fast_s)]
        change = 2 * (slow**2 * (1 - kept[0]) + fast**2 * (1 - kept[1]) + white**2)
        assert np.diff(of, axis=1).std() == pytest.approx(np.sqrt(change), rel=0.06)


def test_who_is_turned_away_or_unsure_is_more_wrong_and_windows_differ() -> None:
    points = np.repeat(bodies(8, 30), 30, 0)
    error, sure = draw.errors(rng(), points, times(points), replace(PLAIN, unsure=(0.3, 0.3), unsure_factor=4.0))
    size, doubt = np.linalg.norm(error, axis=-1)[:, :, IN_POINTS], sure[:, :, IN_POINTS] < PLAIN.sure_above
    assert doubt.mean() == pytest.approx(0.3, abs=0.03)
    assert size[doubt].mean() == pytest.approx(4 * size[~doubt].mean(), rel=0.15)
    away, plain = table.turned_away(points), replace(PLAIN, away_factor=(3.0,) * 7)
    size = np.linalg.norm(draw.errors(rng(), points, times(points), plain)[0], axis=-1)[:, :, IN_POINTS]
    assert 0.05 < away.mean() < 0.6
    assert size[away].mean() > 2 * size[~away].mean()
    per_window = size.mean((1, 2))
    assert per_window.max() > 2.5 * per_window.min()


def test_sides_slip_in_runs_and_take_their_scores_along() -> None:
    points = np.repeat(bodies(8, 40), 40, 0)
    rays, sure = rays_of(points), rng().random(points.shape[:3]).astype(np.float32)
    how = replace(PLAIN, unstable=0.2, stretch_s=0.5, slipped=0.7, slip_s=0.2, slip_parts=(0.0, 0.2, 0.8))
    slipped, scores = draw.slipped(rng(), rays, sure, times(points), how)
    left, right = (H36M17.names.index(f"{side}_ankle") for side in ("left", "right"))
    wrong = (slipped[:, :, left] == rays[:, :, right]).all(-1)
    arms = (slipped[:, :, H36M17.names.index("left_wrist")] == rays[:, :, H36M17.names.index("right_wrist")]).all(-1)
    assert wrong.mean() == pytest.approx(0.14, abs=0.03)
    assert 0.6 < arms.mean() / wrong.mean() < 1.0
    assert not (arms & ~wrong).any()
    assert fit.mean_run(list(wrong)) > 3
    np.testing.assert_array_equal(scores[wrong][:, left], sure[wrong][:, right])
    np.testing.assert_array_equal(slipped[~wrong & ~arms], rays[~wrong & ~arms])


def test_what_was_drawn_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "_LEVELS", (1.0, 1.0))
    truth = replace(load(), level_sd=0.0, wild=0.0, unstable=0.0, lost=0.0, unsure=(0.05, 0.3), unsure_factor=2.0)
    monkeypatch.setattr(draw, "_offsets", lambda _, p, how: moved(p, np.array(how.offset, np.float32)[KIND]))
    shots = seen(np.repeat(bodies(16, 60), 3, 0), truth)
    found = table_of(shots, [(fit.slips_of(s), fit.FPS) for s in shots])
    np.testing.assert_allclose(found.offset[KINDS.index("hip")], truth.offset[KINDS.index("hip")], atol=0.005)
    np.testing.assert_allclose(
        found.offset[KINDS.index("nose")][1:3], truth.offset[KINDS.index("nose")][1:3], atol=0.006
    )
    assert found.unsure == pytest.approx(truth.unsure, abs=0.04)
    assert found.unsure_factor == pytest.approx(2.0, rel=0.2)
    whole = np.sqrt(np.square([found.slow_sd, found.fast_sd, found.white_sd]).sum(0))
    meant = np.sqrt(np.square([truth.slow_sd, truth.fast_sd, truth.white_sd]).sum(0))
    np.testing.assert_allclose(whole, meant, rtol=0.3)
    assert found.unstable < 0.01


def test_slips_are_found_and_counted() -> None:
    points = bodies(1, 60)
    [plain] = seen(points, replace(PLAIN, slow_sd=(0,) * 7, fast_sd=(0,) * 7, white_sd=(0.002,) * 7))
    crossed = plain.found.copy()
    crossed[20:30] = crossed[20:30][:, TWIN]
    slips = fit.slips_of(Seen(found=crossed, truth=plain.truth))
    assert slips[22:28].any()
    assert not slips[:20].any()
    assert not slips[30:].any()
    state = np.zeros((60, 2), np.bool_)
    state[10:13], state[15:19, 1] = True, True
    figures = slip_figures([(state, 30.0)])
    assert figures["unstable"] == pytest.approx(9 / 60, abs=1e-4)
    assert figures["slipped"] == pytest.approx(7 / 9, abs=1e-3)
    assert figures["slip_s"] == pytest.approx(3.5 / 30, abs=1e-3)
    assert figures["slip_parts"] == pytest.approx((0, 4 / 7, 3 / 7), abs=1e-3)


def test_only_blazeposes_windows_are_drawn_by_the_table() -> None:
    how = Augmentation(noise_sd=0, bias_sd=0, outliers=0, slips=0, missing=0, cut_off=0, focal_sd=0, measured=1.0)
    points = bodies(40, 29)
    kind = np.arange(40) % len(NET_TYPES)
    coco = kind == NET_TYPES.index("coco")
    rays, sure = as_seen(points, np.full((40, 2), 9.0, np.float32), rng(), how, kind, time=times(points))
    hip = H36M17.names.index("left_hip")
    off = np.abs(rays[:, :, hip] - rays_of(points)[:, :, hip]).max((1, 2))
    assert (off[coco] > 1e-4).all()
    assert (off[~coco] < 1e-5).all()
    assert (sure[coco][:, :, hip] < 1).any()
    assert np.isfinite(rays).all()
    rays, _ = as_seen(
        points, np.full((40, 2), 9.0, np.float32), rng(), replace(how, measured=0.0), kind, time=times(points)
    )
    assert np.abs(rays[:, :, hip] - rays_of(points)[:, :, hip]).max() < 1e-5


def test_wide_levels_are_rare_and_high() -> None:
    how = Augmentation(outliers=0, bias_sd=0, clean=0)
    usual, wide = (noise(rng(), (2000, 5, 17), replace(how, wide=share))[0].std((1, 2, 3)) for share in (0.0, 0.15))
    assert np.quantile(wide, 0.5) == pytest.approx(np.quantile(usual, 0.5), rel=0.15)
    assert np.quantile(wide, 0.99) > 1.5 * np.quantile(usual, 0.99)


@pytest.mark.slow
@pytest.mark.data
def test_a_rendered_person_is_found_where_the_capture_has_the_joints(data: Path) -> None:
    pytest.importorskip("open3d")
    from train.errors2d.rendered import SHOTS, seen_shots

    [shot] = seen_shots(data, 0.4, SHOTS[:1])
    error = np.linalg.norm(fit.errors_of(shot), axis=-1)
    assert shot.found.shape == (12, len(NAMES), 3)
    assert np.isfinite(error).mean() > 0.4
    assert np.nanmedian(error) < 0.05
