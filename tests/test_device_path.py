"""Pictures cut and converted by torch against the CPU's own kernels: on torch's CPU device, and on a GPU if it is here.

No GPU has run them yet.
"""

from __future__ import annotations

import gc
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from stream3d.engine import EngineSettings, make_engine, pixel_device
from stream3d.engine.choice import FellBack
from stream3d.engine.on_device import TensorEngine, tensor_engine
from stream3d.errors import DeviceError, EngineError, SettingsError
from stream3d.kernels import colours, heatmap
from stream3d.nets.fake import fake_detector_spec, fake_landmark_spec
from stream3d.pipeline import RunSettings, results
from stream3d.planes import LazyPicture, Planes, coefficients
from stream3d.pose2d import PoseEstimator, PoseSettings, crops, make_estimator, overlap
from stream3d.pose2d.device import heat, shrinking, stack
from stream3d.pose2d.device.squares import squares
from stream3d.pose2d.device.uploads import Uploaded, Uploads
from stream3d.pose2d.shown import on_host, shown
from stream3d.source import SourceSettings, open_source
from stream3d.source.picture import planes_of
from stream3d.values import Frame
from tests.fakes import TORCH, white_people
from tests.test_engine import batch, spec
from tests.test_planes import video_frame

UInt8 = npt.NDArray[np.uint8]
Picture = UInt8 | Planes
ON_DEVICE = EngineSettings(engine="torch", device="cpu", pixels="device")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]
NOBODY = np.zeros((0, 4), np.float32)
CROP_LEVELS, CROP_SHARE = 4, 0.999
"""No pixel of a crop is off by more levels, and so many by one at most: colour's nearest sample may be the next one."""
JOINTS_PX = {"cpu": (0.01, 0.25), "cuda": (0.25, 2.0)}
"""Median and largest way that joints move on the sample, in the same regions; seen on the CPU: 0.00014 and 0.07.

On a GPU, where torch may compute in TF32, it is what the engines' page allows in fp32.
"""
SAID = {"cpu": 0.01, "cuda": 0.1}
"""By which scores and presence may differ."""
LOOP_PX, LOOP_MM = (0.25, 2.0), (3.0, 30.0)
"""Median and 95 % over a run, in which where joints are decides what is looked at next: the engines' bounds in fp32.

Seen over four seconds of the sample: 0.11 and 0.51 pixels, 1.4 and 4.5 mm.
"""


@pytest.fixture(scope="module", params=DEVICES)
def uploads(request: pytest.FixtureRequest) -> Uploads:
    return Uploads(request.param)


@pytest.fixture(scope="module")
def sample() -> list[Frame]:
    with open_source("sample") as source:
        return [frame for frame in source if frame.index < 40]


def levels(ours: torch.Tensor, theirs: UInt8) -> npt.NDArray[np.int64]:
    assert ours.dtype == torch.uint8
    assert tuple(ours.shape) == theirs.shape
    return np.abs(ours.cpu().numpy().astype(int) - theirs).max(-1)


def pictures(sample: list[Frame]) -> list[Picture]:
    """Planes and arrays of several sizes, odd ones among them, rows apart in memory and not."""
    smooth = planes_of(video_frame(709, 1, 330, 242))
    assert smooth is not None
    assert sample[0].planes is not None
    rng = np.random.default_rng(3)
    odd = Planes(
        y=rng.integers(90, 99, (61, 83), np.uint8),
        u=np.full((31, 42), 120, np.uint8),
        v=np.full((31, 42), 140, np.uint8),
        coefficients=coefficients(0.299, 0.114, full=True),
    )
    return [sample[0].planes, smooth, sample[30].image, odd, sample[30].image[100:163, 50:201]]


def regions_in(picture: Picture) -> npt.NDArray[np.float32]:
    high, wide, _ = picture.shape
    inside = [[wide / 2, high / 2, high, 0.1], [wide / 3, high / 2, high / 2, -0.3], [wide / 2, high / 2, 40, 3.0]]
    return np.float32([*inside, [3, high - 3, high, 2.0], [wide / 2, high / 2, 2.5 * wide, 0]])


