"""Run facts as strict JSON, in and out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping

import numpy as np

_DEEPEST = 32  # objects within objects; a run's facts have about five levels


def jsonable(value: object) -> object:
    """``value`` made of what strict JSON knows: not-finite numbers become null, unknown objects their text."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return jsonable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def to_json(value: object) -> str:
    """Strict, compact JSON text."""
    return json.dumps(jsonable(value), allow_nan=False, separators=(",", ":"))


def from_json(text: str | bytes) -> object:
    """What a stranger's JSON says.

    Raises:
        ValueError: it is not JSON, or nested more deeply than anybody who walks through it should have to follow.
    """
    try:
        value: object = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _within(outer)]
    if level:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    return value


def _within(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
