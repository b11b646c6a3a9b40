"""Read damaged files by the thousand, and say what came of it: ``python -m tests.fuzz --clips 2000``.

Each file is damaged as its seed says, read by a process of its own, and may end in frames or in one clear line; not in
any other exception, a crash of the decoder, a hang, too much memory, or files and threads left open. A seed that failed
is tried again with ``--seed N``; ``--keep FILE`` writes what was read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
from tqdm import tqdm

from benchmarks.common import facts, refuse_private
from tests.fuzz.clips import write_corpus
from tests.fuzz.run import ROOT, outcomes
from tests.fuzz.trial import GOOD, planned

RESULT = ROOT / "tests" / "fuzz" / "result.json"


def main() -> int:
    """0 if all was well, 1 if not."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="stream3d-fuzz-") as folder:
        corpus = write_corpus(Path(folder))
        if options.seed is not None:
            return _one(corpus, options.seed, options.keep)
        began = time.monotonic()
        seeds = range(options.first, options.first + options.clips)
        results = list(tqdm(outcomes(corpus, seeds, limit_s=60 * options.minutes), total=options.clips, disable=None))
        figures = summed_up(results) | {"minutes": round((time.monotonic() - began) / 60, 2), "first": options.first}
        figures |= {"machine": facts(), "ffmpeg": av.ffmpeg_version_info, "files": _digests(corpus)}
    refuse_private(figures)
    text = json.dumps(figures, indent=1)
    if options.save is not None:
        options.save.write_text(text + "\n", encoding="utf-8")
    print(text)
    return int(bool(figures["failures"]))


def summed_up(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts by outcome, error, file and damage, and every failure whole."""
    by_file: dict[str, Counter[str]] = {}
    for said in results:
        by_file.setdefault(said.get("name", "unknown"), Counter())[said["outcome"]] += 1
    return {
        "mutations": len(results),
        "outcomes": _sorted(Counter(said["outcome"] for said in results)),
        "through_the_rooms": sum(bool(said.get("rooms")) for said in results),
        "over_a_socket": sum(bool(said.get("stream")) for said in results),
        "frames": sum(said.get("frames", 0) for said in results),
        "skeletons": sum(said.get("skeletons", 0) for said in results),
        "errors": _sorted(Counter(said["error"] for said in results if "error" in said)),
        "damage": _sorted(Counter(name for said in results for name in said.get("damage", ()))),
        "by_file": {name: _sorted(counts) for name, counts in sorted(by_file.items())},
        "most_rise_mb": round(max((said.get("rose_mb", 0.0) for said in results), default=0.0)),
        "failures": [said for said in results if said["outcome"] not in GOOD],
    }


def _one(corpus: list[Path], seed: int, keep: Path | None) -> int:
    plan, data = planned(seed, corpus)
    if keep is not None:
        keep.write_bytes(data)
    said = next(outcomes(corpus, [seed]))
    print(json.dumps({"name": plan.name, "damage": plan.damage, **said}, indent=1))
    return int(said["outcome"] not in GOOD)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())


def _digests(corpus: Sequence[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in corpus}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--clips", type=int, default=2000, metavar="N", help="how many mutations (%(default)s)")
    parser.add_argument("--minutes", type=float, default=60.0, metavar="M", help="stop after so long (%(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed (%(default)s)")
    parser.add_argument("--seed", type=int, help="one seed only")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="with --seed: write the damaged file here")
    parser.add_argument("--save", type=Path, metavar="FILE", help=f"write the figures here, such as {RESULT.name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
