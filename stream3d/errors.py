"""Every error that stream3d raises on purpose, in one tree.

Each one also inherits the built-in that a caller would expect, so ``except ValueError`` keeps working.

::

    Stream3DError
    ├── SettingsError (ValueError)          a setting, flag or config key that cannot be used
    ├── ShapeError (ValueError)             an array whose dtype, shape or content breaks a value's contract
    ├── LayoutError (ValueError)            an unknown joint layout, or a conversion that does not exist
    ├── SourceError (OSError)               a video, image, camera or stream that cannot be read
    │   ├── SourceNotFoundError (FileNotFoundError)
    │   ├── SourceRefusedError (PermissionError)   outside the allow-list of protocols, containers, codecs, sizes
    │   └── SourceFormatError               opened, but it is not video that can be decoded
    ├── ModelError (RuntimeError)           weights that cannot be had or cannot be trusted
    │   ├── ModelMissingError (FileNotFoundError)
    │   └── ModelChecksumError
    ├── EngineError (RuntimeError)          a net that cannot be compiled or run
    │   └── DeviceError                     a device or runtime that was asked for and is not there
    ├── SinkError (OSError)                 an output that cannot be opened or written
    ├── TrackFileError (ValueError)         a track or keypoint file that cannot be read
    ├── ViewerError (RuntimeError)          no display, or the viewer process failed
    └── ChannelClosedError (RuntimeError)   a hand-off whose other end has gone
"""

from __future__ import annotations


class Stream3DError(Exception):
    """Root of the tree; ``except Stream3DError`` catches all that stream3d raises on purpose."""


class SettingsError(Stream3DError, ValueError):
    """A setting, flag or config key that cannot be used."""


class ShapeError(Stream3DError, ValueError):
    """An array whose dtype, shape or content breaks the contract of the value it was given to."""


class LayoutError(Stream3DError, ValueError):
    """An unknown joint layout, or a conversion between two layouts that does not exist."""


class SourceError(Stream3DError, OSError):
    """A video, image, camera or stream that cannot be read."""


class SourceNotFoundError(SourceError, FileNotFoundError):
    """Nothing is there under the given name."""


class SourceRefusedError(SourceError, PermissionError):
    """Outside the allow-list of protocols, containers, codecs or sizes."""


class SourceFormatError(SourceError):
    """Opened, but it is not video that can be decoded."""


class ModelError(Stream3DError, RuntimeError):
    """Weights that cannot be had or cannot be trusted."""


class ModelMissingError(ModelError, FileNotFoundError):
    """The weights are not on this machine and could not be fetched."""


class ModelChecksumError(ModelError):
    """The weights are not the ones that were pinned."""


class EngineError(Stream3DError, RuntimeError):
    """A net that cannot be compiled or run."""


class DeviceError(EngineError):
    """A device or runtime that was asked for and is not there."""


class SinkError(Stream3DError, OSError):
    """An output that cannot be opened or written."""


class TrackFileError(Stream3DError, ValueError):
    """A track or keypoint file that cannot be read."""


class ViewerError(Stream3DError, RuntimeError):
    """No display, or the viewer process failed."""


class ChannelClosedError(Stream3DError, RuntimeError):
    """A hand-off whose other end has gone."""
