"""Track files: reading them, and the crash-safe journal that they are made from."""

from stream3d.trackfile.append import AppendFile, cannot_write, in_use, open_locked
from stream3d.trackfile.journal import SUFFIX, Header, Journal, JournalWriter
from stream3d.trackfile.load import finish, load_tracks, recover
from stream3d.trackfile.meta import to_json
from stream3d.trackfile.model import FrameRows, TrackFile
from stream3d.trackfile.npz import read_npz, replacing_npz

__all__ = [
    "SUFFIX",
    "AppendFile",
    "FrameRows",
    "Header",
    "Journal",
    "JournalWriter",
    "TrackFile",
    "cannot_write",
    "finish",
    "in_use",
    "load_tracks",
    "open_locked",
    "read_npz",
    "recover",
    "replacing_npz",
    "to_json",
]
