from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
import pytest

from stream3d.engine import EngineSettings, NetSpec, TensorSpec, make_engine
from stream3d.engine.mapped import MappedModel
from stream3d.engine.openvino_engine import OpenVinoEngine
from stream3d.errors import DeviceError, EngineError, SettingsError
from stream3d.nets.fake import fake_landmark_spec
from tests.fakes import fake_lifter_spec

if TYPE_CHECKING:
    import torch


def load_net() -> torch.nn.Module:
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.conv = torch.nn.Conv2d(3, 8, 3, 2, 1)

        def forward(self, image: torch.Tensor, gain: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            out = self.conv(image.permute(0, 3, 1, 2) / 255.0) * gain[:, :, None, None]
            return out.mean((2, 3)), out.flatten(1)

    return Net()


def unloadable() -> torch.nn.Module:
    raise AssertionError("a cached engine must not load the torch module")


def spec(load: object = load_net) -> NetSpec:
    return NetSpec(
        name="tiny",
        weights_hash="0",
        load=load,  # type: ignore[arg-type]
        inputs=(
            TensorSpec(name="image", shape=(16, 16, 3), dtype="uint8"),
            TensorSpec(name="gain", shape=(8,), dtype="float32"),
        ),
        outputs=("mean", "all"),
        buckets=(1, 4),
    )


def batch(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(count)
    image = rng.integers(0, 255, (count, 16, 16, 3), np.uint8)
    return {"image": image, "gain": rng.random((count, 8), np.float32)}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / "engine-cache"
    monkeypatch.setenv("STREAM3D_CACHE", str(folder))
    return folder


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 9])
def test_openvino_equals_torch_for_every_batch(count: int) -> None:
    inputs = batch(count)
    want = make_engine(spec(), EngineSettings(engine="torch", device="cpu"))(**inputs)
    got = make_engine(spec(), EngineSettings(engine="openvino"))(**inputs)
    for name in ("mean", "all"):
        assert got[name].shape == want[name].shape
        assert got[name].shape[0] == count
        np.testing.assert_allclose(got[name], want[name], atol=1e-5)


def load_numbers() -> torch.nn.Module:
    import torch

    class Numbers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.wide = torch.nn.Linear(64, 512)  # 131 kB of weights

        def forward(self, features: torch.Tensor) -> tuple[torch.Tensor]:
            return (self.wide(features).relu(),)

    return Numbers()


def numbers() -> NetSpec:
    features = TensorSpec(name="features", shape=(64,), dtype="float32")
    return replace(spec(load_numbers), name="numbers", inputs=(features,), outputs=("wide",))


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9])
def test_a_net_of_numbers_takes_batches_as_they_are(count: int) -> None:
    features = np.random.default_rng(count).random((count, 64), np.float32)
    want = make_engine(numbers(), EngineSettings(engine="torch", device="cpu"))(features=features)["wide"]
    got = make_engine(numbers(), EngineSettings(engine="openvino"))(features=features)["wide"]
    assert got.shape == want.shape == (count, 512)
    np.testing.assert_allclose(got, want, atol=1e-5)


