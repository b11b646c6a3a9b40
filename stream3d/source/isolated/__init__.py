"""A container is opened and decoded in a process of its own, which can be killed when it hangs and may crash.

Pictures come through shared memory without a name, what is said of them through the child's standard output; so
nothing is left behind whichever of the two processes dies, and however.
"""

from stream3d.source.isolated.process import Ended, ReaderProcess
from stream3d.source.isolated.wire import Shot

__all__ = ["Ended", "ReaderProcess", "Shot"]
