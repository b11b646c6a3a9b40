"""``python -m stream3d``."""

import sys

from stream3d.cli import main

if __name__ == "__main__":
    sys.exit(main())
