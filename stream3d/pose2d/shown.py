"""What a net gets to see of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream3d.values import Frame

if TYPE_CHECKING:
    from stream3d.pose2d.device.uploads import Uploads


def takes_planes(net: object) -> bool:
    """Whether a net of the seams in protocol.py says, by an attribute ``takes_planes``, that it takes ``Planes``."""
    return bool(getattr(net, "takes_planes", False))


def uploads_of(net: object) -> Uploads | None:
    """What puts pictures onto the device of a net that says, by an attribute ``uploads``, that it takes them there."""
    return getattr(net, "uploads", None)


def on_host(image: Any) -> Any:
    """What a net was shown, as an array or planes that the CPU can read, wherever it lies."""
    return getattr(image, "host", image)


def shown(net: object, frame: Frame) -> Any:
    """The planes of ``frame`` for who takes them, where there are some; for all others ``frame.image``.

    Nets that cut out what they need never need the whole picture in RGB, the conversion of which costs as much as
    the cutting. Those that do so on a device get the picture as it lies there, uploaded once.
    """
    uploads = uploads_of(net)
    if uploads is not None:
        return uploads.of(frame)
    planes = frame.planes
    return planes if planes is not None and takes_planes(net) else frame.image
