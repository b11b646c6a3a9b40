"""Numba kernels, each apart from its validating wrapper."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def _load_numba_alone() -> None:
    """Import what numba would import later anyway, without all of SciPy.

    Numba imports it, where it is installed, only to see whether there is BLAS for ``np.dot`` in kernels: 0.1 s and 16
    MB that no kernel here has any use for. What numba then knows is what it would have found.
    """
    from numba.np import linalg

    name = "numba.np.arraymath"
    if name in sys.modules or not hasattr(linalg, "ensure_blas"):
        return
    looks = linalg.ensure_blas
    linalg.ensure_blas = _no_blas
    try:
        from numba.np import arraymath
    finally:
        linalg.ensure_blas = looks
    arraymath._HAVE_BLAS = find_spec("scipy") is not None


def _no_blas() -> None:
    raise ImportError("SciPy was not asked for")


_load_numba_alone()
