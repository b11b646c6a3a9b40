"""Identity over time.

>>> import numpy as np
>>> from stream3d.skeleton import BLAZEPOSE33
>>> from stream3d.values import Detections2D
>>> def seen(index, x, origin):  # one person of 200 px around (x, 300); origin -1: found by the detector
...     return Detections2D(source_id="a", index=index, pts=index / 25, captured_at=0.0, layout=BLAZEPOSE33,
...                         keypoints=np.full((1, 33, 3), 300, np.float32), presence=np.ones(1, np.float32),
...                         regions=np.array([[x, 300, 200, 0]], np.float32), origin=np.array([origin]),
...                         looked=False, confirmed=np.zeros(1, np.bool_))
>>> tracker = Tracker(TrackSettings(birth_s=0.0))
>>> tracker(seen(0, 100.0, -1)).person, tracker(seen(1, 110.0, 0)).person
(array([1]), array([1]))
"""

from stream3d.track.settings import TrackSettings
from stream3d.track.tracker import Tracker

__all__ = ["TrackSettings", "Tracker"]
