"""What every recipe has in common: its settings, and what it must offer to be trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from stream3d.errors import SettingsError
from stream3d.nets.lifter_torch import Lifter, LifterShape

if TYPE_CHECKING:
    from torch import Tensor, nn

    from train.harness import Trainer
    from train.pictures import Shown

B = TypeVar("B")


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The settings of every training; each recipe adds its own, and all of them are written into what it makes.

    ``minutes`` of wall time, or ``steps`` where it is 0. The learning rate rises for ``warm_up`` steps and then
    falls along a cosine; ``ema`` is the decay of the averaged weights that are kept; gradients are cut at the norm
    ``clip``. A run is stopped as diverged when its watched loss stays above ``diverged`` times its best for
    ``patience`` steps.
    """

    minutes: float = 0.0
    steps: int = 12000
    seed: int = 0
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.01
    warm_up: int = 200
    ema: float = 0.999
    clip: float = 1.0
    diverged: float = 5.0
    patience: int = 300

    def __post_init__(self) -> None:
        for name in ("learning_rate", "clip", "patience"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} must be above 0, not {getattr(self, name)}")
        if self.minutes < 0 or (self.minutes == 0 and self.steps < 1):
            raise SettingsError(f"a run needs minutes or steps, not {self.minutes} and {self.steps}")
        if not 0 <= self.ema < 1:
            raise SettingsError(f"ema must be at least 0 and below 1, not {self.ema}")
        if not self.diverged > 1:
            raise SettingsError(f"diverged must be above 1 (times the best loss), not {self.diverged}")

    def weight(self, loss: str) -> float:
        """The weight of a loss, which is the setting ``w_`` + its name; one of weight 0 is left out."""
        return float(getattr(self, f"w_{loss}"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule(Run):
    """The settings of every recipe for lifters.

    ``start`` is a file of weights to go on from instead of random ones, of a lifter of the same shape but for its
    lookahead; ``critic_rate`` is the critics' learning rate.
    """

    start: str = ""
    critic_rate: float = 3e-4
    shape: LifterShape = field(default_factory=LifterShape)

    def __post_init__(self) -> None:
        Run.__post_init__(self)  # ``super()`` does not work in a dataclass with slots
        if not self.critic_rate > 0:
            raise SettingsError(f"critic_rate must be above 0, not {self.critic_rate}")


class Game(Protocol[B]):
    """A recipe at work: nets, batches and losses. ``train.harness`` does everything else.

    ``lifter`` is the generator whose weights are kept; ``helpers`` are trained along with it; ``critics`` learn through
    ``Trainer.teach``; ``watched`` names the loss by which a run is judged to have diverged: one that is never negative.
    """

    name: str
    recipe: Schedule
    lifter: Lifter
    helpers: nn.ModuleDict
    critics: nn.ModuleDict
    watched: str

    def batch(self, step: int) -> B:
        """What a step is trained on, the same each time; called from another thread, one step ahead."""
        ...

    def losses(self, batch: B, trainer: Trainer) -> dict[str, Tensor]:
        """Teach the critics, then the generator's losses by name, each before its weight."""
        ...

    def shown(self, batch: B, trainer: Trainer) -> Shown:
        """A few people of a batch, to look at."""
        ...
