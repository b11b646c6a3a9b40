"""What kinds of lifter there are and how large they are: no torch in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stream3d.errors import SettingsError

WINDOW = 27
FEATURES = 55
JOINTS = 17

Kind = Literal["mlp", "tcn", "encoder-decoder", "transformer"]
KINDS: tuple[Kind, ...] = ("mlp", "tcn", "encoder-decoder", "transformer")
_MOST = {"channels": 4096, "width": 8192, "blocks": 64, "layers": 64, "heads": 64}


@dataclass(frozen=True, kw_only=True, slots=True)
class LifterShape:
    """Kind and sizes of a net.

    ``channels`` of the temporal stages, ``width`` and ``blocks`` of the residual MLP behind them, ``layers`` and
    ``heads`` of a transformer. ``lookahead`` frames of the window lie after the one that is answered.

    Raises:
        SettingsError: an unknown kind, a size below 1 or beyond reason, heads that do not divide the channels,
            or a lookahead that leaves no frame to answer.
    """

    kind: Kind = "tcn"
    channels: int = 256
    width: int = 512
    blocks: int = 2
    layers: int = 2
    heads: int = 4
    lookahead: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(f"unknown kind of lifter {self.kind!r}; known are {', '.join(KINDS)}")
        for name, most in _MOST.items():
            if not 1 <= getattr(self, name) <= most:
                raise SettingsError(f"{name} of a lifter must be 1 to {most}, not {getattr(self, name)}")
        if self.kind == "transformer" and self.channels % self.heads:
            raise SettingsError(f"{self.heads} heads do not divide {self.channels} channels")
        if not 0 <= self.lookahead < WINDOW:
            raise SettingsError(f"lookahead must be 0 to {WINDOW - 1} frames, not {self.lookahead}")

    @property
    def answered(self) -> int:
        """Which frame of the window the answer is about, 0 to 26."""
        return WINDOW - 1 - self.lookahead


def standard_shape(kind: Kind, lookahead: int = 0) -> LifterShape:
    """The usual sizes of a kind, about 2 million parameters each.

    >>> standard_shape("mlp").blocks, standard_shape("tcn", 2).answered
    (4, 24)
    """
    sizes = {
        "mlp": {"blocks": 4},
        "tcn": {},
        "encoder-decoder": {"channels": 192},
        "transformer": {"channels": 192},
    }
    return LifterShape(kind=kind, lookahead=lookahead, **sizes[kind])
