"""All rooms in a row: the one place that knows them all and owns every thread."""

from stream3d.pipeline.rooms import Rooms, make_rooms
from stream3d.pipeline.runner import results, run, run_all, stream
from stream3d.pipeline.settings import CameraSettings, RunSettings
from stream3d.pipeline.summary import Summary

__all__ = ["CameraSettings", "Rooms", "RunSettings", "Summary", "make_rooms", "results", "run", "run_all", "stream"]
