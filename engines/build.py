"""``python -m engines.build``: build every engine a run needs, and report how far each is from eager torch.

Inputs are crops of the built-in sample, so that the numbers are of pictures the nets know. If an engine is further from
the reference than its stated bound, the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stream3d.engine import Engine, EngineSettings, NetSpec, make_engine
from stream3d.engine.settings import PRECISIONS
from stream3d.nets.blazepose import detector_spec, landmark_spec
from stream3d.nets.lifter import lifter_spec, shipped_lifters
from stream3d.pipeline import RunSettings, make_rooms
from stream3d.pose2d.crops import crop
from stream3d.pose2d.detect import input_shape, letterbox
from stream3d.source import open_source

Array = npt.NDArray[np.generic]

# (median, largest) error that an output may have, in its own unit, by precision: the reference is eager torch in fp32
_BOUNDS = {"fp32": (0.005, 0.25), "bf16": (1.0, 40.0), "fp16": (0.25, 10.0)}
_EVERY = 20  # frames of the sample between two inputs


@dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How far one output of one engine is from the reference, over all inputs."""

    net: str
    output: str
    bucket: int
    median: float
    largest: float
    within: bool


def main(argv: list[str] | None = None) -> int:
    """Build, compare, report; 1 if any engine is outside its bound."""
    parser = argparse.ArgumentParser(prog="python -m engines.build", description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=("openvino",), default="openvino")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    arguments = parser.parse_args(argv)
    settings = EngineSettings(engine=arguments.engine, precision=arguments.precision)
    report = [row for spec, inputs in nets_and_inputs() for row in compare(spec, inputs, settings)]
    print(json.dumps([_as_dict(row) for row in report]) if arguments.json else table(report))
    return int(not all(row.within for row in report))


def nets_and_inputs() -> Iterator[tuple[NetSpec, Array]]:
    """Every net of a default run, and every lifter that ships, with inputs [N, ...] made of the built-in sample."""
    with open_source("sample") as source:
        frames = [frame for frame in source if frame.index % _EVERY == 0]
    rooms = make_rooms(RunSettings(), source.info)
    regions = [rooms.pose2d(frame, np.zeros((0, 4), np.float32)).regions for frame in frames]
    for size in (224, 448):
        shape = input_shape(*frames[0].size, size)
        yield detector_spec(*shape), np.stack([letterbox(frame.image, *shape)[0] for frame in frames])
    crops = [crop(frame.image, region) for frame, region in zip(frames, regions, strict=True)]
    yield landmark_spec(), np.concatenate(crops)
    rng = np.random.default_rng(0)
    for spec in map(lifter_spec, shipped_lifters().values()):
        yield spec, rng.uniform(-1, 1, (16, *spec.inputs[0].shape)).astype(np.float32)


def compare(spec: NetSpec, inputs: Array, settings: EngineSettings) -> list[Parity]:
    """One row per output and bucket."""
    name = spec.inputs[0].name
    reference = make_engine(spec, EngineSettings(engine="torch", device="cpu"))(**{name: inputs})
    rows = []
    for bucket in spec.buckets:
        engine = make_engine(replace(spec, buckets=(bucket,)), settings)
        rows += _rows(spec.name, bucket, engine, {name: inputs}, reference, _BOUNDS[settings.precision])
    return rows


def _rows(
    net: str, bucket: int, engine: Engine, inputs: dict[str, Array], reference: object, bounds: tuple[float, float]
) -> list[Parity]:
    rows = []
    for output, wanted in dict(reference).items():  # type: ignore[call-overload]
        error = np.abs(np.asarray(engine(**inputs)[output], np.float64) - wanted)
        median, largest = float(np.median(error)), float(error.max(initial=0.0))
        within = median <= bounds[0] and largest <= bounds[1]
        rows.append(Parity(net=net, output=output, bucket=bucket, median=median, largest=largest, within=within))
    return rows


def table(report: list[Parity]) -> str:
    """Plain text, one line per row."""
    lines = [f"{'net':<28}{'output':<12}{'bucket':>6}{'median':>12}{'largest':>12}"]
    for row in report:
        verdict = "" if row.within else "  outside its bound"
        lines.append(f"{row.net:<28}{row.output:<12}{row.bucket:>6}{row.median:>12.2e}{row.largest:>12.2e}{verdict}")
    return "\n".join(lines)


def _as_dict(row: Parity) -> dict[str, object]:
    return {name: getattr(row, name) for name in Parity.__slots__}


if __name__ == "__main__":
    sys.exit(main())
