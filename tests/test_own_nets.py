"""Nets of the user's own on tiny ONNX files of the right signature: what was planted comes back where it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stream3d.cli import main
from stream3d.engine import EngineSettings, OnnxSpec, TensorSpec, make_engine
from stream3d.errors import DeviceError, ModelError, SettingsError
from stream3d.nets.fake import fake_detector_spec, fake_landmark_spec
from stream3d.nets.spec import Pixels
from stream3d.pose2d import OneStageEstimator, PoseEstimator, PoseSettings, make_estimator
from stream3d.pose2d.detect import BlazePoseDetector
from stream3d.pose2d.landmarks import BlazePoseLandmarks
from stream3d.pose2d.own import OnnxOneStage, detector_from, keypoints_from
from stream3d.pose2d.own.keypoints import OnnxKeypoints
from stream3d.pose2d.protocol import KeypointNet, OneStageNet, PersonDetector
from stream3d.sample import load_truth
from stream3d.trackfile import load_tracks
from stream3d.values import Frame
from tests.onnx_nets import brightness, constant, gaussian, identity, with_suppression

RNG = np.random.default_rng(4)
IMAGE = RNG.integers(0, 255, (480, 640, 3), dtype=np.uint8)
NOBODY = np.zeros((0, 4), np.float32)
REGION = np.float32([[300, 200, 256, 0]])  # with the usual padding a crop pixel is a pixel of the image
TORCH = EngineSettings(engine="torch", device="cpu")


def toml(onnx: Path, *lines: str) -> str:
    onnx.with_suffix(".toml").write_text("\n".join(lines))
    return str(onnx)


def frame(image: np.ndarray = IMAGE, pts: float = 0.0) -> Frame:
    return Frame(source_id="test", index=round(pts * 25), pts=pts, captured_at=pts, image=image)


def yolox_rows(width: int, height: int, *people: tuple[int, float, float, float, float, float]) -> np.ndarray:
    """YOLOX's raw answer with boxes (row of the grid, dx, dy, log width, log height, score) of class 2 of 3."""
    cells = sum((width // s) * (height // s) for s in (8, 16, 32))
    rows = np.zeros((1, cells, 8), np.float32)
    for row, *box, score in people:
        rows[0, row] = [*box, 0.9, 0.99, 0.0, score / 0.9]
    return rows


def test_yolox_finds_the_boxes_that_were_planted(tmp_path: Path) -> None:
    # 320 x 256: 40 columns of stride 8; row 85 of the grid is column 5, row 2; then 20 columns of 16
    rows = yolox_rows(
        320, 256, (85, 0.5, 0.25, np.log(4), np.log(10), 0.8), (1280 + 21, 0, 0, np.log(2), np.log(4), 0.6)
    )
    rows[0, 86] = rows[0, 85] * np.float32([-1, 1, 1, 1, 1, 1, 1, 0.9])  # nearly the same box: (6 - .5, ...)
    rows[0, 200] = [0, 0, 1, 1, 0.9, 0.99, 0.99, 0.01]  # of other classes
    net = constant(tmp_path / "a.onnx", (1, 3, 256, 320), grid=rows)
    found = detector_from(toml(net, 'preset = "yolox"', "person = 2"))(IMAGE)
    # the picture of 640 x 480 is shrunk by 2 into the corner
    centres = 2 * np.float32([[8 * 5.5, 8 * 2.25], [16 * 1, 16 * 1]])
    sides = 1.25 * 2 * np.float32([80, 64])
    np.testing.assert_allclose(found.regions[:, :2], centres, atol=0.01)
    np.testing.assert_allclose(found.regions[:, 2], sides, rtol=1e-5)
    np.testing.assert_allclose(found.scores, [0.8, 0.6], rtol=1e-5)


def test_decoded_boxes_are_pixels(tmp_path: Path) -> None:
    rows = np.zeros((1, 40 * 32 + 20 * 16 + 10 * 8, 6), np.float32)
    rows[0, 7] = [100, 50, 30, 60, 0.9, 1.0]
    net = constant(tmp_path / "a.onnx", (1, 3, 256, 320), grid=rows)
    found = detector_from(toml(net, 'preset = "yolox"', "decoded = true"))(IMAGE)
    np.testing.assert_allclose(found.regions, [[200, 100, 150, 0]], atol=0.01)


def test_boxes_of_a_net_that_suppresses_itself(tmp_path: Path) -> None:
    boxes = np.float32([[10, 20, 50, 100], [12, 20, 52, 100], [200, 20, 240, 100], [0, 0, 9, 9]])
    net = with_suppression(tmp_path / "rtmdet.onnx", ("n", 3, "h", "w"), boxes, np.float32([0.7, 0.9, 0.6, 0.1]))
    found = detector_from(toml(net, 'preset = "rtmdet"', "size = [320, 320]"))(IMAGE)
    np.testing.assert_allclose(found.regions[:, :3], [[64, 120, 200], [440, 120, 200]], atol=0.01)
    np.testing.assert_allclose(found.scores, [0.9, 0.6])


def test_labels_say_who_is_a_person(tmp_path: Path) -> None:
    dets = np.float32([[[0, 0, 10, 20, 0.9], [50, 0, 60, 20, 0.8]]])
    net = constant(tmp_path / "a.onnx", (1, 3, 320, 320), dets=dets, labels=np.int64([[3, 0]]))
    assert len(detector_from(toml(net, 'preset = "rtmdet"'))(IMAGE).scores) == 1
    others = toml(net, 'preset = "rtmdet"', 'labels = ""')
    assert len(detector_from(others)(IMAGE).scores) == 2


def simcc(tmp_path: Path, x: float, y: float, score: float = 0.8) -> str:
    across, down = np.zeros((1, 17, 384), np.float32), np.zeros((1, 17, 512), np.float32)
    across[0, :, round(2 * x)], down[0, :, round(2 * y)] = score, score + 0.1
    net = constant(tmp_path / "rtmpose.onnx", (1, 3, 256, 192), simcc_x=across, simcc_y=down)
    return toml(net, 'preset = "rtmpose"')


def test_simcc_comes_back_at_the_right_pixel(tmp_path: Path) -> None:
    seen = keypoints_from(simcc(tmp_path, 100.5, 37.0))
    assert isinstance(seen, OnnxKeypoints)
    points = seen(IMAGE, np.concatenate([REGION, REGION + np.float32([7, 0, 0, 0])])).keypoints
    # the crop of 192 x 256 has its left upper corner at (300 - 96, 200 - 128)
    np.testing.assert_allclose(points[0, :, :2], np.tile([204 + 101.0, 72 + 37.5], (17, 1)), atol=0.01)
    np.testing.assert_allclose(points[1, :, 0], 312.0, atol=0.01)
    np.testing.assert_allclose(points[..., 2], 0.5 + 0.5 * 0.5 / 0.7, rtol=1e-5)


def test_a_turned_region_turns_what_was_found(tmp_path: Path) -> None:
    seen = keypoints_from(simcc(tmp_path, 96 + 20 - 0.5, 128 - 0.5))
    assert isinstance(seen, OnnxKeypoints)
    quarter = REGION + np.float32([0, 0, 0, np.pi / 2])
    np.testing.assert_allclose(seen(IMAGE, quarter).keypoints[0, 0, :2], [300, 220], atol=0.01)


@pytest.mark.parametrize(("cells", "shift"), [("origins", 0.5), ("centres", 2.0)])
def test_heat_maps_come_back_at_the_right_pixel(tmp_path: Path, cells: str, shift: float) -> None:
    places = [(10 + j, 20 + 2 * j) for j in range(17)]
    maps = np.stack([gaussian(48, 64, x + 0.3, y - 0.2, 2.0) for x, y in places])[None]
    net = constant(tmp_path / "hrnet.onnx", (1, 3, 256, 192), maps=maps)
    seen = keypoints_from(toml(net, 'preset = "hrnet"', 'refine = "dark"', "blur = 0", f'cells = "{cells}"'))
    assert isinstance(seen, OnnxKeypoints)
    wanted = [(204 + 4 * (x + 0.3) + shift, 72 + 4 * (y - 0.2) + shift) for x, y in places]
    np.testing.assert_allclose(seen(IMAGE, REGION).keypoints[0, :, :2], wanted, atol=0.01)


def test_vitpose_and_its_corners(tmp_path: Path) -> None:
    maps = np.tile(gaussian(48, 64, 23.5, 31.5, 2.0), (1, 17, 1, 1))
    net = constant(tmp_path / "vit.onnx", (1, 3, 256, 192), maps=maps)
    seen = keypoints_from(toml(net, 'preset = "vitpose"'))
    assert isinstance(seen, OnnxKeypoints)
    np.testing.assert_allclose(seen(IMAGE, REGION).keypoints[0, 0, :2], [300, 200], atol=0.01)


def test_a_net_that_sees_finds_the_bright_spot_through_the_whole_chain(tmp_path: Path) -> None:
    """Crop, colours, net, peak and the way back: the spot is in the red channel, and it lies at (317.3, 181.8)."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[..., 0] = 250 * gaussian(640, 480, 317.3 - 0.5, 181.8 - 0.5, 10.0)
    image[..., 2] = 255
    lines = ['kind = "heatmap"', "std = [255, 255, 255]", 'refine = "dark"', "blur = 0", 'cells = "centres"']
    seen = keypoints_from(toml(brightness(tmp_path / "a.onnx", 192, 256), *lines))
    assert isinstance(seen, OnnxKeypoints)
    for turn in (0.0, 0.7, -2.0):
        region = np.float32([[300, 200, 256, turn]])
        # the shades are whole numbers, so that the peak is known to a tenth of a pixel
        np.testing.assert_allclose(seen(image, region).keypoints[0, 0, :2], [317.3, 181.8], atol=0.15)
    blue = keypoints_from(toml(tmp_path / "a.onnx", *lines, 'channels = "bgr"'))
    assert isinstance(blue, OnnxKeypoints)
    assert blue(image, REGION).keypoints[0, 0, 2] > 0.99


def test_presence_is_that_of_the_better_half(tmp_path: Path) -> None:
    maps = np.zeros((1, 17, 64, 48), np.float32)
    maps[0, :9, 30, 20] = 0.65
    net = constant(tmp_path / "a.onnx", (1, 3, 256, 192), maps=maps)
    seen = keypoints_from(toml(net, 'preset = "simplepose"'))
    assert isinstance(seen, OnnxKeypoints)
    assert seen(IMAGE, REGION).presence[0] == pytest.approx(0.75)


def rtmo(tmp_path: Path, *people: tuple[float, float, float]) -> str:
    """People of 40 x 80 round (x, y) with a score, their joints on a line."""
    boxes = np.float32([[[x - 20, y - 40, x + 20, y + 40, score] for x, y, score in people]])
    joints = np.float32([[[[x, y + j - 8, 0.9] for j in range(17)] for x, y, _ in people]])
    net = constant(tmp_path / "rtmo.onnx", (1, 3, 320, 320), dets=boxes, keypoints=joints)
    return toml(net, 'preset = "rtmo"')


def test_a_one_stage_net_is_a_room_of_its_own(tmp_path: Path) -> None:
    file = rtmo(tmp_path, (100, 60, 0.9), (102, 60, 0.8), (200, 100, 0.6), (40, 100, 0.4))
    room = make_estimator(PoseSettings(keypoints=file))
    assert isinstance(room, OneStageEstimator)
    room.warm(640, 480)
    first = room(frame(), NOBODY)
    assert first.origin.tolist() == [-1, -1]
    assert first.looked
    assert first.confirmed.all()
    np.testing.assert_allclose(first.keypoints[:, 8, :2], [[200, 120], [400, 200]], atol=0.01)
    np.testing.assert_allclose(first.regions, [[200, 120, 200, 0], [400, 200, 200, 0]], atol=0.01)
    followed = np.float32([[80, 200, 200, 0], [405, 200, 190, 0]])
    again = room(frame(pts=0.04), followed)
    assert again.origin.tolist() == [-1, 1, 0]  # who is followed needs less
    room.forget("test")
    assert "rtmo.onnx" in room.describe()["keypoints"]["file"]


def test_nobody_at_all_is_an_answer(tmp_path: Path) -> None:
    room = make_estimator(PoseSettings(keypoints=rtmo(tmp_path, (100, 60, 0.01))))
    assert len(room(frame(), NOBODY)) == 0
    net = constant(tmp_path / "a.onnx", (1, 3, 256, 320), grid=yolox_rows(320, 256))
    assert len(detector_from(toml(net, 'preset = "yolox"'))(IMAGE).regions) == 0


def test_any_pair_makes_a_room(tmp_path: Path) -> None:
    """The user's detector with BlazePose's landmarks (fakes here), and the reverse."""
    image = np.zeros((640, 640, 3), np.uint8)
    image[220:400, 100:160] = 255
    boxes = np.float32([[[50, 110, 80, 200, 0.9]]])  # the white one, shrunk by two
    detector = toml(constant(tmp_path / "d.onnx", (1, 3, 320, 320), dets=boxes), 'preset = "rtmdet"', 'labels = ""')
    landmarks = BlazePoseLandmarks(make_engine(fake_landmark_spec(), TORCH))
    seen = PoseEstimator(detector_from(detector), landmarks)(frame(image), NOBODY)
    assert (len(seen), seen.layout.name) == (1, "blazepose33")
    assert abs(np.nanmean(seen.keypoints[0, :, 0]) - 130) < 15

    own = keypoints_from(simcc(tmp_path, 96, 128))
    assert isinstance(own, OnnxKeypoints)
    finder = BlazePoseDetector(lambda h, w: make_engine(fake_detector_spec(h, w), TORCH), sizes=(224,))
    room = PoseEstimator(finder, own)
    seen = room(frame(image), NOBODY)
    assert (len(seen), seen.layout.name, room.layout.name) == (1, "coco17", "coco17")
    assert abs(seen.keypoints[0, 0, 0] - 130) < 15


def test_who_was_found_is_followed_without_looking_again(tmp_path: Path) -> None:
    rows = yolox_rows(320, 256, (85, 0, 0, np.log(4), np.log(10), 0.8))
    net = constant(tmp_path / "d.onnx", (1, 3, 256, 320), grid=rows)
    spread = np.stack([gaussian(48, 64, 24 + (j % 3), 20 + j, 2.0) for j in range(17)])[None]
    maps = constant(tmp_path / "k.onnx", (1, 3, 256, 192), maps=spread)
    detector, keypoints = toml(net, 'preset = "yolox"', "person = 2"), toml(maps, 'preset = "hrnet"')
    room = make_estimator(PoseSettings(detector=detector, keypoints=keypoints))
    room.warm(640, 480)
    first = room(frame(), NOBODY)
    assert (first.looked, first.origin.tolist()) == (True, [-1])
    second = room(frame(pts=0.04), first.regions)
    assert (second.looked, second.origin.tolist()) == (False, [0])
    assert room.describe()["detector"]["file"] == "d.onnx, yolox, 320x256"


def test_a_class_that_is_not_there(tmp_path: Path) -> None:
    net = constant(tmp_path / "d.onnx", (1, 3, 256, 320), grid=yolox_rows(320, 256))
    with pytest.raises(ModelError, match="has only 3 classes"):
        detector_from(toml(net, 'preset = "yolox"', "person = 3"))(IMAGE)


def test_pixels_reach_the_net_as_it_wants_them(tmp_path: Path) -> None:
    for planar, shape in ((True, (1, 3, 8, 16)), (False, (1, 8, 16, 3))):
        net = identity(tmp_path / "a.onnx", shape)
        spec = OnnxSpec(
            name="same",
            weights_hash="0",
            path=net,
            inputs=(TensorSpec(name="image", shape=(8, 16, 3), dtype="uint8"),),
            outputs=("same",),
            pixels=Pixels(channels="bgr", mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0), planar=planar),
        )
        given = IMAGE[:8, :16][None]
        wanted = (given[..., ::-1].astype(np.float32) - [1, 2, 3]) / [2, 4, 8]
        wanted = wanted.transpose(0, 3, 1, 2) if planar else wanted
        two = np.concatenate([given, given])
        np.testing.assert_allclose(make_engine(spec)(image=two)["same"], np.concatenate([wanted] * 2), rtol=1e-6)


@pytest.mark.parametrize("settings", [TORCH, EngineSettings(device="cuda")])
def test_onnx_runs_on_openvino_only_and_says_so(tmp_path: Path, settings: EngineSettings) -> None:
    with pytest.raises(DeviceError, match="OpenVINO on the CPU only"):
        keypoints_from(simcc(tmp_path, 1, 1), settings)


def test_a_one_stage_net_takes_no_detector(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="leave out --detector other"):
        make_estimator(PoseSettings(detector="other.onnx", keypoints=rtmo(tmp_path, (100, 60, 0.9))))


def test_they_keep_to_the_protocols(tmp_path: Path) -> None:
    one_stage, keypoints = keypoints_from(rtmo(tmp_path, (9, 9, 0.9))), keypoints_from(simcc(tmp_path, 1, 1))
    net = constant(tmp_path / "d.onnx", (1, 3, 256, 320), grid=yolox_rows(320, 256))
    finder: PersonDetector = detector_from(toml(net, 'preset = "yolox"'))
    assert isinstance(one_stage, OnnxOneStage)
    assert isinstance(keypoints, OnnxKeypoints)
    stage: OneStageNet = one_stage
    reader: KeypointNet = keypoints
    for described in (finder.describe(), reader.describe(), stage.describe()):
        assert described["runtime"].startswith("openvino")


@pytest.mark.data
def test_the_real_nets_follow_the_sample_to_3d(data: Path, tmp_path: Path) -> None:
    """YOLOX-nano and SimplePose on the built-in clip, against its truth."""
    for name, preset in (("yolox_nano", "yolox"), ("ultralight_simplepose", "simplepose")):
        weights = (data / "nets" / f"{name}.onnx").resolve()
        (tmp_path / f"{name}.toml").write_text(f'preset = "{preset}"\nweights = "{weights}"')
    out = tmp_path / "out.npz"
    nets = [f"--detector={tmp_path / 'yolox_nano.toml'}", f"--keypoints={tmp_path / 'ultralight_simplepose.toml'}"]
    assert main(["run", "sample", *nets, "--start=1", "--end=2", f"--save={out}", "--quiet"]) == 0
    tracks, truth = load_tracks(out), load_truth()
    assert set(tracks.person.tolist()) == {1}
    assert len(tracks.frame) >= 25
    joints = truth.coco2d[np.abs(truth.time[:, None] - tracks.time).argmin(0)]
    apart = np.linalg.norm(tracks.keypoints2d[..., :2] - joints, axis=-1)
    height = np.median(truth.box[:, 3] - truth.box[:, 1])
    assert np.nanmedian(apart) < 0.03 * height  # measured: 0.013
    assert np.isfinite(tracks.joints3d).all()
