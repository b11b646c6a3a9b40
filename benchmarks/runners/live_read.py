"""The floor under live capture: read sources and do nothing with them, told as ``runners.live`` tells results.

``python -m benchmarks.runners.live_read LOG SOURCE ...``; SIGINT ends it.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path
from typing import IO

from stream3d.cli.exits import listen
from stream3d.source import Source, open_source
from tests.live_servers import number_of


def main() -> None:
    """Read until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("sources", nargs="+")
    arguments = parser.parse_args()
    listen()
    sources = [open_source(source) for source in arguments.sources]
    with arguments.log.open("w", buffering=1, encoding="utf-8") as file:
        threads = [threading.Thread(target=_read, args=(*each, file)) for each in enumerate(sources)]
        for thread in threads:
            thread.start()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            for source in sources:
                source.stop()
        for thread in threads:
            thread.join()


def _read(number: int, source: Source, file: IO[str]) -> None:
    for frame in source:
        at = time.monotonic()
        planes = frame.planes
        said = {"source": number, "at": at, "latency_s": at - frame.captured_at, "pts": frame.pts, "ids": []}
        file.write(json.dumps(said | ({"number": number_of(planes.y)} if planes is not None else {})) + "\n")


if __name__ == "__main__":
    main()
