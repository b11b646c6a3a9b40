"""Weights that lie in a file, in memory only while somebody reads them."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import openvino as ov


class MappedModel:
    """An OpenVINO IR whose weights are the pages of its own file.

    A compiled net has weights of its own, in the order that its kernels want, but never lets go of those that it was
    made from: 12 MB of a net's 45. Mapped here, they can be given back and come again page by page if they are read.

    Raises:
        OSError: one of the two files cannot be read.
        RuntimeError: OpenVINO cannot read them.
    """

    def __init__(self, core: ov.Core, path: Path) -> None:
        with path.with_suffix(".bin").open("rb") as file:
            # a private copy, since OpenVINO takes nothing that cannot be written; it never writes
            self._pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        weights = ov.Tensor(np.frombuffer(self._pages, np.uint8), shared_memory=True)
        self.model: ov.Model = core.read_model(path.read_text(encoding="utf-8"), weights)

    def let_go(self) -> None:
        """Give the pages back to the system; whoever reads one has it read from the file again."""
        if hasattr(self._pages, "madvise"):  # not on Windows
            self._pages.madvise(mmap.MADV_DONTNEED)
