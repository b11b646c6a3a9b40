"""Measuring a lifter: streams as run time has them, measures that know what they measure, the report, the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stream3d.engine import EngineSettings, make_engine
from stream3d.geometry import Camera, project
from stream3d.lift import Lifter as Room
from stream3d.nets.lifter import lifter_spec
from stream3d.nets.lifter_torch import Lifter, LifterShape, load_lifter, save_lifter
from stream3d.skeleton import COCO17, H36M17
from stream3d.values import Tracks2D
from tests.walker import walker
from train import evaluate
from train.data.layouts import H36M16
from train.data.motions import MotionClip, MotionSet
from train.evaluation import limits, real, report, streams
from train.evaluation.actions import action_of
from train.evaluation.measures import body, figures
from train.evaluation.streams import FPS, Answer, Condition, Stream
from train.mocap.archives import HDM05
from train.mocap.takes import TRAINING, Take, load_takes

Way = tuple[float, float, float]
SMALL = LifterShape(channels=16, width=32, blocks=1)
PLAIN = Condition(name="plain")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def held_out() -> list[Take]:
    return [Take(points=walker(120), fps=60.0, subject="02", trial="01")]


def a_stream(scale: float = 1.0) -> Stream:
    truth = walker(150)[:, :17] - walker(150)[:, :1]
    seen = np.zeros((150, 17, 2), np.float32)
    return Stream(rays=seen, confidence=seen[..., 0] + 1, layout=H36M17, truth=truth, scale=scale)


def answer(change: Callable[[np.ndarray], np.ndarray], scale: float = 1.0, sigma: float = 0.05) -> Answer:
    stream = a_stream(scale)
    return Answer(pose=change(stream.truth), sigma=np.full((150, 17), sigma, np.float32), stream=stream)


def test_clips_are_cut_and_named() -> None:
    clips = evaluate.clips_of(held_out())
    assert [(len(clip.points), clip.action, clip.subject) for clip in clips] == [(60, "walk", "02")]


@pytest.mark.parametrize(
    ("subject", "trial", "action"),
    [
        ("02", "08", "swordplay"),
        ("03", "02", "walk on uneven ground"),
        ("tr", "jogLeftCircle4StepsRstart_001_120", "jog left circle"),
        ("55", "01", "other"),
    ],
)
def test_actions_are_told_from_names(subject: str, trial: str, action: str) -> None:
    assert action_of(Take(points=walker(1), fps=60.0, subject=subject, trial=trial)) == action


@pytest.mark.parametrize("lookahead", [0, 2])
def test_windows_slide_and_are_empty_where_there_is_no_frame(lookahead: int) -> None:
    slid = streams.sliding(np.arange(1, 31)[:, None], lookahead)
    assert slid.shape == (30, 27, 1)
    for t in range(30):
        assert slid[t, 26 - lookahead, 0] == t + 1
    assert (slid[0] > 0).sum() == 1 + lookahead
    assert (slid[-1, 27 - lookahead :] == 0).all()


@pytest.mark.parametrize("condition", evaluate.CONDITIONS, ids=lambda condition: condition.name)
def test_conditions_do_what_they_say(condition: Condition) -> None:
    clip = evaluate.clips_of(held_out())[0]
    stream = evaluate.observed(clip, condition, np.random.default_rng(0))
    plain = evaluate.observed(clip, Condition(name="", net=condition.net), np.random.default_rng(0))
    spine, ankle = H36M17.names.index("spine"), H36M17.names.index("left_ankle")
    sure = stream.confidence
    assert (sure[:, spine].max() == 1) == (condition.net == "h36m")
    assert (sure[:, ankle].max() == 0) == condition.no_legs == (ankle not in condition.joints)
    assert (0.03 < (sure[:, ankle] == 0).mean() < 0.25) == (condition.missing > 0)
    gap = (stream.rays - plain.rays * condition.focal).std() * streams.FOCAL_PX
    assert gap == pytest.approx(condition.noise_px, rel=0.2, abs=1e-3)


def test_a_stream_is_answered_as_the_room_answers_it(tmp_path: Path) -> None:
    """Frame by frame through ``stream3d.lift`` and all at once: the same skeletons."""
    torch.manual_seed(0)
    save_lifter(Lifter(SMALL), tmp_path / "w.safetensors", {})
    net = load_lifter(tmp_path / "w.safetensors")
    clip = evaluate.clips_of(held_out())[0]
    camera = Camera.from_fov(1000, 1000, 60.0)
    keypoints = np.ones((60, 17, 3), np.float32)
    keypoints[..., :2] = project(clip.points[:, :17], camera)
    stream = streams.stream_of(keypoints, H36M17, camera, clip.points[:, :17] * clip.scale, fps=FPS)
    settings = EngineSettings(engine="torch", device="cpu")
    room = Room(make_engine(lifter_spec(tmp_path / "w.safetensors"), settings))
    poses = [
        room(
            Tracks2D(
                source_id="a", index=t, pts=t / FPS, captured_at=0.0, keypoints=keypoints[t : t + 1], layout=H36M17,
                person=np.array([4]),
            ),
            camera,
        ).joints[0]
        for t in range(60)
    ]  # fmt: skip
    expected = np.stack(poses) - np.stack(poses)[:, :1]
    np.testing.assert_allclose(streams.lifted(net, stream).pose, expected, atol=2e-3)
    np.testing.assert_allclose(stream.truth, clip.points[:, :17] - clip.points[:, :1], atol=1e-5)
    assert stream.scale == pytest.approx(clip.scale, rel=1e-5)


def test_a_stream_from_another_layout_lacks_what_that_does_not_know() -> None:
    stream = streams.stream_of(
        np.full((3, 17, 3), 0.5, np.float32), COCO17, Camera.from_fov(64, 64), walker(3)[:, :17], fps=25.0, action="sit"
    )
    assert (stream.confidence[:, H36M17.names.index("spine")] == 0).all()
    assert (stream.confidence[:, H36M17.names.index("left_knee")] == 0.5).all()
    assert (stream.fps, stream.action) == (25.0, "sit")


class Foreseeing(nn.Module):
    """Answers with the rays of the frame that is asked for, which is not the window's last."""

    lookahead = 3

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        rays = features[:, 23, :51].reshape(-1, 17, 3)[..., :2]
        return torch.cat([rays, torch.zeros_like(rays[..., :1])], -1), torch.zeros(len(rays), 17)


