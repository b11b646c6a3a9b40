"""Tells when training has gone wrong, in a word that helps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from stream3d.errors import Stream3DError

_SMOOTH = 0.98


class TrainingFailedError(Stream3DError, ArithmeticError):
    """The losses are no numbers, or run away: going on would only spoil the weights."""


@dataclass(kw_only=True, slots=True)
class Watch:
    """Follows one loss, smoothed; the first ``warm_up`` steps set no record."""

    name: str
    factor: float
    patience: int
    warm_up: int
    mean: float = math.nan
    best: float = math.inf
    bad: int = 0

    def check(self, step: int, losses: Mapping[str, float]) -> None:
        """Look at a step's losses.

        Raises:
            TrainingFailedError: one is not finite, or the watched one has been far above its best for too long.
        """
        if not all(map(math.isfinite, losses.values())):
            told = ", ".join(f"{name} {value:g}" for name, value in losses.items())
            raise TrainingFailedError(
                f"step {step}: a loss is no longer finite ({told}); lower learning_rate or the weight of what broke"
            )
        if self.name not in losses:
            return
        value = losses[self.name]
        self.mean = value if math.isnan(self.mean) else _SMOOTH * self.mean + (1 - _SMOOTH) * value
        if step >= self.warm_up:
            self.best = min(self.best, self.mean)
        self.bad = self.bad + 1 if self.mean > self.factor * self.best else 0
        if self.bad >= self.patience:
            raise TrainingFailedError(
                f"step {step}: diverged: {self.name} is {self.mean:.4g} and has been above {self.factor:g} times its"
                f" best, {self.best:.4g}, for {self.bad} steps; lower learning_rate, or raise diverged if this is meant"
            )

    def state(self) -> dict[str, float]:
        """What a checkpoint keeps, as numbers that JSON knows."""
        return {"mean": self.mean, "best": self.best, "bad": self.bad}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from a checkpoint."""
        self.mean, self.best, self.bad = float(state["mean"]), float(state["best"]), int(state["bad"])