def resident_kb(name: str) -> int:
    """Kilobytes of files with ``name`` in their path that are in memory for this process."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    begins = [k for k, line in enumerate(lines) if name in line]
    return sum(int(next(line for line in lines[k:] if line.startswith("Rss:")).split()[1]) for k in begins)


@pytest.mark.skipif(not Path("/proc/self/smaps").is_file(), reason="asks Linux what is in memory")
def test_weights_in_the_cache_are_in_memory_only_while_they_are_read(cache: Path) -> None:
    make_engine(numbers(), EngineSettings(engine="openvino"))
    file = next((cache / "engines").glob("numbers-*.xml"))
    core = ov.Core()
    mapped = MappedModel(core, file)
    request = core.compile_model(mapped.model, "CPU").create_infer_request()
    features = np.ones((2, 64), np.float32)
    want = request.infer([features])[0].copy()
    held = resident_kb(f"{file.stem}.bin")
    mapped.let_go()
    assert resident_kb(f"{file.stem}.bin") < held
    np.testing.assert_array_equal(request.infer([features])[0], want)


def test_results_are_the_callers_to_keep() -> None:
    engine = make_engine(spec(), EngineSettings(engine="openvino"))
    first = engine(**batch(1))["all"]
    kept = first.copy()
    engine(**batch(4))
    np.testing.assert_array_equal(first, kept)


def test_inputs_may_be_read_only_parts_of_others_and_are_left_as_they_are() -> None:
    engine = make_engine(spec(), EngineSettings(engine="openvino"))
    given = batch(8)
    wanted = engine(**given)["all"]
    part = {name: array[4:] for name, array in given.items()}
    before = {name: array.copy() for name, array in part.items()}
    for array in part.values():
        array.flags.writeable = False
    np.testing.assert_allclose(engine(**part)["all"], wanted[4:], atol=1e-6)
    for name, array in part.items():
        np.testing.assert_array_equal(array, before[name])


def test_a_cached_engine_needs_no_torch_module() -> None:
    make_engine(spec(), EngineSettings(engine="openvino"))
    again = make_engine(spec(unloadable), EngineSettings(engine="openvino"))
    assert again(**batch(2))["mean"].shape == (2, 8)


def test_a_damaged_cache_is_built_again(cache: Path) -> None:
    make_engine(spec(), EngineSettings(engine="openvino"))
    for path in (cache / "engines").glob("tiny-*.xml"):
        path.write_text("<net>")
    engine = make_engine(spec(), EngineSettings(engine="openvino"))
    assert engine(**batch(1))["mean"].shape == (1, 8)


def test_old_engines_make_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path))
    for version in range(6):
        make_engine(replace(spec(), weights_hash=str(version)), EngineSettings(engine="openvino"))
    assert len(list((tmp_path / "engines").glob("*.xml"))) == len(list((tmp_path / "engines").glob("*.bin"))) == 4
    newest = replace(spec(unloadable), weights_hash="5")
    assert make_engine(newest, EngineSettings(engine="openvino"))(**batch(1))["mean"].shape == (1, 8)


def test_an_unwritable_cache_costs_time_not_the_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path / "file" / "cache"))
    assert make_engine(spec(), EngineSettings(engine="openvino"))(**batch(1))["mean"].shape == (1, 8)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_wrong_inputs_are_named(engine: str) -> None:
    with pytest.raises(EngineError, match="image"):
        make_engine(spec(), EngineSettings(engine=engine, device="cpu"))(picture=np.zeros(1))  # type: ignore[arg-type]


def test_a_device_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match="cuda"):
        make_engine(spec(), EngineSettings(engine="torch", device="cuda"))
    with pytest.raises(DeviceError, match="openvino"):
        make_engine(spec(), EngineSettings(engine="openvino", device="cuda"))


def test_describe_tells_what_runs() -> None:
    said = make_engine(spec(), EngineSettings(engine="openvino")).describe()
    assert said["runtime"].startswith("openvino 20")
    assert (said["device"], said["precision"]) == ("cpu", "f32")
    assert make_engine(spec(), EngineSettings(engine="torch", device="cpu")).describe()["precision"] == "float32"


@pytest.mark.parametrize("bad", [{"engine": "onnx"}, {"device": "tpu"}, {"precision": "int4"}, {"threads": 0}])
def test_unknown_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=str(next(iter(bad.values())))):
        EngineSettings(**bad)  # type: ignore[arg-type]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="threads have no affinity here")
def test_openvino_holds_no_thread_on_one_core() -> None:
    """A pinned thread waits for its core even while another is idle, and two threads would share it.

    In a process of its own: programs that other tests compiled by OpenVINO's defaults leave pinned threads behind.
    """
    code = "from tests.test_engine import watch_threads; watch_threads()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def watch_threads() -> None:
    """Run a net in a thread, and look where this process' threads may run meanwhile."""
    engine, cores = OpenVinoEngine(fake_landmark_spec()), os.sched_getaffinity(0)
    seen: list[set[int]] = []

    def run() -> None:
        for _ in range(3):
            engine(image=np.zeros((1, 256, 256, 3), np.uint8))
            seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=run)
    thread.start()
    watched = []
    while thread.is_alive():
        watched += [_affinity(int(task.name)) for task in Path("/proc/self/task").iterdir()]
    thread.join()
    assert all(allowed in (cores, None) for allowed in watched)
    assert seen == [cores] * 3


def _affinity(task: int) -> set[int] | None:
    try:
        return os.sched_getaffinity(task)
    except ProcessLookupError:  # it has just ended
        return None


def test_openvino_runs_in_several_threads_at_once() -> None:
    engine = OpenVinoEngine(fake_landmark_spec())
    pictures = np.random.default_rng(0).integers(0, 256, (6, 1, 256, 256, 3)).astype(np.uint8)
    alone = [engine(image=picture) for picture in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda picture: engine(image=picture), [*pictures] * 4))
    for one, other in zip(together, alone * 4, strict=True):
        assert all((one[name] == other[name]).all() for name in one)


def test_nets_may_be_made_in_several_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine without converted nets; torch's tracers belong to the process."""
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path))
    settings = EngineSettings(engine="openvino", device="cpu")
    specs = [fake_lifter_spec(lookahead) for lookahead in (0, 1, 2)] + [fake_landmark_spec()]
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(lambda spec: make_engine(spec, settings), specs))
    assert [engine.spec.name for engine in engines] == [spec.name for spec in specs]
