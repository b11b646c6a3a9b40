"""A net that says how a picture's camera was tilted, from one 2D pose in it."""

from __future__ import annotations

import math

from torch import Tensor, nn

from stream3d.lift.features import FEATURES

_MOST = math.radians(60)


class TiltNet(nn.Module):
    """Single frames [B, 55] to the elevation of their cameras, radians [B] (Wandt et al. 2022, section 3.3)."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.settings = {"width": width}
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
        )
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, frames: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = _MOST * self.layers(frames)[:, 0].tanh()
        return out
