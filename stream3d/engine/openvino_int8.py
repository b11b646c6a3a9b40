"""Nets in int8 for OpenVINO: calibrated ahead of time on pictures, and kept in the cache only if they held their bound.

``python -m engines.int8`` makes them. Here they are found again; a net that was not calibrated has no int8 engine.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import openvino as ov

from stream3d.engine.mapped import MappedModel
from stream3d.nets.spec import NetSpec, OnnxSpec
from stream3d.paths import cache_dir

log = logging.getLogger("stream3d")

_RECIPE = 1  # raise when the way of calibrating changes


def calibrated_path(spec: NetSpec) -> Path:
    """Where the calibrated engine of a net belongs: keyed by weights, shapes, outputs and OpenVINO's version."""
    shapes = [(t.name, t.shape, t.dtype) for t in spec.inputs]
    said = json.dumps([spec.name, spec.weights_hash, shapes, spec.outputs, ov.__version__, _RECIPE])
    return cache_dir() / "engines" / "int8" / f"{spec.name}-{hashlib.sha256(said.encode()).hexdigest()[:20]}.xml"


def calibrated(core: ov.Core, spec: NetSpec) -> MappedModel | None:
    """The calibrated net with an open batch axis, or None where there is none that can be read."""
    path = calibrated_path(spec)
    if not (path.is_file() and path.with_suffix(".bin").is_file()):
        return None
    try:
        return MappedModel(core, path)
    except (OSError, RuntimeError, ValueError) as error:
        log.warning("the int8 engine %s is damaged and is not used; calibrate again: %s", path, error)
        return None


def why_not(spec: NetSpec | OnnxSpec) -> str:
    """Why a net has no int8 engine, in a few words."""
    if isinstance(spec, OnnxSpec):
        return "int8: an ONNX net of your own runs as it is"
    pictures = all(tensor.dtype == "uint8" for tensor in spec.inputs)
    return "int8: not calibrated here, see python -m engines.int8" if pictures else "int8: a net of numbers stays fp32"
