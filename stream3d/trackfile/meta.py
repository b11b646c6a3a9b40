"""Run facts as strict JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np


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
