"""Filters of whole series that delay nothing: recursive ones run forwards and backwards, and fitted polynomials."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@numba.njit(cache=True, nogil=True)
def _pass(values: Float64, sections: Float64, backwards: bool) -> None:
    """Run every column of ``values`` [N, C] through the ``sections`` in place, as if the first value had always been.

    Transposed direct form II; each section passes a constant as it is, so its state for one is known.
    """
    count, columns = values.shape
    for s in range(len(sections)):
        b0, b1, b2, a1, a2 = sections[s]
        for c in range(columns):
            first = values[count - 1 if backwards else 0, c]
            near, far = (1.0 - b0) * first, (b2 - a2) * first
            for i in range(count):
                k = count - 1 - i if backwards else i
                x = values[k, c]
                y = b0 * x + near
                near = b1 * x - a1 * y + far
                far = b2 * x - a2 * y
                values[k, c] = y


@numba.njit(cache=True, nogil=True)
def both_ways(values: Float64, sections: Float64, pad: int) -> Float64:
    """Columns of ``values`` [N, C], N > ``pad``, filtered forwards and then backwards: no lag at any frequency.

    ``sections`` [S, 5] are b0, b1, b2, a1, a2 of filters that pass a constant as it is. Both ends go on for ``pad``
    samples, turned about their last one.
    """
    count, columns = values.shape
    longer = np.empty((count + 2 * pad, columns))
    longer[pad : pad + count] = values
    for i in range(pad):
        for c in range(columns):
            longer[pad - 1 - i, c] = 2.0 * values[0, c] - values[i + 1, c]
            longer[pad + count + i, c] = 2.0 * values[count - 1, c] - values[count - 2 - i, c]
    _pass(longer, sections, False)
    _pass(longer, sections, True)
    return longer[pad : pad + count].copy()


@numba.njit(cache=True, nogil=True)
def fitted(values: Float64, hat: Float64) -> Float64:
    """Columns of ``values`` [N, C], N >= W, each sample replaced by a polynomial fitted to the W samples round it.

    ``hat`` [W, W] is the projection onto the polynomials, W odd; within half a window of an end the fit to the first or
    last W samples stands.
    """
    count, columns = values.shape
    window = len(hat)
    half = window // 2
    out = np.zeros((count, columns))
    for i in range(count):
        start = min(max(i - half, 0), count - window)
        for k in range(window):
            weight = hat[i - start, k]
            for c in range(columns):
                out[i, c] += weight * values[start + k, c]
    return out
