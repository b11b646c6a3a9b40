"""Virtual cameras, other bodies, and the errors of 2D nets."""

from __future__ import annotations

import numpy as np
import pytest

from stream3d.skeleton import BODY25, COCO17, H36M17, HALPE26, MPII16, Layout, convert
from tests.walker import walker
from train import augment
from train.augment import MIRROR, NET_TYPES, Augmentation
from train.cameras import CameraRanges, look, random_cameras, seen_by
from train.mocap.h36m import POINTS
from train.mocap.takes import Take
from train.windows import MotionPool, draw, training_batch

CLEAN = Augmentation(
    bone_sd=0, noise_sd=0, bias_sd=0, outliers=0, slips=0, missing=0, cut_off=0, beginnings=0, focal_sd=0
)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def points(count: int = 6, frames: int = 4) -> np.ndarray:
    return np.stack([walker(frames, phase=i) for i in range(count)]).astype(np.float32)


def bone_lengths(p: np.ndarray) -> np.ndarray:
    return np.stack([np.linalg.norm(p[:, :, a] - p[:, :, b], axis=-1) for a, b in H36M17.bones], -1)


def test_cameras_look_down_from_above_and_keep_the_root_in_the_picture() -> None:
    cameras = random_cameras(rng(), 500, CameraRanges(elevation=(10, 45), roll=0))
    np.testing.assert_allclose(
        cameras.turn @ np.swapaxes(cameras.turn, 1, 2), np.tile(np.eye(3), (500, 1, 1)), atol=1e-6
    )
    assert (np.linalg.det(cameras.turn) > 0).all()
    assert (cameras.turn[:, 2, 2] < 0).all()
    ray = cameras.root[:, :2] / cameras.root[:, 2:]
    assert (np.abs(ray) < cameras.edge).all()
    distance = np.linalg.norm(cameras.root, axis=-1)
    assert 2.0 <= distance.min() < 2.2
    assert 7.8 < distance.max() <= 8.0


def test_a_level_camera_sees_up_as_minus_y() -> None:
    turn = look(np.array([0.7]), np.array([0.0]), np.array([0.0]))
    np.testing.assert_allclose(turn[0] @ [0, 0, 1], [0, -1, 0], atol=1e-6)


def test_the_origin_stands_at_the_root() -> None:
    cameras, world = random_cameras(rng(), 6), points()
    seen = seen_by(world, cameras, world[:, -1, 0])
    np.testing.assert_allclose(seen[:, -1, 0], cameras.root, atol=1e-5)
    np.testing.assert_allclose(bone_lengths(seen), bone_lengths(world), atol=1e-5)


def test_other_bones_keep_directions_and_symmetry() -> None:
    world, factors = points(), augment.bone_factors(rng(), 6, Augmentation())
    other = augment.with_bones(world, factors)
    children = [child for _, child in H36M17.bones]
    np.testing.assert_allclose(bone_lengths(other), bone_lengths(world) * factors[:, None, children], rtol=1e-4)
    for joint, twin in enumerate(H36M17.mirror):
        np.testing.assert_array_equal(factors[:, joint], factors[:, twin])
    unit = np.ones((6, 17), np.float32)
    np.testing.assert_allclose(augment.with_bones(world, unit), world, atol=1e-6)


def test_mirroring_twice_is_nothing_and_swaps_sides() -> None:
    world, all_rows = points(), np.ones(6, bool)
    once = augment.mirrored(world, all_rows)
    np.testing.assert_allclose(augment.mirrored(once, all_rows), world)
    left, right = POINTS.index("left_knee"), POINTS.index("right_knee")
    np.testing.assert_allclose(once[:, :, left, 0], -world[:, :, right, 0])
    assert MIRROR[POINTS.index("true_nose")] == POINTS.index("true_nose")


def test_stature_is_proportional_and_human() -> None:
    world = points()
    tall = augment.stature(world)
    assert ((tall > 1.4) & (tall < 2.0)).all()
    np.testing.assert_allclose(augment.stature(world * 1.3), 1.3 * tall, rtol=1e-5)


@pytest.mark.parametrize(
    ("net", "layout"), [("coco", COCO17), ("mpii", MPII16), ("halpe", HALPE26), ("body25", BODY25), ("h36m", H36M17)]
)
def test_net_types_are_what_convert_makes_of_their_layouts(net: str, layout: Layout) -> None:
    generator = rng()
    rays = generator.normal(size=(1, 5, 19, 2)).astype(np.float32)
    sure = generator.uniform(0.2, 1, (1, 5, 19)).astype(np.float32)
    sure[generator.random(sure.shape) < 0.1] = 0
    known = {name: place for place, name in enumerate(POINTS)}
    known |= {"neck": known["thorax"]}
    if net != "h36m":
        known |= {"nose": known["true_nose"]}
    given = np.full((5, layout.size, 3), np.nan, np.float32)
    for joint, name in enumerate(layout.names):
        if name in known:
            given[:, joint, :2] = np.where(sure[0, :, known[name], None] > 0, rays[0, :, known[name]], np.nan)
            given[:, joint, 2] = sure[0, :, known[name]]
    expected = convert(given, layout, H36M17)
    xy, confidence = augment.as_net(np.array([NET_TYPES.index(net)]), rays, sure)
    np.testing.assert_allclose(confidence[0], expected[..., 2], atol=1e-6)
    there = confidence[0] > 0
    np.testing.assert_allclose(xy[0][there], expected[there][:, :2], atol=1e-6)


