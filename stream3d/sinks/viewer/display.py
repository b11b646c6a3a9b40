"""Whether a window can be hoped for at all: asked before anything slow is started."""

from __future__ import annotations

import importlib.util
import os
import sys

from stream3d.errors import ViewerError


def check_viewer_possible(
    *, asked_by: str = "the viewer", instead: str = "save a picture: --screenshot FILE.png"
) -> None:
    """Return if there is a display and open3d is installed; ``instead`` says what to do without a display.

    Raises:
        ViewerError: one of them is missing; the message says which, and what to do.
    """
    names_displays = sys.platform.startswith(("linux", "freebsd"))
    if names_displays and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ViewerError(
            f"{asked_by} needs a display: DISPLAY is not set; run it on a desktop or over ssh -X, or {instead}"
        )
    if importlib.util.find_spec("open3d") is None:
        raise ViewerError(
            f"{asked_by} needs Open3D, which is not installed; install it with: pip install 'stream3d[view]'"
        )
