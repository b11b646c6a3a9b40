"""Kalman filters of constant acceleration, kept row by row; ``stream3d.kernels.kalman`` has the arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stream3d.errors import SettingsError, ShapeError
from stream3d.kernels.kalman import BEGUN, REJECTED, TAKEN, TURNED, UNSEEN, Float64, Int64, Rules, State, fates_of, step
from stream3d.kernels.one_euro import check_positive, rows_needed

__all__ = ["BEGUN", "REJECTED", "TAKEN", "TURNED", "UNSEEN"]
__all__ += ["KalmanBank", "KalmanModel", "empty_state", "fates_of", "warm"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KalmanModel:
    """How points move, and what is not believed of them; lengths are in the unit of the values.

    ``drift`` is the standard deviation of what the acceleration changes by in a second (it grows with the root of the
    time), ``speed`` and ``acceleration`` those of a newcomer; ``gate`` is the largest squared innovation over its
    variance that is usual (``stream3d.kernels.chi_square``). What is unusual, but no farther from the last place than
    things get at the speed ``leap``, has turned: it begins anew with the speed from there to here. The rest is
    rejected. After ``max_rejected`` rejections in a row, or as many as samples were believed before, the next sample
    begins anew without a speed; ``max_gap_s`` after the last that was believed, too. For ``predict_s`` what is unseen
    or rejected is predicted; what is unseen only once three samples tell where it is going.

    Raises:
        SettingsError: a value that is not positive, or a negative ``leap``, ``max_rejected`` or ``predict_s``.
    """

    drift: float
    speed: float
    acceleration: float
    gate: float
    leap: float
    max_gap_s: float
    predict_s: float
    max_rejected: int

    def __post_init__(self) -> None:
        check_positive(
            drift=self.drift,
            speed=self.speed,
            acceleration=self.acceleration,
            gate=self.gate,
            max_gap_s=self.max_gap_s,
        )
        if not 0 <= self.leap < math.inf:
            raise SettingsError(f"leap must be a number >= 0, not {self.leap}")
        if self.max_rejected < 0 or not 0 <= self.predict_s <= self.max_gap_s:
            raise SettingsError(
                f"max_rejected must be 0 or more and predict_s between 0 and max_gap_s ({self.max_gap_s:g}), "
                f"not {self.max_rejected} and {self.predict_s}"
            )

    @property
    def rules(self) -> Rules:
        """As the kernel takes it: another type of a number, and it would be compiled anew."""
        lengths = float(self.drift), float(self.speed), float(self.acceleration)
        limits = float(self.gate), float(self.leap), float(self.max_gap_s), float(self.predict_s)
        return *lengths, *limits, int(self.max_rejected)


class KalmanBank:
    """Kalman filters of ``points`` points of ``axes`` axes in each of as many rows as are used.

    Steps are the true times since the last sample of a point that was believed: an unseen or rejected one leaves
    nothing behind but a prediction, and a sample at the time of the last one changes nothing.

    Raises:
        SettingsError: there is no point or axis.

    >>> motion = {"drift": 30, "speed": 2, "acceleration": 20, "gate": 9, "leap": 4}
    >>> model = KalmanModel(**motion, max_gap_s=0.5, predict_s=0.1, max_rejected=3)
    >>> bank = KalmanBank(points=1, axes=1, model=model)
    >>> places, fates = bank(np.array([0]), np.array([[[2.0]]]), time_s=0.0, noise=0.01)
    >>> places.item(), fates.item() == BEGUN
    (2.0, True)
    """

    def __init__(self, *, points: int, axes: int, model: KalmanModel) -> None:
        if points < 1 or axes < 1:
            raise SettingsError(f"a filter needs at least one point and axis, not {points} and {axes}")
        self._shape = (points, axes)
        self._rules: Rules = model.rules
        self._state = empty_state(0, points, axes)

    def __call__(
        self,
        rows: Int64,
        values: npt.NDArray[Any],
        *,
        time_s: float,
        noise: float | Float64,
        scale: float | Float64 = 1.0,
    ) -> tuple[Float64, Int64]:
        """Filter ``values`` [N, P, A], the sample at ``time_s`` of the distinct ``rows`` int64 [N]; NaN is unseen.

        ``noise`` is the standard deviation of the values, a number, [P] or [N, P]; ``scale``, a number or [N], is how
        many units of the values are one of the model's. Returns places float64 [N, P, A], NaN where nothing is known,
        and fates int64 [N, P]: UNSEEN, TAKEN, TURNED, REJECTED, BEGUN.

        Raises:
            ShapeError: the arrays do not fit, or a row is negative or given twice.
            SettingsError: a noise or scale that is not positive.
        """
        rows = np.array(rows, np.int64)
        people, (points, axes) = len(rows), self._shape
        if values.shape != (people, points, axes):
            raise ShapeError(f"values must be [{people}, {points}, {axes}], not {list(values.shape)}")
        if not math.isfinite(time_s):
            raise ShapeError(f"time_s must be a finite number of seconds, not {time_s}")
        self._grow(rows)
        given = np.array(values, np.float64, order="C")
        seen = given, _filled("noise", noise, (people, points)), _filled("scale", scale, (people,))
        out = np.empty(given.shape), np.empty((people, points), np.int64)
        step(seen, float(time_s), rows, self._rules, self._state, out)
        return out

    def reset(self, rows: Int64) -> None:
        """Forget the past of ``rows`` int64 [N]; rows never used are let be."""
        rows = np.asarray(rows, np.int64)
        seen_at = self._state[2]
        seen_at[rows[rows < len(seen_at)]] = np.nan

    def _grow(self, rows: Int64) -> None:
        have = len(self._state[2])
        more = rows_needed(rows) - have
        if more > 0:
            new = empty_state(max(more, have), *self._shape)
            means, covs, seen_at, counts = (np.concatenate(pair) for pair in zip(self._state, new, strict=True))
            self._state = means, covs, seen_at, counts


def empty_state(rows: int, points: int, axes: int) -> State:
    """Rows without a past."""
    return (
        np.zeros((rows, points, 3, axes)),
        np.zeros((rows, points, 6)),
        np.full((rows, points), np.nan),
        np.zeros((rows, points, 2), np.int64),
    )


def _filled(name: str, value: float | Float64, shape: tuple[int, ...]) -> Float64:
    """``value`` as a new array: a broadcast view may be read-only, for which the kernel would be compiled anew."""
    out = np.empty(shape)
    try:
        out[...] = value
    except ValueError as error:
        raise ShapeError(f"{name} does not fit {list(shape)}: {error}") from None
    if not (out > 0).all():
        raise SettingsError(f"{name} must be > 0, not {value}")
    return out


def warm() -> None:
    """Compile the kernel, or load it from the cache, so that the first frame need not wait."""
    model = KalmanModel(drift=1, speed=1, acceleration=1, gate=1, leap=0, max_gap_s=1, predict_s=0, max_rejected=0)
    bank = KalmanBank(points=1, axes=1, model=model)
    bank(np.zeros(1, np.int64), np.zeros((1, 1, 1)), time_s=0.0, noise=1.0)