def test_noise_has_the_size_that_is_asked_for_and_may_be_none() -> None:
    error, sure = augment.noise(rng(), (400, 9, 17), Augmentation(outliers=0, bias_sd=0))
    per_window = error.std((1, 2, 3))
    assert 0.1 < (per_window == 0).mean() < 0.2
    assert 0.010 < np.median(per_window[per_window > 0]) < 0.03
    assert ((sure >= 0.05) & (sure <= 1)).all()
    exact, _ = augment.noise(rng(), (4, 9, 17), CLEAN)
    assert (exact == 0).all()


def test_a_lower_confidence_means_a_larger_error() -> None:
    error, sure = augment.noise(rng(), (2000, 3, 17), Augmentation(outliers=0))
    size = np.linalg.norm(error, axis=-1)
    assert size[sure < 0.5].mean() > 1.5 * size[sure > 0.95].mean()


def test_hidden_joints_come_scattered_and_as_whole_limbs() -> None:
    lost = augment.hidden(rng(), (3000, 27, 17), Augmentation())
    legs = [H36M17.names.index(name) for name in ("left_knee", "left_ankle", "right_knee", "right_ankle")]
    rest = [joint for joint in range(17) if joint not in legs]
    no_legs = lost[:, :, legs].all((1, 2)) & ~lost[:, :, rest].all(-1).any(-1)
    assert no_legs.mean() > 0.03
    assert 0.02 < lost.mean() < 0.3
    assert not augment.hidden(rng(), (50, 27, 17), CLEAN).any()


def test_slips_exchange_sides() -> None:
    rays = rng().normal(size=(2, 3, 19, 2)).astype(np.float32)
    slipped = augment.slip_sides(rng(), rays, 1.0)
    left, right = H36M17.names.index("left_ankle"), H36M17.names.index("right_ankle")
    np.testing.assert_array_equal(slipped[:, :, left], rays[:, :, right])
    np.testing.assert_array_equal(augment.slip_sides(rng(), rays, 0.0), rays)


def pool(frames: int = 200) -> MotionPool:
    takes = [Take(points=walker(frames, phase=i), fps=60.0, subject=str(i), trial="1") for i in range(3)]
    return MotionPool.of(takes)


def test_windows_never_cross_takes_and_begin_where_the_take_does() -> None:
    motion = pool(30)
    found = draw(motion, rng(), 200, 29, CLEAN)
    assert found.present[:, -1].all()
    assert not found.present.all()
    jumps = np.linalg.norm(np.diff(found.points[:, :, 0], axis=1), axis=-1)
    assert jumps.max() < 0.5
    steps = np.diff(found.time, axis=1)
    assert steps.min() > 0.9 / 60
    assert steps.max() < 2 * 6.1 / 60


def test_faulty_frames_stay_out_of_windows() -> None:
    points = walker(400)
    points[200] = np.nan
    motion = MotionPool.of([Take(points=points, fps=60.0, subject="1", trial="1")])
    found = draw(motion, rng(), 100, 29, CLEAN)
    assert (np.abs(found.points[:, :, 10]).sum(-1) > 0).all()


def test_an_exact_batch_answers_what_it_shows() -> None:
    batch = training_batch(pool(), rng(), 8, CLEAN)
    assert batch.features.shape == (24, 27, 55)
    assert batch.target.shape == (24, 17, 3)
    np.testing.assert_allclose(batch.target[:, 0], 0, atol=1e-6)
    # The target, placed at a depth on the axis, projects onto the last frame's rays up to their scale.
    last = batch.features[:, -1, :51].reshape(24, 17, 3)
    wrist = H36M17.names.index("left_wrist")
    shown, meant = last[:, wrist, :2], batch.target[:, wrist, :2]
    aligned = (shown * meant).sum(-1) / np.linalg.norm(shown, axis=-1) / np.linalg.norm(meant, axis=-1)
    assert np.median(aligned) > 0.98


def test_batches_repeat_with_their_seed() -> None:
    first, second = (training_batch(pool(), np.random.default_rng([1, 2]), 4, Augmentation()) for _ in range(2))
    np.testing.assert_array_equal(first.features, second.features)
    assert np.isfinite(first.features).all()