class Present(Foreseeing):
    lookahead = 0

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        rays = features[:, 26, :51].reshape(-1, 17, 3)[..., :2]
        return torch.cat([rays, torch.zeros_like(rays[..., :1])], -1), torch.zeros(len(rays), 17)


def test_lookahead_answers_the_same_frames_not_later_ones() -> None:
    stream = evaluate.observed(evaluate.clips_of(held_out())[0], PLAIN, np.random.default_rng(0))
    now, later = (streams.lifted(net, stream).pose for net in (Present(), Foreseeing()))
    assert now.shape == later.shape
    # The windows differ, so the size that the rays were divided by does; the pictures do not.
    near, far = (np.abs(now[s : 60 - 3] - later[: 57 - s]).mean() for s in (0, 3))
    assert near < far / 3


def test_a_perfect_answer_has_no_error_but_is_as_unsure_as_it_says() -> None:
    found = figures([answer(lambda truth: truth.copy())], range(17))
    assert found["mpjpe"] == found["n_mpjpe"] == found["acceleration"] == 0
    assert found["pa_mpjpe"] < 1e-3
    assert found["pck150"] == 100
    assert found["auc"] == pytest.approx(100 * 30 / 31, abs=0.01)  # nothing is below a threshold of 0
    assert found["within_1_sigma"] == 100
    assert found["lag_ms"] == pytest.approx(0, abs=0.1)


def test_lengths_are_of_the_true_body() -> None:
    shift = np.zeros((17, 3), np.float32)
    shift[1:, 2] = 0.1
    found = figures([answer(lambda truth: truth + shift, scale=1.2)], range(17))
    assert found["mpjpe"] == pytest.approx(120 * 16 / 17, rel=1e-3)
    assert found["axes"] == pytest.approx({"x": 0, "y": 0, "z": 120}, rel=1e-3)
    assert found["joints"]["left_wrist"]["mpjpe"] == pytest.approx(120, rel=1e-3)
    assert found["joints"]["left_wrist"]["sigma"] == pytest.approx(60, rel=1e-3)
    assert found["pck150"] == 100
    assert figures([answer(lambda truth: truth + 2 * shift)], range(17))["pck150"] == 0
    tall = figures([answer(lambda truth: truth * 1.2, scale=1.2)], range(17))
    assert tall["mpjpe_default_height"] < 1e-3 < tall["mpjpe"]


