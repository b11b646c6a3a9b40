"""Whole recordings smoothed: rows, gaps, people, and the command that does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stream3d.cli import main
from stream3d.errors import LayoutError, TrackFileError
from stream3d.pipeline.summary import Summary
from stream3d.skeleton import BLAZEPOSE33, COCO17, H36M17
from stream3d.solve import WholeSettings, smooth_recording
from stream3d.trackfile import TrackFile, load_tracks, replacing_npz, to_json

FPS = 30
FRAMES = 90
BODY = np.random.default_rng(5).normal(0, 0.4, (17, 3))
BODY[0] = 0
NECK = 8


def recording(people: dict[int, np.ndarray], frames: dict[int, list[int]] | None = None, **meta: object) -> TrackFile:
    """Everybody's joints [T, 17, 3]; ``frames`` are those in which somebody has a row."""
    rows = sorted((f, p) for p in people for f in (frames or {}).get(p, range(FRAMES)))
    count = len(rows)
    rng = np.random.default_rng(0)
    return TrackFile(
        frame=np.array([f for f, _ in rows], np.int64),
        time=np.array([f / FPS for f, _ in rows]),
        person=np.array([p for _, p in rows], np.int64),
        keypoints2d=rng.uniform(0, 1, (count, 33, 3)).astype(np.float32),
        keypoint_names=BLAZEPOSE33.names,
        joints3d=np.array([people[p][f] for f, p in rows], np.float32).reshape(count, 17, 3),
        joint_names=H36M17.names,
        sigma=np.full((count, 17), 0.05, np.float32),
        meta={"source": "x", "fps": FPS, "width": 64, "height": 48, **meta},
    )


def truth(away: float = 0.0) -> np.ndarray:
    """Somebody who waves all joints a little, [T, 17, 3]."""
    sway = 0.1 * np.sin(2 * np.pi * np.arange(FRAMES) / FPS)[:, None, None] * (np.arange(17) > 0)[:, None]
    return BODY + sway + np.array([away, 0.0, 4.0])


def noisy(away: float = 0.0, seed: int = 0) -> np.ndarray:
    return truth(away) + np.random.default_rng(seed).normal(0, 0.01, (FRAMES, 17, 3))


@pytest.mark.parametrize("method", ["butterworth", "savgol"])
def test_noise_goes_and_motion_stays(method):
    file = recording({7: noisy()})
    out = smooth_recording(file, WholeSettings(method=method))
    before, after = (np.linalg.norm(x.joints3d - truth(), axis=-1).mean() for x in (file, out))
    assert after < 0.75 * before
    trembles = [np.abs(np.diff(x.joints3d, 2, axis=0)).mean() for x in (file, out)]
    assert trembles[1] < 0.3 * trembles[0]
    for name in ("frame", "time", "person", "keypoints2d", "sigma"):
        np.testing.assert_array_equal(getattr(out, name), getattr(file, name))


def test_people_are_smoothed_apart_in_whichever_rows_they_stand():
    both = recording({3: noisy(), 9: noisy(1.0, 1)}, {9: list(range(20, 70))})
    out = smooth_recording(both)
    for person in (3, 9):
        rows = both.person == person
        alone = replace(
            both,
            **{n: getattr(both, n)[rows] for n in ("frame", "time", "person", "keypoints2d", "joints3d", "sigma")},
        )
        np.testing.assert_array_equal(out.joints3d[rows], smooth_recording(alone).joints3d)


def test_short_absences_get_rows_and_long_ones_do_not():
    there = [f for f in range(FRAMES) if f not in (*range(10, 14), *range(40, 60))]
    file = recording({3: truth(), 9: truth(1.0)}, {3: there, 9: [f for f in there if f != 70]})
    out = smooth_recording(file, WholeSettings(method="none"))
    frames = out.frame[out.person == 3].tolist()
    assert frames == sorted([*there, *range(10, 14)])
    assert out.meta["smoothed"]["filled_rows"] == 4 + 5  # type: ignore[index]
    new = (out.person == 9) & np.isin(out.frame, [10, 11, 12, 13, 70])
    np.testing.assert_allclose(out.time[new], np.array([10, 11, 12, 13, 70]) / FPS)
    np.testing.assert_allclose(out.joints3d[new], truth(1.0)[[10, 11, 12, 13, 70]], atol=0.01)
    assert np.isnan(out.keypoints2d[new]).all()
    assert np.isnan(out.sigma[new]).all()
    assert len(smooth_recording(file, WholeSettings(method="none", fill_s=0.0))) == len(file)


def test_where_nothing_can_be_filled_in_no_row_is_added_and_what_has_no_pelvis_is_handed_through():
    lost = truth()
    lost[20:] = np.nan
    lost[50:, NECK] = 1.0
    file = recording({3: lost}, {3: [f for f in range(FRAMES) if f != 30]})
    out = smooth_recording(file, WholeSettings(method="butterworth"))
    assert out.frame.tolist() == file.frame.tolist()
    np.testing.assert_array_equal(out.joints3d[out.frame >= 50], file.joints3d[file.frame >= 50])


def test_whoever_is_seen_seldom_is_no_reason_to_refuse_the_rest():
    """Two frames 0.2 s apart alone would be 5 frames a second, too few for 6 Hz."""
    file = recording({3: noisy(), 9: noisy(1.0)}, {9: [20, 26]})
    out = smooth_recording(file, WholeSettings(fill_s=0.0))
    seldom = file.person == 9
    np.testing.assert_allclose(out.joints3d[seldom], file.joints3d[seldom], atol=1e-6)
    alone = smooth_recording(recording({9: noisy()}, {9: [20, 26, 27]}), WholeSettings(fill_s=0.3))
    assert len(alone) == 8
    assert np.isfinite(alone.joints3d).all()


