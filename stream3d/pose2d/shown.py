"""What a net gets to see of a frame."""

from __future__ import annotations

from typing import Any

from stream3d.values import Frame


def takes_planes(net: object) -> bool:
    """Whether a net of the seams in protocol.py says, by an attribute ``takes_planes``, that it takes ``Planes``."""
    return bool(getattr(net, "takes_planes", False))


def shown(net: object, frame: Frame) -> Any:
    """The planes of ``frame`` for who takes them, where there are some; for all others ``frame.image``.

    Nets that cut out what they need never need the whole picture in RGB, the conversion of which costs as much as
    the cutting.
    """
    planes = frame.planes
    return planes if planes is not None and takes_planes(net) else frame.image