def half_normal(shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Errors [..., 3] in any direction, whose length is a normal deviate's."""
    rng = np.random.default_rng(0)
    ways = rng.standard_normal(shape)
    return sigma * ways / np.linalg.norm(ways, axis=-1, keepdims=True) * rng.standard_normal((*shape[:-1], 1))


def test_sigma_that_tells_the_truth_covers_what_it_says() -> None:
    found = figures([answer(lambda truth: truth + half_normal(truth.shape, 0.05))], range(17))
    assert found["within_1_sigma"] == pytest.approx(68.27, abs=2)
    assert found["within_1.96_sigma"] == pytest.approx(95, abs=1)
    assert found["joints"]["nose"]["within_1_sigma"] == pytest.approx(68.27, abs=8)
    assert found["coverage_axes"]["z"]["within_1_sigma"] > 80  # a part of the distance
    assert found["z"] == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(found["band_curves"]["distance"], [*range(5, 96, 5), 99], atol=2.5)


def test_sigma_that_boasts_is_found_out() -> None:
    found = figures([answer(lambda truth: truth + half_normal(truth.shape, 0.1))], range(17))
    assert found["within_1_sigma"] == pytest.approx(38.3, abs=2)  # half a standard deviation
    assert found["z"] == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_a_late_answer_is_late_by_so_much(frames: int) -> None:
    late = answer(lambda truth: np.concatenate([truth[:1].repeat(frames, 0), truth[: 150 - frames]]))
    assert figures([late], range(17))["lag_ms"] == pytest.approx(1000 * frames / FPS, abs=2)


def test_only_judged_joints_count() -> None:
    def broken_feet(truth: np.ndarray) -> np.ndarray:
        out = truth.copy()
        out[:, streams.LEGS] += 5
        return out

    upper = Condition(name="", no_legs=True).joints
    found = figures([answer(broken_feet)], upper)
    assert found["mpjpe"] == 0
    assert "left_knee" not in found["joints"]
    assert figures([answer(broken_feet)], range(17))["mpjpe"] > 1000


def test_actions_share_out_the_frames() -> None:
    good = answer(lambda truth: truth)
    bad = Answer(pose=good.pose * 2, sigma=good.sigma, stream=good.stream)
    named = [
        Answer(pose=a.pose, sigma=a.sigma, stream=Stream(**{**_fields(a.stream), "action": name}))
        for a, name in ((good, "sit"), (bad, "run"))
    ]
    found = figures(named, range(17))
    assert found["actions"]["sit"]["mpjpe"] == 0 < found["actions"]["run"]["mpjpe"]
    assert found["mpjpe"] == pytest.approx(found["actions"]["run"]["mpjpe"] / 2, abs=0.01)


def _fields(stream: Stream) -> dict[str, object]:
    return {name: getattr(stream, name) for name in Stream.__slots__}


def test_bones_that_breathe_are_inconstant() -> None:
    poses = walker(100)[:, :17] * 0 + walker(1)[:, :17]
    clip = np.zeros(100, np.int64)
    assert body(poses, clip)["inconstancy"] == pytest.approx(0, abs=0.01)
    breathing = poses * (1 + 0.1 * np.sin(np.arange(100) / 5))[:, None, None].astype(np.float32)
    assert body(breathing, clip)["inconstancy"] == pytest.approx(7.07, abs=0.3)
    # Two clips of two sizes are two bodies.
    two = np.concatenate([poses[:50], 2 * poses[50:]])
    assert body(two, (np.arange(100) >= 50).astype(np.int64))["inconstancy"] == pytest.approx(0, abs=0.01)
    assert body(poses[:5], clip[:5])["inconstancy"] is None


def bent(joint: str, parent: str, towards: Way) -> np.ndarray:
    """A standing person (right = x, forward = y, up = z) with one bone turned, and what hangs on it moved."""
    pose = walker(1, phase=0.0)[0, :17].astype(np.float64)
    pose -= pose[0]
    a, b = H36M17.names.index(parent), H36M17.names.index(joint)
    direction = np.array(towards) / np.linalg.norm(towards)
    move = pose[a] + direction * np.linalg.norm(pose[b] - pose[a]) - pose[b]
    for child in [b, *(c for p, c in H36M17.bones if p == b)]:
        pose[child] += move
    return pose


@pytest.mark.parametrize(
    ("joint", "parent", "fine", "broken", "limit", "mirrored"),
    [
        ("right_ankle", "right_knee", (0, -1, -0.5), (0, 1, -0.5), "right_knee", "left_knee"),
        ("left_wrist", "left_elbow", (0, 1, 0), (0, -1, -0.3), "left_elbow", "right_elbow"),
        ("left_knee", "left_hip", (0, 1, 0.4), (0, -1, 0), "left_hip", "right_hip"),
        ("right_elbow", "right_shoulder", (0.3, 0, 1), (0, -1, 0), "right_shoulder", "left_shoulder"),
        ("head_top", "thorax", (0.3, 0.3, 1), (0, -1, 0), "neck", "neck"),
    ],
)
def test_what_no_joint_does_is_seen(joint: str, parent: str, fine: Way, broken: Way, limit: str, mirrored: str) -> None:
    at = limits.JOINTS.index(limit)
    assert not limits.violations(bent(joint, parent, fine)).any()
    assert limits.violations(bent(joint, parent, broken))[at]
    mirror = bent(joint, parent, broken)[list(H36M17.mirror)] * [-1, 1, 1]
    assert limits.violations(mirror)[limits.JOINTS.index(mirrored)]


def test_limits_know_no_direction_and_no_unit() -> None:
    q, r = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    turn = q * np.sign(np.diag(r)) * np.sign(np.linalg.det(q * np.sign(np.diag(r))))
    for towards in ((0, 1, -0.5), (0, -1, -0.5)):
        pose = bent("right_ankle", "right_knee", towards)
        np.testing.assert_array_equal(limits.violations(pose), limits.violations(1000 * pose @ turn.T + 5))


def test_limits_see_a_trunk_that_breaks() -> None:
    spine = limits.JOINTS.index("spine")
    folded = walker(1)[0, :17].astype(np.float64)
    upper = [H36M17.names.index(n) for n in H36M17.names if "hip" not in n and "knee" not in n and "ankle" not in n][1:]
    at = folded[H36M17.names.index("spine")]
    for degrees, breaks in ((40, False), (100, True), (-60, True)):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        pose = folded.copy()
        pose[upper] = at + (folded[upper] - at) @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]]).T
        assert limits.violations(pose)[spine] == breaks, degrees