def test_outliers_go_unless_they_are_to_be_kept():
    bad = noisy()
    bad[45, NECK] += 0.6
    out = smooth_recording(recording({3: bad}), WholeSettings(method="none"))
    np.testing.assert_allclose(out.joints3d[45, NECK], truth()[45, NECK], atol=0.04)
    assert out.meta["smoothed"]["outliers_found"] == 1  # type: ignore[index]
    kept = smooth_recording(recording({3: bad}), WholeSettings(method="none", outliers=False))
    np.testing.assert_allclose(kept.joints3d[45], bad[45], atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", ["butterworth", "savgol", "none"])
def test_whatever_was_seen_of_whomever_at_whichever_times(seed, method):
    """Rows and joints missing at random, at random steps: whatever was measured is finite afterwards."""
    rng = np.random.default_rng(seed)
    people = {p: rng.normal(0, 0.5, (FRAMES, 17, 3)) + np.array([0.0, 0.0, 4.0]) for p in range(4)}
    for joints in people.values():
        joints[rng.random((FRAMES, 17)) < 0.3] = np.nan
    file = recording(people, {p: sorted(rng.choice(FRAMES, rng.integers(0, 60), replace=False)) for p in people})
    times = np.cumsum(rng.choice([0.02, 0.033, 0.033, 0.05, 1.0], FRAMES))
    file = replace(file, time=times[file.frame])
    settings = WholeSettings(method=method, fill_s=float(rng.choice([0.0, 0.1, 2.0])), outliers=False)
    out = smooth_recording(file, settings)
    assert not np.isinf(out.joints3d).any()
    seen = np.isfinite(file.joints3d) & np.isfinite(file.joints3d[:, :1])
    kept = np.isfinite(out.keypoints2d[:, 0, 0])
    assert np.isfinite(out.joints3d[kept][seen]).all()
    if settings.fill_s == 0 and method == "none":
        np.testing.assert_allclose(out.joints3d[kept][seen], file.joints3d[seen], atol=1e-5)


def test_rotations_that_no_longer_fit_go_and_nobody_is_fine():
    file = recording({3: noisy()})
    turned = replace(file, rotations=np.zeros((len(file), 17, 4), np.float32))
    assert smooth_recording(turned).rotations is None
    assert len(smooth_recording(recording({}))) == 0


def test_what_cannot_be_smoothed_is_refused():
    file = recording({3: noisy()})
    with pytest.raises(LayoutError, match="pelvis"):
        smooth_recording(replace(file, joint_names=COCO17.names))
    with pytest.raises(TrackFileError, match="person 3"):
        smooth_recording(replace(file, time=file.time[::-1].copy()))


def saved(path: Path, file: TrackFile) -> Path:
    with replacing_npz(path) as npz:
        for name in ("frame", "time", "person", "keypoints2d", "joints3d", "sigma"):
            npz.add(name, getattr(file, name))
        npz.add("keypoint_names", np.array(file.keypoint_names))
        npz.add("joint_names", np.array(file.joint_names))
        npz.add("meta", np.array(to_json(file.meta)))
    return path


def test_export_smooths_into_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = saved(tmp_path / "walk.npz", recording({3: noisy()}, smoother="none"))
    words = ["export", str(source), "--smooth", "butterworth", "--cutoff", "4", "--fill", "0.1"]
    assert main([*words, "--save", str(tmp_path / "out.npz"), "--save", str(tmp_path / "out.csv")]) == 0
    out = load_tracks(tmp_path / "out.npz")
    wanted = smooth_recording(load_tracks(source), WholeSettings(cutoff_hz=4.0, fill_s=0.1))
    np.testing.assert_array_equal(out.joints3d, wanted.joints3d)
    assert out.meta["smoothed"]["cutoff_hz"] == 4.0  # type: ignore[index]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == FRAMES + 1
    assert "before" not in capsys.readouterr().err
    assert main(["export", str(tmp_path / "out.npz"), "--fill", "0.3", "--save", str(tmp_path / "more.npz")]) == 0
    assert "smoothed before (export)" in capsys.readouterr().err


def test_export_says_that_a_run_had_smoothed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    smoother = Summary(source="x", smoother="one-euro").as_meta()["smoother"]
    source = saved(tmp_path / "walk.npz", recording({3: noisy()}, smoother=smoother))
    assert main(["export", str(source), "--smooth", "savgol", "--save", str(tmp_path / "out.npz")]) == 0
    assert "smoothed before (one-euro)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--smooth", "savgol", "--cutoff", "4"], "belongs to --smooth butterworth"),
        (["--window", "0.5"], "belongs to --smooth savgol"),
        (["--smooth", "butterworth", "--cutoff", "15"], "more than 30 frames a second"),
        (["--fill", "-1"], "fill_s"),
    ],
)
def test_wrong_words_cost_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str):
    source = saved(tmp_path / "walk.npz", recording({3: noisy()}))
    assert main(["export", str(source), *words, "--save", str(tmp_path / "out.npz")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("out*"))


def test_what_is_smoothed_never_overwrites_what_it_is_made_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = saved(tmp_path / "walk.npz", recording({3: noisy()}))
    before = source.read_bytes()
    assert main(["export", str(source), "--smooth", "savgol", "--save", str(source)]) == 2
    assert "overwrite" in capsys.readouterr().err
    assert source.read_bytes() == before