@pytest.mark.parametrize("full", [False, True])
def test_colours_are_the_kernels_to_the_last_bit(full: bool, uploads: Uploads) -> None:
    rng = np.random.default_rng(0)
    y, u, v = rng.integers(0, 256, (3, 2, 64, 64)).astype(np.uint8)
    gains = np.stack([coefficients(0.2126, 0.0722, full=full), coefficients(0.299, 0.114, full=full)])
    out = np.empty((2, 64 * 64 * 3), np.uint8)
    for row in range(2):
        colours.to_rgb(y[row].reshape(-1), u[row].reshape(-1), v[row].reshape(-1), gains[row], out[row])
    planes = (torch.from_numpy(plane).int().to(uploads.device) for plane in (y, u, v))
    ours = stack.to_rgb(*planes, torch.from_numpy(gains).to(uploads.device))
    np.testing.assert_array_equal(ours.cpu().numpy(), out.reshape(2, 64, 64, 3))


def test_crops_of_many_pictures_at_once_are_those_of_the_kernels(sample: list[Frame], uploads: Uploads) -> None:
    given = pictures(sample)
    asked = [regions_in(picture) for picture in given]
    off = levels(squares([uploads.send(one) for one in given], asked), crops.squares_of(given, asked))
    assert off.max() <= CROP_LEVELS
    assert ((off <= 1).mean((1, 2)) >= CROP_SHARE).all()
    assert off.any()  # else it would be compared with itself


def test_shrunk_pictures_are_those_of_opencv_to_the_last_bit(sample: list[Frame], uploads: Uploads) -> None:
    given = pictures(sample)
    for shape in ((192, 320), (256, 256), (96, 64)):
        ours, layouts = shrinking.framed([uploads.send(one) for one in given], *shape)
        for row, picture in enumerate(given):
            theirs, scale, offset = crops.framed(picture, *shape)
            np.testing.assert_array_equal(ours[row].cpu().numpy(), theirs)
            np.testing.assert_array_equal(layouts[row].scale, scale)
            np.testing.assert_array_equal(layouts[row].offset, offset)


def test_heat_refines_as_the_kernel_does(uploads: Uploads) -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-0.1, 1.1, (3, 39, 2)).astype(np.float32)
    points[0, :4] = [[0, 0], [0.999, 0.999], [-0.01, 0.5], [1.0, 0.5]]
    logits = rng.normal(-4, 3, (3, 64, 64, 39)).astype(np.float32)
    logits[1] = -8  # no peak: points stay
    want = heatmap.refine(points, logits)
    given = (torch.from_numpy(array).to(uploads.device) for array in (points, logits))
    got = [out.cpu().numpy() for out in heat.refine(*given)]
    np.testing.assert_allclose(got[0], want.points, atol=1e-6)
    np.testing.assert_allclose(got[1], want.peak, atol=1e-6)
    np.testing.assert_allclose(got[2], want.spread, atol=1e-6)
    assert (want.points[1] == points[1]).all()
    assert np.isnan(want.spread).any()


def frame_of(picture: Picture, index: int = 0) -> Frame:
    image = LazyPicture(picture, lambda: np.zeros(picture.shape, np.uint8)) if isinstance(picture, Planes) else picture
    return Frame(source_id="a", index=index, pts=0.0, captured_at=0.0, image=image)


def test_a_frame_is_uploaded_once_and_forgotten_with_its_last_owner(
    sample: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads, sent = Uploads("cpu"), list[object]()
    send = uploads.send
    monkeypatch.setattr(uploads, "send", lambda picture: sent.append(picture) or send(picture))
    assert sample[0].planes is not None
    one, other = frame_of(sample[0].planes), frame_of(np.zeros((4, 6, 3), np.uint8))
    first = uploads.of(one)
    assert uploads.of(one) is first
    assert uploads.of(other).shape == (4, 6, 3)
    assert uploads.of(one) is first
    assert len(sent) == 2
    planes = sample[0].planes
    joined = np.concatenate([plane.reshape(-1) for plane in (planes.y, planes.u, planes.v)])
    np.testing.assert_array_equal(first.bytes().numpy(), joined)
    del one
    gc.collect()
    uploads.of(frame_of(np.zeros((2, 2, 3), np.uint8)))
    assert len(uploads._sent) == 2
    kept = [frame_of(np.zeros((2, 2, 3), np.uint8)) for _ in range(40)]
    for frame in kept:
        uploads.of(frame)
    assert len(uploads._sent) == 32


def test_who_computes_waits_for_the_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    """The streams are stand-ins; a test without them needs a GPU."""
    told: list[tuple[str, object]] = []
    mine = SimpleNamespace(wait_event=lambda event: told.append(("waits", event)))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: mine)
    pixels = SimpleNamespace(device="cuda:0", record_stream=lambda stream: told.append(("used by", stream)))
    picture = Uploaded(host=np.zeros((2, 2, 3), np.uint8), pixels=pixels, arrived="copied")  # type: ignore[arg-type]
    assert picture.bytes() is pixels
    assert told == [("waits", "copied"), ("used by", mine)]


