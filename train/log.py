"""The losses on disk: a JSON line every few steps and, where TensorBoard is installed, its scalars and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from train.pictures import Picture

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def _writer(folder: Path, first: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first)


class Log:
    """Writes ``NAME.jsonl`` and ``tensorboard/NAME`` in a folder; lines after ``first``, of a run killed, go away."""

    def __init__(self, folder: Path, name: str, first: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        kept = []
        if self._path.is_file():
            lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= first]
        self._path.write_text("".join(kept), encoding="utf-8")
        self._board = _writer(folder / "tensorboard" / name, first)
        self._sums: dict[str, tuple[float, int]] = {}

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._board is not None:
            self._board.close()

    def add(self, losses: dict[str, float]) -> None:
        """Count in a step."""
        for name, value in losses.items():
            total, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = total + value, count + 1

    def write(self, step: int, **more: float) -> dict[str, float]:
        """Write the means since the last time, and other numbers; returns the means."""
        means = {name: total / count for name, (total, count) in self._sums.items()}
        self._sums = {}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **more, **means}) + "\n")
        if self._board is not None:
            for name, value in means.items():
                self._board.add_scalar(f"loss/{name}", value, step)
            for name, value in more.items():
                self._board.add_scalar(f"run/{name}", value, step)
        return means

    def picture(self, step: int, picture: Picture) -> None:
        """Poses uint8 [H, W, 3] for TensorBoard."""
        if self._board is not None:
            self._board.add_image("poses", picture, step, dataformats="HWC")

    @property
    def draws(self) -> bool:
        """Whether pictures are wanted."""
        return self._board is not None
