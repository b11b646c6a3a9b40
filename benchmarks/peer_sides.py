"""Which peers can be measured here, and the command of each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import measure
from benchmarks.peer_env import MEDIAPIPE, MEDIAPIPE_TASKS, RTMLIB, peer_python
from benchmarks.sides import Side, of_runner

OfReader = Callable[[str], Side]
"""From the reader that a peer is given to what is run."""


@dataclass(frozen=True, kw_only=True)
class Peers:
    """``sides``, MediaPipe 0.10 first; ``python`` is that one's, in which reading alone is measured too."""

    python: str
    sides: tuple[OfReader, ...]


def add_peers(parser: argparse.ArgumentParser) -> None:
    """Options of the peers."""
    parser.add_argument("--peer-python", metavar="PATH", help="a Python of at most 3.12 for MediaPipe's environment")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where environments are made (default: the cache)")
    parser.add_argument("--task", metavar="FILE", help="MediaPipe's bundle (default: made of the nets in its wheel)")
    parser.add_argument("--rtmlib-keypoints", metavar="FILE", help="ONNX of RTMPose, ViTPose or RTMO: rtmlib runs too")
    parser.add_argument("--rtmlib-detector", metavar="FILE", help="ONNX of YOLOX, for all but RTMO")


def given_nets(arguments: argparse.Namespace) -> list[str]:
    """Files of the user's that peers run on."""
    files = (arguments.task, arguments.rtmlib_detector, arguments.rtmlib_keypoints)
    return [file for file in files if file]


def find_peers(arguments: argparse.Namespace) -> Peers:
    """MediaPipe by both its interfaces, and rtmlib where there are weights.

    Raises:
        RuntimeError: the environment of MediaPipe 0.10.21 cannot be made; the newer one is left out, loudly.
    """
    python = peer_python(MEDIAPIPE, arguments.work, arguments.peer_python)
    sides: list[OfReader] = [lambda reader: mediapipe(python, reader)]
    try:
        newer = peer_python(MEDIAPIPE_TASKS, arguments.work)
        bundle = arguments.task or _packed(python)
        sides.append(lambda reader: mediapipe_tasks(newer, reader, bundle))
    except RuntimeError as error:
        print(f"without {MEDIAPIPE_TASKS.name}: {error}", file=sys.stderr)
    if arguments.rtmlib_keypoints:
        own = peer_python(RTMLIB, arguments.work)
        sides.append(lambda _: rtmlib(own, arguments.rtmlib_keypoints, arguments.rtmlib_detector))
    return Peers(python=python, sides=tuple(sides))


def mediapipe(python: str, reader: str) -> Side:
    """MediaPipe's ``mp.solutions``, reading by ``reader``."""
    command = [python, "-m", "benchmarks.runners.peer", "--reader", reader]
    return Side(name=MEDIAPIPE.name, command=lambda clip: [*command, clip], read=of_runner)


def mediapipe_tasks(python: str, reader: str, bundle: str) -> Side:
    """MediaPipe's Tasks on the nets in ``bundle``, reading by ``reader``."""
    command = [python, "-m", "benchmarks.runners.peer_tasks", "--reader", reader, "--task", bundle]
    return Side(name=MEDIAPIPE_TASKS.name, command=lambda clip: [*command, clip], read=of_runner)


def rtmlib(python: str, keypoints: str, detector: str | None) -> Side:
    """The tracker of rtmlib on the user's nets."""
    command = [python, "-m", "benchmarks.runners.peer_rtmlib", "--keypoints", str(Path(keypoints).resolve())]
    command += ["--detector", str(Path(detector).resolve())] if detector else []
    return Side(name=RTMLIB.name, command=lambda clip: [*command, clip], read=of_runner)


def _packed(python: str) -> str:
    """The bundle beside the interpreter that has its nets; made on first use.

    Raises:
        RuntimeError: it cannot be made.
    """
    bundle = Path(python).parent.parent / "pose_landmarker.task"
    if not bundle.is_file():
        measure([python, "-m", "benchmarks.runners.pack_task", str(bundle)])
    return str(bundle)
