"""``python -m engines.build``: build every engine a run needs, and report how far each is from eager torch.

Inputs are crops of the built-in sample, so that the numbers are of pictures the nets know. ``--parity`` also runs the
sample itself, and tells how far joints moved in pixels and millimetres, and how near the truth they are. An engine that
is further from the reference than its stated bound is refused: the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from engines import parity
from stream3d.engine import EngineSettings, NetSpec, make_engine
from stream3d.engine.settings import ENGINES, PRECISIONS
from stream3d.errors import EngineError
from stream3d.nets.blazepose import LANDMARK_WEIGHTS, detector_spec, landmark_spec
from stream3d.nets.lifter import lifter_spec, shipped_lifters
from stream3d.nets.person import SIZE, person_spec
from stream3d.pipeline import RunSettings, make_rooms
from stream3d.pose2d.crops import crop
from stream3d.pose2d.detect import input_shape, letterbox
from stream3d.source import open_source

Array = npt.NDArray[np.generic]

# (median, largest) error that an output may have, in its own unit, by precision: the reference is eager torch in fp32
_BOUNDS = {"fp32": (0.005, 0.25), "bf16": (1.0, 40.0), "fp16": (0.25, 10.0), "int8": (1.0, 80.0)}
_SEEN = 0.05  # score from which a box may count for anything
_EVERY = 20  # frames of the sample between two inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How far one output of one engine is from the reference, over all inputs."""

    engine: str
    precision: str
    net: str
    output: str
    bucket: int
    median: float
    largest: float
    within: bool


def main(argv: list[str] | None = None) -> int:
    """Build, compare, report; 1 if any engine is outside its bound, or cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m engines.build", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES[1:], nargs="+", default=["openvino"])
    parser.add_argument("--precision", choices=PRECISIONS, nargs="+", default=["fp32"])
    parser.add_argument("--parity", action="store_true", help="run the sample too: joints moved, errors, accuracy")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    arguments = parser.parse_args(argv)
    wanted = [EngineSettings(engine=name, precision=p) for name in arguments.engine for p in arguments.precision]
    try:
        rows = compare_all(wanted)
        moves = parity.travelled(wanted) if arguments.parity else []
    except EngineError as error:
        print(f"python -m engines.build: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"nets": [asdict(row) for row in rows], "sample": [asdict(row) for row in moves]}))
    else:
        print("\n\n".join([table(rows), *([parity.table(moves)] if moves else [])]))
    return int(not (all(row.within for row in rows) and all(move.within for move in moves)))


def compare_all(wanted: list[EngineSettings]) -> list[Parity]:
    """Every net on every engine."""
    nets = list(nets_and_inputs())
    return [row for settings in wanted for spec, inputs in nets for row in compare(spec, inputs, settings)]


def nets_and_inputs() -> Iterator[tuple[NetSpec, Array]]:
    """Our nets, BlazePose's, and every lifter that ships, with inputs [N, ...] made of the built-in sample."""
    with open_source("sample") as source:
        frames = [frame for frame in source if frame.index % _EVERY == 0]
    rooms = make_rooms(RunSettings(), source.info)
    regions = [rooms.pose2d(frame, np.zeros((0, 4), np.float32)).regions for frame in frames]
    for make, size in ((person_spec, SIZE), (detector_spec, 224), (detector_spec, 448)):
        shape = input_shape(*frames[0].size, size)
        yield make(*shape), np.stack([letterbox(frame.image, *shape)[0] for frame in frames])
    crops = np.concatenate([crop(frame.image, region) for frame, region in zip(frames, regions, strict=True)])
    yield landmark_spec(weights=LANDMARK_WEIGHTS), crops
    yield landmark_spec(), crops
    rng = np.random.default_rng(0)
    for spec in map(lifter_spec, shipped_lifters().values()):
        yield spec, rng.uniform(-1, 1, (16, *spec.inputs[0].shape)).astype(np.float32)


def compare(spec: NetSpec, inputs: Array, settings: EngineSettings) -> list[Parity]:
    """One row per output and bucket."""
    given = {spec.inputs[0].name: inputs}
    wanted = make_engine(spec, EngineSettings(engine="torch", device="cpu"))(**given)
    rows = []
    for bucket in spec.buckets:
        got = make_engine(replace(spec, buckets=(bucket,)), settings)(**given)
        errors = {output: np.abs(got[output] - wanted[output]) for output in wanted}
        if "boxes" in errors:  # what a detector says of places where nobody is goes nowhere
            errors["boxes"] = errors["boxes"][wanted["scores"] >= _SEEN]
        rows += [_row(spec.name, output, bucket, settings, error) for output, error in errors.items()]
    return rows


def _row(net: str, output: str, bucket: int, settings: EngineSettings, error: npt.NDArray[np.float32]) -> Parity:
    median, largest = float(np.median(error)) if error.size else 0.0, float(error.max(initial=0.0))
    most = _BOUNDS[settings.precision]
    return Parity(
        engine=settings.engine,
        precision=settings.precision,
        net=net,
        output=output,
        bucket=bucket,
        median=median,
        largest=largest,
        within=median <= most[0] and largest <= most[1],
    )


def table(report: list[Parity]) -> str:
    """Plain text, one line per output: the worst of its buckets."""
    worst: dict[tuple[str, str, str, str], Parity] = {}
    for row in report:
        key = row.engine, row.precision, row.net, row.output
        if key not in worst or (row.within, -row.largest) < (worst[key].within, -worst[key].largest):
            worst[key] = row
    lines = [f"{'engine':<10}{'precision':<10}{'net':<28}{'output':<12}{'bucket':>6}{'median':>12}{'largest':>12}"]
    for row in worst.values():
        verdict = "" if row.within else "  outside its bound"
        where = f"{row.engine:<10}{row.precision:<10}{row.net:<28}{row.output:<12}{row.bucket:>6}"
        lines.append(f"{where}{row.median:>12.2e}{row.largest:>12.2e}{verdict}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
