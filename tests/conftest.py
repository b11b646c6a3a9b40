"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A shell that starts something in the background lets it ignore Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test judges how fast anything is, and the first call of a kernel compiles it.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def data() -> Path:
    """The evaluation data: STREAM3D_DATA, or ``shared/data`` beside the checkout; skips where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("STREAM3D_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no evaluation data in {folder}; set STREAM3D_DATA to have these tests run")
    return folder


@pytest.fixture(scope="session")
def weights() -> None:
    """The store holds the default nets, fetched now if need be; only STREAM3D_OFFLINE=1 lets such tests be skipped."""
    from stream3d.errors import ModelError
    from stream3d.models import NAMES, weights_path

    try:
        for name in NAMES:
            weights_path(name)
    except ModelError as error:
        if os.environ.get("STREAM3D_OFFLINE", "") in ("", "0"):
            raise
        pytest.skip(str(error))


@pytest.fixture
def fake_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs take white rectangles for people, without a net."""
    import stream3d.pipeline.runner as pipeline_run
    from stream3d.pipeline.rooms import of_stills
    from tests.fakes import fake_rooms

    monkeypatch.setattr(
        pipeline_run, "make_rooms", lambda _, info, meters=None: fake_rooms(stills=of_stills(info), meters=meters)
    )


@pytest.fixture
def no_thread_stays_behind() -> Iterator[None]:
    """Fails a test that leaves a thread of the project running."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("stream3d")]
    assert not left
