"""What a start costs is what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUN = """
import sys
from stream3d.pipeline import RunSettings, make_rooms
from stream3d.source import open_source
with open_source("sample") as source:
    make_rooms(RunSettings(), source.info)
print(*sorted({"torch", "open3d", "scipy.linalg", "scipy.optimize"} & set(sys.modules)))
"""


def loaded(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split()


@pytest.mark.usefixtures("weights")
def test_a_run_on_cached_engines_needs_no_torch() -> None:
    loaded(RUN)  # builds what is not in the cache yet
    assert loaded(RUN) == []


ALONE = """
import sys
def refuse(event, args):
    if event in ("os.fork", "os.system", "os.posix_spawn", "subprocess.Popen", "socket.connect"):
        print(event, str(args).replace(" ", ""))
sys.addaudithook(refuse)
"""


@pytest.mark.usefixtures("weights")
def test_a_start_runs_no_other_program_and_calls_nobody() -> None:
    loaded(RUN)  # the weights are fetched by pip
    assert loaded(ALONE + RUN) == []


def test_help_and_version_load_no_library() -> None:
    heavy = {"torch", "cv2", "av", "openvino", "numba"}
    made = "from stream3d.cli.parser import make_parser; make_parser()"
    assert loaded(f"import sys; {made}; print(*({heavy} & set(sys.modules)))") == []


NUMBAS_OWN = """
import stream3d.kernels
import numba
import numpy as np
print(numba.njit(lambda a: np.dot(a, a))(np.eye(2) * 2)[0, 0])
"""


def test_kernels_of_others_still_have_blas() -> None:
    pytest.importorskip("scipy.linalg")
    assert loaded(NUMBAS_OWN) == ["4.0"]