def test_a_net_is_shown_the_picture_where_it_takes_it(sample: list[Frame], uploads: Uploads) -> None:
    class OnDevice:
        takes_planes = True

        def __init__(self) -> None:
            self.uploads = uploads

    picture = shown(OnDevice(), sample[0])
    assert picture is uploads.of(sample[0])
    assert on_host(picture) is sample[0].planes
    assert on_host(sample[0].image) is sample[0].image


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("engine", ["torch", pytest.param("inductor", marks=pytest.mark.slow)])
def test_engines_answer_tensors_as_arrays(engine: str, device: str) -> None:
    if engine == "inductor" and shutil.which("g++") is None:
        pytest.skip("inductor needs a C++ compiler")
    made = make_engine(spec(), EngineSettings(engine=engine, device=device))  # type: ignore[arg-type]
    net = tensor_engine(made)
    assert isinstance(net, TensorEngine)
    assert net.device.type == device
    kept = net.on_device(**{name: torch.from_numpy(array).to(device) for name, array in batch(1).items()})
    before = {name: out.cpu().numpy().copy() for name, out in kept.items()}
    for count in (1, 3, 4, 9):
        given = batch(count)
        want = made(**given)
        got = net.on_device(**{name: torch.from_numpy(array).to(device) for name, array in given.items()})
        assert got.keys() == want.keys()
        for name, out in got.items():
            np.testing.assert_allclose(out.cpu().numpy(), want[name], atol=1e-6 if device == "cpu" else 1e-3)
    for name, out in kept.items():  # no later call has written into them
        np.testing.assert_array_equal(out.cpu().numpy(), before[name])
    with pytest.raises(EngineError, match="image"):
        net.on_device(picture=torch.zeros(1))


def test_who_fell_back_takes_tensors_if_the_engine_that_serves_does() -> None:
    made = make_engine(spec(), TORCH)
    assert tensor_engine(FellBack(made, {"tensorrt": "not there"})) is made


def test_an_engine_that_takes_arrays_only_is_refused() -> None:
    made = make_engine(spec(), EngineSettings(engine="openvino", device="cpu"))
    with pytest.raises(EngineError, match=r"openvino .* takes no tensors.*--engine torch"):
        tensor_engine(made)


def test_where_pictures_are_cut_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pixel_device() is None
    assert pixel_device(EngineSettings(engine="torch", device="cpu")) is None
    assert pixel_device(ON_DEVICE) == "cpu"
    assert pixel_device(EngineSettings(device="cuda")) == "cuda"
    assert pixel_device(EngineSettings(device="cuda", pixels="host")) is None
    with pytest.raises(EngineError, match="OpenVINO takes arrays"):
        pixel_device(EngineSettings(device="cpu", pixels="device"))
    with pytest.raises(SettingsError, match="unknown pixels 'gpu'"):
        EngineSettings(pixels="gpu")  # type: ignore[arg-type]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="no NVIDIA GPU"):
        make_estimator(None, EngineSettings(engine="torch", device="cuda"))


def fake_room(engine: EngineSettings) -> PoseEstimator:
    made = make_estimator(PoseSettings(sizes=(224,)), engine, detector=fake_detector_spec, landmarks=fake_landmark_spec)
    assert isinstance(made, PoseEstimator)
    return made


def test_the_room_sees_the_same_people() -> None:
    frame = frame_of(white_people(640, 640, 60, 400))
    host, device = (fake_room(engine)(frame, NOBODY) for engine in (TORCH, ON_DEVICE))
    assert len(host) == len(device) == 2
    np.testing.assert_allclose(device.keypoints, host.keypoints, atol=0.5)
    fake_room(ON_DEVICE).warm(320, 240)


def test_frames_of_several_sources_are_one_batch() -> None:
    room = fake_room(ON_DEVICE)
    frames = [frame_of(white_people(wide, high, 60)) for wide, high in ((640, 640), (400, 300), (640, 640))]
    found = room.look_together(frames)
    seen = room.read_together(frames, [one.regions for one in found])
    for frame, ours, read in zip(frames, found, seen, strict=True):
        np.testing.assert_allclose(ours.regions, room.look(frame).regions, atol=1e-3)
        alone = room.read(frame, ours.regions)
        assert read is not None
        assert alone is not None
        np.testing.assert_allclose(read.keypoints, alone.keypoints, atol=1e-3)


