"""One export of a net at a time: torch's tracers belong to the process, not to a thread."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ONE = threading.RLock()


@contextmanager
def exporting() -> Iterator[None]:
    """Trace, export or compile torch modules inside, without gradients and without torch's warnings about itself.

    Whoever uses the library may make nets in several threads. Two exports at the same time find each other's tensors
    and fail, and so would two that each change which warnings are shown.
    """
    import torch

    with _ONE, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield
