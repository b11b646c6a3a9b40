"""Which row of a bank of filters belongs to whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from stream3d.kernels.one_euro import Int64


class Bank(Protocol):
    """Filters, row by row."""

    def reset(self, rows: Int64) -> None:
        """Forget the past of ``rows`` int64 [N]."""
        ...


class Rows:
    """Rows of ``banks`` by person; those of people gone for longer than ``max_gap_s`` are given to newcomers."""

    def __init__(self, banks: Sequence[Bank], max_gap_s: float) -> None:
        self._banks = banks
        self._max_gap_s = max_gap_s
        self._row_of: dict[int, int] = {}
        self._seen_at: dict[int, float] = {}

    def __call__(self, person: Int64, time_s: float) -> Int64:
        """The row int64 [P] of each person."""
        ids = person.tolist()
        gone = [i for i, seen in self._seen_at.items() if not 0 <= time_s - seen <= self._max_gap_s]
        if gone:
            self._forget(gone)
        taken = set(self._row_of.values())
        free = (row for row in range(len(taken) + len(ids)) if row not in taken)
        for i in ids:
            if i not in self._row_of:
                self._row_of[i] = next(free)
            self._seen_at[i] = time_s
        return np.array([self._row_of[i] for i in ids], np.int64)

    def _forget(self, ids: Sequence[int]) -> None:
        freed = np.array([self._row_of.pop(i) for i in ids], np.int64)
        for i in ids:
            del self._seen_at[i]
        for bank in self._banks:
            bank.reset(freed)
