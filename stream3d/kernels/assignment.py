"""The cheapest way to pair two sets. Arrays in, arrays out."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _shortest(cost: Float64, row: int, owner: Int64, duals: tuple[Float64, Float64], way: Int64) -> int:
    """Grow the tree of alternating paths from ``row`` to a free column, which is returned; ``way`` leads back."""
    u, v = duals
    columns = cost.shape[1]
    least = np.full(columns + 1, np.inf)
    used = np.zeros(columns + 1, np.bool_)
    owner[columns], j = row, columns
    while owner[j] >= 0:
        used[j] = True
        i, delta, following = owner[j], np.inf, columns
        for k in range(columns):
            if not used[k]:
                reduced = cost[i, k] - u[i] - v[k]
                if reduced < least[k]:
                    least[k], way[k] = reduced, j
                if least[k] < delta:
                    delta, following = least[k], k
        for k in range(columns + 1):
            if used[k]:
                u[owner[k]] += delta
                v[k] -= delta
            else:
                least[k] -= delta
        j = following
    return int(j)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def cheapest(cost: Float64) -> Int64:
    """Column int64 [N] for each row of finite ``cost`` [N, M], N <= M, so that the sum is least, no column twice.

    Shortest augmenting paths (Jonker and Volgenant, Computing 38, 1987), O(N² M).
    """
    rows, columns = cost.shape
    owner = np.full(columns + 1, -1, np.int64)
    way = np.zeros(columns + 1, np.int64)
    duals = (np.zeros(rows), np.zeros(columns + 1))
    for row in range(rows):
        j = _shortest(cost, row, owner, duals, way)
        while j != columns:
            owner[j] = owner[way[j]]
            j = way[j]
    out = np.empty(rows, np.int64)
    for j in range(columns):
        if owner[j] >= 0:
            out[owner[j]] = j
    return out