@pytest.fixture(scope="module", params=DEVICES)
def rooms(request: pytest.FixtureRequest) -> dict[str, PoseEstimator]:
    """Our nets with crops of the CPU's kernels and on OpenVINO, and with torch's crops on torch."""
    made = {
        "host": make_estimator(None, EngineSettings(engine="openvino", device="cpu")),
        "device": make_estimator(None, replace(ON_DEVICE, device=request.param)),
    }
    return {name: room for name, room in made.items() if isinstance(room, PoseEstimator)}


def device_of(room: PoseEstimator) -> str:
    return room.describe()["keypoints"]["device"].partition(":")[0]


def test_people_of_the_sample_are_found_in_the_same_places(
    rooms: dict[str, PoseEstimator], sample: list[Frame]
) -> None:
    frames = sample[::8]
    host, there = (rooms[name].look_together(frames) for name in ("host", "device"))
    device = device_of(rooms["device"])
    for ours, theirs in zip(there, host, strict=True):
        assert len(ours.scores) == len(theirs.scores) >= 1
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=SAID[device])
        np.testing.assert_allclose(ours.regions[0], theirs.regions[0], atol=0.01 if device == "cpu" else 2.0)


def test_joints_of_the_sample_lie_in_the_same_places(rooms: dict[str, PoseEstimator], sample: list[Frame]) -> None:
    frames = sample[::8]
    regions = [found.regions[:1] for found in rooms["host"].look_together(frames)]
    host, cut = (rooms[name].read_together(frames, regions) for name in ("host", "device"))
    device = device_of(rooms["device"])
    moved = []
    for ours, theirs in zip(cut, host, strict=True):
        assert ours is not None
        assert theirs is not None
        moved.append(np.linalg.norm(ours.keypoints[..., :2] - theirs.keypoints[..., :2], axis=-1).ravel())
        np.testing.assert_allclose(ours.presence, theirs.presence, atol=SAID[device])
        if device == "cpu":
            np.testing.assert_array_equal(np.isnan(ours.keypoints), np.isnan(theirs.keypoints))
            np.testing.assert_allclose(ours.keypoints[..., 2], theirs.keypoints[..., 2], atol=SAID[device])
            assert ours.covariances is not None
            np.testing.assert_allclose(ours.covariances, theirs.covariances, atol=2, rtol=0.02)
    assert np.nanmedian(moved) <= JOINTS_PX[device][0]
    assert np.nanmax(moved) <= JOINTS_PX[device][1]


def test_an_embrace_is_read_apart_on_a_device_too(
    rooms: dict[str, PoseEstimator], sample: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Painting over happens on the CPU, on the planes that were uploaded."""
    room, painted = rooms["device"], list[object]()
    net, region = room._keypoints, room.look(sample[0]).regions[:1]
    seen = net(shown(net, sample[0]), region)
    beside = replace(seen, keypoints=seen.keypoints + np.float32([120, 0, 0]))
    limbs = [k for k, name in enumerate(net.layout.names) if name.rpartition("_")[2] in ("wrist", "ankle", "knee")]
    beside.keypoints[0, limbs] = seen.keypoints[0, limbs]
    paint = overlap.painted_over
    monkeypatch.setattr(overlap, "painted_over", lambda image, *rest: painted.append(image) or paint(image, *rest))
    both = seen.and_those(beside)
    overlap.apart(net, shown(net, sample[0]), np.concatenate([region, region]), both)
    assert painted
    assert all(image is sample[0].planes for image in painted)


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_a_run_gives_the_same_people(device: str) -> None:
    engines = EngineSettings(engine="openvino", device="cpu"), replace(ON_DEVICE, device=device)
    host, there = (
        list(results("sample", RunSettings(engine=engine, mode="latency", source=SourceSettings(end_s=2.0))))
        for engine in engines
    )
    pairs = list(zip(there, host, strict=True))
    assert all(one.poses.person.tolist() == other.poses.person.tolist() for one, other in pairs)
    moved = [np.linalg.norm(a.tracks.keypoints - b.tracks.keypoints, axis=-1).ravel() for a, b in pairs]
    apart_mm = [1e3 * np.linalg.norm(a.poses.joints - b.poses.joints, axis=-1).ravel() for a, b in pairs]
    for found, (median, most) in ((moved, LOOP_PX), (apart_mm, LOOP_MM)):
        assert np.nanmedian(np.concatenate(found)) <= median
        assert np.nanquantile(np.concatenate(found), 0.95) <= most
