"""``python -m engines.int8``: calibrate our nets for int8 on OpenVINO, and keep them if they hold their bound.

Calibrated is on crops and whole pictures of ``--from`` (a video, a folder of photographs; default the built-in sample),
with NNCF (the extra ``int8``). Convolutions become int8, but for the last ones before each output. Then the sample is
run end to end: if joints move farther than the stated bound of int8, or are less true, the engines are thrown away
again, the report says by how much, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov

from engines import parity
from stream3d.engine import EngineSettings, NetSpec
from stream3d.engine.openvino_engine import convert, save
from stream3d.engine.openvino_int8 import calibrated_path
from stream3d.errors import EngineError
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, landmark_spec
from stream3d.nets.person import SIZE, person_spec
from stream3d.pipeline import RunSettings, make_rooms
from stream3d.pose2d.crops import crop
from stream3d.pose2d.detect import input_shape, letterbox
from stream3d.sample import load_truth
from stream3d.source import open_source
from stream3d.values import Frame

UInt8 = npt.NDArray[np.uint8]

INT8 = EngineSettings(engine="openvino", precision="int8")
_HEAVY = {"Convolution", "GroupConvolution", "MatMul"}
_ENOUGH = 48  # pictures to calibrate on
_EVERY = 4  # frames of a video between two of them


def main(argv: list[str] | None = None) -> int:
    """Calibrate, run the sample, keep or throw away; 1 if thrown away."""
    parser = argparse.ArgumentParser(prog="python -m engines.int8", description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", default="sample", help="video or folder to calibrate on")
    arguments = parser.parse_args(argv)
    try:
        kept = [calibrate(spec, pictures) for spec, pictures in nets_and_pictures(arguments.source)]
    except EngineError as error:
        print(f"python -m engines.int8: {error}", file=sys.stderr)
        return 1
    (row,) = parity.travelled([INT8])
    print(parity.table([row]))
    if row.within:
        return 0
    for path in kept:
        path.unlink()
        path.with_suffix(".bin").unlink()
    print(f"int8 is refused: it is beyond its bound {parity.BOUNDS['int8']}")
    return 1


def nets_and_pictures(source: str) -> Iterator[tuple[NetSpec, UInt8]]:
    """Our landmark net with crops of people; our detector, for pictures of the sample's shape, with whole ones."""
    with open_source(source) as opened:
        every = 1 if Path(source).is_dir() else _EVERY  # photographs are all different
        frames = list(islice((frame for frame in opened if frame.index % every == 0), _ENOUGH))
        rooms = make_rooms(RunSettings(), opened.info)
    yield landmark_spec(weights=LANDMARK_WEIGHTS), _crops(rooms, frames)
    truth = load_truth()
    shape = input_shape(truth.width, truth.height, SIZE)
    yield person_spec(*shape), np.stack([letterbox(frame.image, *shape)[0] for frame in frames])


def _crops(rooms: Any, frames: list[Frame]) -> UInt8:
    """Crops round everybody who is found, at most as many as are needed; EngineError where nobody is."""
    found = []
    for frame in frames:
        regions = rooms.pose2d(frame, np.zeros((0, 4), np.float32)).regions
        found += list(crop(frame.image, regions))
    if not found:
        raise EngineError(f"nobody was found in {len(frames)} pictures: nothing to calibrate on; give another --from")
    return np.stack(found[:_ENOUGH])


def calibrate(spec: NetSpec, pictures: UInt8) -> Any:
    """Write the int8 engine of a net into the cache, its ranges seen on ``pictures`` [N, ...]; gives its path.

    Raises:
        EngineError: NNCF is not installed, or it fails.
    """
    try:
        import nncf
    except ImportError as error:
        raise EngineError("calibrating needs NNCF: pip install 'stream3d[int8]'") from error
    model = convert(spec)
    try:
        narrow = nncf.quantize(
            model,
            nncf.Dataset([picture[None] for picture in pictures]),
            subset_size=len(pictures),
            preset=nncf.QuantizationPreset.MIXED,
            fast_bias_correction=False,
            ignored_scope=nncf.IgnoredScope(names=last_heavy(model)),
        )
    except (RuntimeError, nncf.errors.NNCFError) as error:
        raise EngineError(f"{spec.name} cannot be calibrated: {error}") from error
    path = calibrated_path(spec)
    save(narrow, path)
    return path


def last_heavy(model: ov.Model) -> list[str]:
    """Names of the convolutions and products that no other follows: what answers in pixels keeps its precision."""
    followed: set[str] = set()
    nodes = model.get_ordered_ops()
    for node in reversed(nodes):
        users = [place.get_node() for out in node.outputs() for place in out.get_target_inputs()]
        if any(user.get_friendly_name() in followed or user.get_type_name() in _HEAVY for user in users):
            followed.add(node.get_friendly_name())
    heavy = [node.get_friendly_name() for node in nodes if node.get_type_name() in _HEAVY]
    return [name for name in heavy if name not in followed]


if __name__ == "__main__":
    sys.exit(main())
