"""What all pictures made with matplotlib share: skeletons, frames round them, and colours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from stream3d.skeleton import H36M17, Layout

mpl.use("Agg")
from matplotlib import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = npt.NDArray[np.floating]

INK = ("#1f5fa8", "#d9822b", "#4a9a58", "#8a5aa6")
SIDES = {"left": "#d9822b", "right": "#1f5fa8", "middle": "#444444"}


def bones(
    axes: Axes,
    points: Array,
    colour: str | None,
    width: float,
    seen: npt.NDArray[np.bool_] | None = None,
    layout: Layout = H36M17,
) -> None:
    """Bones of points [J, 2] whose ends are both ``seen``; without a ``colour`` left is orange and right blue."""
    for parent, child in layout.bones:
        if seen is None or (seen[parent] and seen[child]):
            shade = colour or SIDES[layout.side(child)]
            axes.plot(*points[[parent, child]].T, color=shade, linewidth=width, solid_capstyle="round")


def square(axes: Axes, reach: float, title: str, *, grid: bool = True) -> None:
    """Equal scales round 0, y down, no numbers; a grid of half a metre."""
    axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal")
    ticks = np.arange(-0.5 * int(reach / 0.5), reach, 0.5) if grid else np.zeros(0)
    axes.set_xticks(ticks, labels=[])
    axes.set_yticks(ticks, labels=[])
    if grid:
        axes.grid(color="#eeeeee")
    axes.tick_params(length=0)
    axes.set_title(title, fontsize=10)


def tidy(axes: Axes, *, legend: bool = True) -> None:
    """No lines above and at the right."""
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(fontsize=8, frameon=False)


def save(path: Path) -> None:
    """Write the current figure, and forget it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyplot.gcf().savefig(path, dpi=110)
    pyplot.close("all")
