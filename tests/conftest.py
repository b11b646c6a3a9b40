"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
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
