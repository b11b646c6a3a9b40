"""Built TensorRT engines on disk: the plan, and beside it in JSON what it is of and what it was built by.

A plan is code for one GPU, and TensorRT trusts what it reads. So only files are read that lie in this user's own cache,
whose companion says that this very net was built on this GPU by these versions, and whose bytes have the hash said
there; whatever differs is built again. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stream3d.engine.tensorrt_build import Plan
from stream3d.nets.spec import NetSpec
from stream3d.paths import cache_dir

log = logging.getLogger("stream3d")

_RECIPE = 1  # raise when the way of building changes, so that cached engines are built again


def folder() -> Path:
    """Where the engines lie, and TensorRT's timing cache."""
    return cache_dir() / "engines" / "tensorrt"


def path_of(spec: NetSpec, bucket: int, precision: str, device: Mapping[str, str]) -> Path:
    """Where the engine of a net for one batch size, precision and GPU belongs, whatever the libraries' versions."""
    shapes = [(t.name, t.shape, t.dtype) for t in spec.inputs]
    said = json.dumps([spec.name, spec.weights_hash, shapes, spec.outputs, bucket, precision, dict(device)])
    return folder() / f"{spec.name}-b{bucket}-{precision}-{hashlib.sha256(said.encode()).hexdigest()[:20]}.plan"


def load(path: Path, made_by: Mapping[str, str]) -> Plan | None:
    """The plan at ``path`` if it was made by just these versions; None where there is none to be trusted."""
    about = path.with_suffix(".json")
    if not (path.is_file() and about.is_file()):
        return None
    try:
        said = json.loads(about.read_text("utf-8"))
        engine = path.read_bytes()
        if said["made_by"] != {**made_by, "recipe": _RECIPE}:
            log.warning("the cached engine %s was built by %s and is built again", path, said["made_by"])
            return None
        if said["sha256"] != hashlib.sha256(engine).hexdigest():
            log.warning("the cached engine %s is damaged and is built again", path)
            return None
        return _plan(engine, said["bindings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("the cached engine %s cannot be read and is built again: %s", path, error)
        return None


def save(plan: Plan, path: Path, made_by: Mapping[str, str]) -> None:
    """Write both files beside their final names and move them there; a cache that cannot be written is only slow."""
    bindings = {name: value for name, value in asdict(plan).items() if name != "engine"}
    said = {
        "made_by": {**made_by, "recipe": _RECIPE},
        "sha256": hashlib.sha256(plan.engine).hexdigest(),
        "bindings": bindings,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as name:
            part = Path(name) / path.name
            part.write_bytes(plan.engine)
            part.with_suffix(".json").write_text(json.dumps(said), "utf-8")
            part.replace(path)
            part.with_suffix(".json").replace(path.with_suffix(".json"))
    except OSError as error:
        log.warning("the engine cache %s cannot be written, so TensorRT builds at every start: %s", path.parent, error)


def _plan(engine: bytes, said: Mapping[str, Any]) -> Plan:
    names = {key: tuple(str(name) for name in said[key]) for key in ("inputs", "outputs")}
    places = {key: tuple(int(place) for place in said[key]) for key in ("feeds", "gives")}
    return Plan(engine=engine, **names, **places)  # type: ignore[arg-type]
