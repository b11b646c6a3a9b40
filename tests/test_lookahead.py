"""A lifter that looks ahead: streamed, it answers what the whole sequence says, in order, once, for everybody."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import stream3d.pipeline.runner as pipeline_run
from stream3d.engine import EngineSettings, NetSpec, TensorSpec, make_engine
from stream3d.errors import SettingsError, SourceError
from stream3d.geometry import Camera
from stream3d.lift import Lifter, LiftSettings
from stream3d.lift.body import Body, even_sided
from stream3d.lift.bridge import Bridge
from stream3d.lift.features import WINDOW, size_of, window_features
from stream3d.lift.observe import observe
from stream3d.lift.placement import Sight, standing
from stream3d.nets.lifter_shape import KINDS, Kind, LifterShape
from stream3d.nets.lifter_torch import Lifter as LifterNet
from stream3d.pipeline import Summary, results, run, stream
from stream3d.pipeline.rooms import of_stills
from stream3d.skeleton import H36M17
from stream3d.trackfile import load_tracks
from stream3d.values import Poses3D, Result, Tracks2D
from tests.fakes import break_off, fake_rooms, white_people, write_video
from tests.test_lift_room import KnownEngine
from tests.walker import walker

CAMERA = Camera.from_fov(1280, 720, 60.0)
GAP_S = 0.5
TORCH = EngineSettings(engine="torch", device="cpu")


def engine_of(kind: Kind, lookahead: int) -> object:
    def load() -> torch.nn.Module:
        torch.manual_seed(5)
        return LifterNet(LifterShape(kind=kind, channels=16, width=32, blocks=1, lookahead=lookahead)).eval()

    inputs = (TensorSpec(name="features", shape=(27, 55), dtype="float32"),)
    spec = NetSpec(name="x", weights_hash="x", load=load, inputs=inputs, outputs=("joints", "log_sigma"))
    return make_engine(spec, TORCH)


def comings_and_goings(seed: int, people: int = 3, frames: int = 45, source: str = "a") -> list[Tracks2D]:
    """Walkers who come, leave and flicker, at uneven times with a jump or two; some frames show one joint alone."""
    rng = np.random.default_rng(seed)
    motion = [walker(frames, phase=float(person))[:, :17][..., [0, 2, 1]] for person in range(people)]
    time = np.cumsum(rng.choice([0.02, 0.04, 0.1, 0.7], frames, p=[0.3, 0.4, 0.25, 0.05]))
    if rng.random() < 0.3:
        time[frames // 2 :] -= time[frames // 2]  # the source was wound back
    there = rng.random((frames, people)) < 0.85
    for person in range(people):
        there[: rng.integers(0, 15), person] = False
        there[frames - rng.integers(0, 15) :, person] = False
    out = []
    for t in range(frames):
        ids = np.flatnonzero(there[t])[:: rng.choice([1, -1])]
        points = (
            np.stack([motion[i][t] * [1, -1, 1] + [i - 1, 0.9, 5] for i in ids]) if len(ids) else np.zeros((0, 17, 3))
        )
        pixels = points[..., :2] / points[..., 2:] * CAMERA.fx + [CAMERA.cx, CAMERA.cy]
        keypoints = np.concatenate([pixels, rng.uniform(0.3, 1, (len(ids), 17, 1))], -1).astype(np.float32)
        keypoints[rng.random((len(ids), 17)) < 0.1, :2] = np.nan
        keypoints[rng.random(len(ids)) < 0.05, 1:, :2] = np.nan
        stamp = {"source_id": source, "index": t, "pts": float(time[t]), "captured_at": 0.0}
        out.append(Tracks2D(**stamp, keypoints=keypoints, layout=H36M17, person=ids.astype(np.int64)))
    return out


def whole(tracks: list[Tracks2D], engine: object, lookahead: int) -> list[Poses3D]:
    """Every frame's answer from the whole sequence at once, by the definition and not by any state."""
    seen_at: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    for t, frame in enumerate(tracks):
        rays, sure = observe(frame, CAMERA, LiftSettings().min_score)
        for row, person in enumerate(frame.person.tolist()):
            if (sure[row] > 0).sum() >= 2:
                seen_at.setdefault(person, []).append((t, rays[row], sure[row]))

    def run_of(person: int, t: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """The person's frames round ``t`` without a gap, none later than the lookahead."""
        runs: list[list[tuple[int, np.ndarray, np.ndarray]]] = [[]]
        for item in seen_at[person]:
            if runs[-1]:
                last = runs[-1][-1][0]
                # a pause of the person, or of the source while they were away, or a time that ran back meanwhile
                times = [tracks[k].pts for k in range(last, item[0] + 1)]
                if not all(0 <= pts - times[0] <= GAP_S for pts in times):
                    runs.append([])
            runs[-1].append(item)
        (run_with_it,) = [r for r in runs if any(k == t for k, _, _ in r)]
        return [item for item in run_with_it if item[0] <= t + lookahead]

    bodies: dict[int, Body] = {}
    answers = []
    for t, frame in enumerate(tracks):
        joints = np.full((len(frame), 17, 3), np.nan, np.float32)
        sigma = np.full((len(frame), 17), np.nan, np.float32)
        here = sorted(p for p, items in seen_at.items() if any(k == t for k, _, _ in items))
        if here:
            rays, sure, time = (
                np.zeros((len(here), WINDOW, 17, 2), np.float32),
                np.zeros((len(here), WINDOW, 17), np.float32),
                np.zeros((len(here), WINDOW)),
            )
            told = rays.copy(), sure.copy()
            starts, before = [], []
            for row, person in enumerate(here):
                items = run_of(person, t)
                place = [k for k, _, _ in items].index(t)
                bridge = Bridge()
                for k, (frame_index, r, c) in enumerate(items):
                    slot = 26 - lookahead + k - place
                    bridged = bridge(r, c, tracks[frame_index].pts)
                    if slot >= 0:
                        rays[row, slot], sure[row, slot], time[row, slot] = r, c, tracks[frame_index].pts
                        told[0][row, slot], told[1][row, slot] = bridged
                starts.append(items[0][0])
                before.append(items[place - 1][0] if place else None)
            features, turn = window_features(*told, time, lookahead)
            out = engine(features=features)  # type: ignore[operator]
            now = 26 - lookahead
            sight = Sight(
                rays=rays[:, now],
                confidence=sure[:, now],
                trusted=(sure[:, now] > 0) & (np.arange(17) != H36M17.names.index("nose")),
            )
            placed, towards = standing(
                even_sided(out["joints"] @ turn), np.exp(out["log_sigma"]), sight, size_of(features, lookahead), 0.03
            )
            for row, person in enumerate(here):
                if before[row] is None:
                    bodies[person] = Body()
                at, doubt = frame.person.tolist().index(person), np.exp(out["log_sigma"])[row]
                joints[at] = bodies[person].settle(placed[row], towards[row], doubt, frame.pts)
                sigma[at] = doubt
        stamp = {"source_id": frame.source_id, "index": t, "pts": frame.pts, "captured_at": 0.0}
        answers.append(Poses3D(**stamp, joints=joints, sigma=sigma, person=frame.person, layout=H36M17))
    return answers


@pytest.mark.parametrize(("kind", "lookahead"), [(kind, ahead) for kind in KINDS for ahead in (0, 1, 4)])
@settings(deadline=None, max_examples=4)
@given(seed=st.integers(0, 2**32 - 1))
def test_streaming_is_exactly_the_whole_sequence(kind: Kind, lookahead: int, seed: int) -> None:
    engine, tracks = engine_of(kind, lookahead), comings_and_goings(seed)
    lifter = Lifter(engine, LiftSettings(reset_gap_s=GAP_S, forget_s=GAP_S), lookahead=lookahead)  # type: ignore[arg-type]
    streamed = list(lifter.lift_all((frame, CAMERA) for frame in tracks))
    assert [poses.index for poses in streamed] == list(range(len(tracks)))
    for got, frame, expected in zip(streamed, tracks, whole(tracks, engine, lookahead), strict=True):
        assert (got.pts, got.source_id) == (frame.pts, "a")
        np.testing.assert_array_equal(got.person, frame.person)
        np.testing.assert_array_equal(got.joints, expected.joints)
        np.testing.assert_array_equal(got.sigma, expected.sigma)


@pytest.mark.parametrize("lookahead", [0, 3])
def test_several_sources_are_answered_as_each_alone(lookahead: int) -> None:
    sources = {name: comings_and_goings(seed, source=name) for seed, name in enumerate("abc")}
    lengths = {"a": 45, "b": 22, "c": 45}  # b is slower
    together = Lifter(KnownEngine(), lookahead=lookahead)
    answers: dict[str, list[Poses3D]] = {name: [] for name in sources}
    for t in range(45):
        here = {name: t if lengths[name] == 45 else t // 2 for name in sources if lengths[name] == 45 or t % 2}
        for poses in together.lift([(sources[name][at], CAMERA) for name, at in here.items()]):
            answers[poses.source_id].append(poses)
    for name, frames in sources.items():
        answers[name] += together.finish(name)
        alone = Lifter(KnownEngine(), lookahead=lookahead).lift_all((f, CAMERA) for f in frames[: lengths[name]])
        for got, expected in zip(answers[name], alone, strict=True):
            assert got.index == expected.index
            np.testing.assert_allclose(got.joints, expected.joints, rtol=1e-4, atol=1e-4)
        assert together.finish(name) == []


def test_answers_come_as_late_as_they_must_and_no_later() -> None:
    lifter = Lifter(engine_of("tcn", 4), lookahead=4)  # type: ignore[arg-type]
    come = [[p.index for p in lifter.lift([(frame, CAMERA)])] for frame in comings_and_goings(1, frames=8)]
    assert come == [[], [], [], [], [0], [1], [2], [3]]
    assert [p.index for p in lifter.finish("a")] == [4, 5, 6, 7]
    assert lifter.finish("a") == []


def test_a_lone_call_and_a_forgotten_source_are_honest_about_it() -> None:
    lifter, frames = Lifter(engine_of("tcn", 2), lookahead=2), comings_and_goings(1, frames=3)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="looks 2 frames ahead"):
        lifter(frames[0], CAMERA)
    lifter.lift([(frames[0], CAMERA)])
    lifter.forget("a")
    assert lifter.finish("a") == []


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames; the left one walks, the right one leaves after half of them."""
    pictures = [white_people(400, 400, 20 + index, *([300] if index < 10 else [])) for index in range(20)]
    return write_video(tmp_path_factory.mktemp("video") / "walk.mp4", pictures)


class TestPipeline:
    """The rooms joined, with a lifter of four frames of lookahead."""

    @pytest.fixture(autouse=True)
    def rooms(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        def fake(_: object, info: object, meters: object = None, lookahead: int = 4) -> object:
            return fake_rooms(stills=of_stills(info), meters=meters, lookahead=lookahead)  # type: ignore[arg-type]

        monkeypatch.setattr(pipeline_run, "make_rooms", fake)
        before = set(threading.enumerate())
        yield
        assert not [t for t in threading.enumerate() if t not in before and t.name.startswith("stream3d")]

    @staticmethod
    def check(seen: list[Result], count: int) -> None:
        """Complete, in order, each with its own picture, 2D and 3D."""
        assert [result.frame.index for result in seen] == list(range(count))
        for result in seen:
            assert result.frame.index == result.tracks.index == result.poses.index
            assert result.frame.pts == result.tracks.pts == result.poses.pts
            np.testing.assert_array_equal(result.tracks.person, result.poses.person)
            assert np.isfinite(result.poses.joints).all()

    def test_everything_comes_once_in_order_and_belongs_together(self, walk: Path) -> None:
        seen = list(results(walk))
        self.check(seen, 20)
        assert {len(result.poses) for result in seen} == {1, 2}
        assert [pose.index for pose in stream(walk)] == list(range(20))

    def test_a_source_shorter_than_the_lookahead_is_answered_in_full(self, tmp_path: Path) -> None:
        video = write_video(tmp_path / "short.mp4", [white_people(400, 400, 50)] * 3)
        self.check(list(results(video)), 3)

    def test_the_files_of_a_run_are_whole(self, walk: Path, tmp_path: Path) -> None:
        counts: list[int] = []
        summary = run(walk, saves=[tmp_path / "out.npz"], watch=lambda _, so_far: counts.append(so_far.frames))
        assert counts == list(range(1, 21))
        assert (summary.frames, summary.counts["read"]) == (20, 20)
        tracks = load_tracks(tmp_path / "out.npz")
        assert sorted(set(tracks.frame.tolist())) == list(range(20))
        assert tracks.meta["lifter"] == {"name": "fake"}
        assert summary.stages["latency"]["count"] == 20
        assert summary.stages["latency"]["p50_ms"] > 4 * summary.stages["pose2d"]["p50_ms"]
        json.dumps(summary.as_dict(), allow_nan=False)

    def test_ctrl_c_saves_what_was_seen(self, walk: Path, tmp_path: Path) -> None:
        def interrupt(result: Result, _: Summary) -> None:
            if result.frame.index == 9:
                raise KeyboardInterrupt

        summary = run(walk, saves=[tmp_path / "out.npz"], watch=interrupt)
        assert summary.interrupted
        assert sorted(set(load_tracks(tmp_path / "out.npz").frame.tolist())) == list(range(14))

    def test_a_source_that_breaks_off_gets_its_last_answers(
        self, walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        break_off(monkeypatch, frame=7)
        with pytest.raises(SourceError, match="cable"):
            run(walk, saves=[tmp_path / "out.npz"])
        assert load_tracks(tmp_path / "out.npz").frame.max() == 6

    def test_stills_wait_for_nothing(self, tmp_path: Path) -> None:
        import cv2

        folder = tmp_path / "images"
        folder.mkdir()
        for index in range(3):
            cv2.imwrite(str(folder / f"{index}.png"), white_people(400, 400, 50))
        seen = list(results(folder))
        self.check(seen, 3)
        assert [result.frame.name for result in seen] == ["0.png", "1.png", "2.png"]
        assert [result.poses.person.tolist() for result in seen] == [[1], [2], [3]]
