"""``python -m stream3d.sinks.viewer TITLE WIDTH HEIGHT``: the viewer's process, fed on standard input."""

import sys

from stream3d.sinks.viewer.child import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