@pytest.mark.data
def test_captured_motion_keeps_the_limits(data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    names = [name for name in TRAINING if name in ("cmu_asfamc_misc", "ui_prmd_vicon")]
    for takes in load_takes(data, tmp_path_factory.mktemp("mocap"), names).values():
        points = np.concatenate([take.points[::4, :17] for take in takes])
        broken = limits.violations(points[np.isfinite(points).all((1, 2))])
        assert broken.mean() < 0.0005
        assert broken.any(-1).mean() < 0.003


def test_tables_have_dashes_for_what_is_not_measured() -> None:
    found = figures([answer(lambda truth: truth * 1.1)], range(17))
    results = {"walker": {"all": found, "truth": {"frames": 150, "asymmetry": 2.0}}}
    text = report.as_markdown(results, "all", ["walker"])
    assert "### walker (150 frames at 30 fps)" in text
    assert f"| all | {found['mpjpe']:.1f} |" in text
    assert "| truth | – |" in text
    assert "| left_wrist |" in text
    assert "| other | 150 |" in text


def test_the_command_writes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    torch.manual_seed(0)
    save_lifter(Lifter(SMALL), tmp_path / "w.safetensors", {})

    def takes(_data: Path, _work: Path, names: list[str]) -> dict[str, list[Take]]:
        subject = "bd" if HDM05 in names else "02"
        return {names[0]: [Take(points=walker(90), fps=60.0, subject=subject, trial="squat1Reps_001_120")]}

    monkeypatch.setattr(evaluate, "load_takes", takes)
    monkeypatch.setattr(evaluate, "SWEEPS", {"noise_px": (0.0, 10.0), "missing": (0.0, 0.2), "focal": (1.0, 1.4)})
    paths = f"--data {tmp_path} --work {tmp_path} --out {tmp_path / 'out'} --weights {tmp_path / 'w.safetensors'}"
    evaluate.main([*paths.split(), "--pictures"])
    said = json.loads((tmp_path / "out" / "lifter.json").read_text())
    assert set(said["sets"]) == {evaluate.CMU, evaluate.NO_CLIMBER, evaluate.HDM}
    row = said["sets"][evaluate.CMU]
    assert set(row) == {*(c.name for c in evaluate.CONDITIONS), evaluate.TRUTH}
    assert row["all 17 joints"]["mpjpe"] >= row["all 17 joints"]["pa_mpjpe"] > 0
    assert [s["value"] for s in said["sweeps"] if s["swept"] == "noise_px"] == [0.0, 10.0]
    assert "squat" in (tmp_path / "out" / "lifter.md").read_text()
    for name in ("samples", "joints", "curves"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def a_clip(**changed: object) -> MotionClip:
    """1200 frames at 50 fps before a known camera."""
    camera = Camera(fx=1146, fy=1145, cx=514, cy=508, width=1000, height=1000, origin="test")
    points = walker(1200, fps=50.0)[:, :17] - walker(1)[0, 0]
    joints = (points[..., [0, 2, 1]] * [1, -1, 1] + [0, 0, 5]).astype(np.float32)
    keypoints = np.ones((1200, 17, 3), np.float32)
    keypoints[..., :2] = project(joints, camera)
    given = {"joints": joints, "layout": H36M17, "space": "camera", "fps": 50.0, "subject": "S9", "action": "Walking 2"}
    return MotionClip(**(given | {"keypoints": keypoints, "keypoint_layout": H36M17, "camera": camera} | changed))


def of_clips(*clips: MotionClip) -> list[Stream]:
    return real.streams_of(MotionSet(name="a", clips=clips, held_out=frozenset({"S9"})))


def test_real_sequences_are_streamed_from_their_middle_at_25_fps() -> None:
    clip = a_clip()
    (stream,) = of_clips(clip, a_clip(subject="S1"))
    assert (len(stream), stream.fps, stream.action) == (300, 25.0, "Walking")
    middle = clip.joints[300:900:2]
    np.testing.assert_allclose(stream.truth * stream.scale, middle - middle[:, :1], atol=1e-5)
    np.testing.assert_allclose(stream.rays, middle[..., :2] / middle[..., 2:], atol=1e-5)
    assert (stream.confidence == 1).all()


def test_what_cannot_be_judged_is_left_out() -> None:
    lost = a_clip().joints
    lost[400, 3] = np.nan
    useless = [a_clip(keypoints=None, keypoint_layout=None), a_clip(camera=None), a_clip(space="world")]
    assert of_clips(*useless, a_clip(joints=lost)) == []
    assert (
        len(real.streams_of(MotionSet(name="a", clips=(a_clip(camera=None),), held_out={"S9"}), a_clip().camera)) == 1
    )


def test_joints_that_a_set_does_not_have_are_not_judged() -> None:
    without = [name for name in H36M17.names if name != "nose"]
    joints = a_clip().joints[:, [H36M17.names.index(name) for name in without]]
    streams_ = of_clips(a_clip(), a_clip(joints=joints, layout=H36M16))
    assert real.judged(streams_) == [j for j in range(17) if H36M17.names[j] != "nose"]
    assert streams_[1].scale == 1.0
    found = figures([streams.lifted(Present(), stream) for stream in streams_], real.judged(streams_))
    assert np.isfinite([found["mpjpe"], found["pa_mpjpe"], found["acceleration"], found["within_1_sigma"]]).all()


def test_the_command_measures_a_set_that_its_user_holds(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    clip = a_clip()
    with h5py.File(tmp_path / "sh.h5", "w") as file:
        for name, joints in (
            ("S1/Eating", clip.joints),
            ("S9/Walking 1", clip.joints),
            ("S11/Waiting", clip.joints[:100]),
        ):
            group = file.create_group(name)
            group["3d_keypoints"], group["2d_keypoints"] = joints, clip.keypoints[: len(joints), :, :2]
    evaluate.main(["--data", str(tmp_path), "--out", str(tmp_path), "--sets", "--h36m", str(tmp_path)])
    (name,) = (said := json.loads((tmp_path / "lifter.json").read_text()))["sets"]
    row = said["sets"][name]["as given"]
    assert name == "Human3.6M, S9 and S11, 2D of sh"
    assert (row["frames"], row["fps"]) == (350, 25.0)
    assert {action: part["frames"] for action, part in row["actions"].items()} == {"Waiting": 50, "Walking": 300}
    assert 5 < row["pa_mpjpe"] <= row["mpjpe"] < 300
    with pytest.raises(SystemExit, match="neither"):
        list(real.human36m_sets(tmp_path / "mocap"))
    with pytest.raises(SystemExit, match="annot_data"):
        list(real.mpi_inf_3dhp_sets(tmp_path))


def test_the_quick_command_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "load_takes", lambda *_: {"cmu_asfamc_maxxgx": held_out()})
    monkeypatch.setattr(evaluate, "validation", lambda _: [Take(**{**_take(held_out()[0]), "subject": "09"})])
    evaluate.main(["--data", str(tmp_path), "--out", str(tmp_path), "--quick", "--sets", "cmu", "validation"])
    said = json.loads((tmp_path / "lifter.json").read_text())
    assert set(said["sets"]) == {evaluate.CMU, evaluate.NO_CLIMBER, evaluate.VALIDATED}
    assert set(said["sets"][evaluate.CMU]) == {evaluate.SWEPT.name, evaluate.TRUTH}


def _take(take: Take) -> dict[str, object]:
    return {name: getattr(take, name) for name in Take.__slots__}
