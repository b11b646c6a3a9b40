"""The limit of a gate, without SciPy."""

from __future__ import annotations

import math

from stream3d.errors import SettingsError


def chi_square_limit(axes: int, probability: float) -> float:
    """What a chi-square variable of ``axes`` degrees of freedom stays below with ``probability``.

    By bisection of the upper tail Q(k, x), which for k + 2 degrees of freedom is Q(k, x) + (x / 2)^(k / 2) e^(-x / 2) /
    Γ(k / 2 + 1) (Abramowitz and Stegun 26.4.8).

    Raises:
        SettingsError: ``probability`` is not within 0 and 1.

    >>> round(chi_square_limit(3, 0.95), 4)
    7.8147
    """
    if not 0.0 < probability < 1.0:
        raise SettingsError(f"a probability must lie between 0 and 1, not {probability}")
    low, high = 0.0, 1.0
    while _tail(axes, high) > 1.0 - probability:
        high *= 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _tail(axes, middle) > 1.0 - probability else (low, middle)
    return high


def _tail(axes: int, x: float) -> float:
    if axes == 1:
        return math.erfc(math.sqrt(x / 2))
    if axes == 2:
        return math.exp(-x / 2)
    half = axes / 2 - 1
    return _tail(axes - 2, x) + math.exp(half * math.log(x / 2) - x / 2 - math.lgamma(half + 1)) if x > 0 else 1.0
