"""``python -m train.data``: where every data set is obtained, on which terms, and whether what is there is sound.

Without --data it only tells. With --data DIR it reads all that is found there, and ends with 1 if anything is broken.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path

from stream3d.errors import Stream3DError
from train.data.catalogue import CATALOGUE, DataSet
from train.data.gather import gather
from train.data.inspection import inspect

_WIDTH = 100


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 if nothing that is there is broken."""
    parser = argparse.ArgumentParser(prog="python -m train.data", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder to check")
    parser.add_argument("--work", type=Path, default=Path("runs"), metavar="DIR", help="for caches (default: runs)")
    parser.add_argument("--gather", type=Path, metavar="FOLDER", help="sort downloads into --data first")
    parser.add_argument("--only", choices=[entry.name for entry in CATALOGUE], help="one set alone")
    given = parser.parse_args(arguments)
    if given.data is not None and not given.data.is_dir():
        parser.error(f"--data {given.data} is no folder")
    if given.gather is not None:
        if given.data is None:
            parser.error("--gather needs --data, the folder to sort into")
        try:
            _gather(given.gather, given.data)
        except (Stream3DError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    broken = 0
    for entry in CATALOGUE:
        if given.only in (None, entry.name):
            _tell(entry)
            broken += _check(entry, given.data, given.work) if given.data is not None else 0
            print()
    if broken:
        print(f"{broken} of what was found is broken or implausible; see the lines with !", file=sys.stderr)
    return 1 if broken else 0


def _tell(entry: DataSet) -> None:
    print(f"{entry.name}: {entry.title}")
    about = {"from": entry.where, "terms": entry.terms, "may weights ship": entry.ships, "reader tried on": entry.tried}
    for word, text in about.items():
        print(textwrap.fill(text, _WIDTH, initial_indent=f"  {word}: ", subsequent_indent="    "))
    print(textwrap.fill(f"files: {'  '.join(entry.files)}", _WIDTH, initial_indent="  ", subsequent_indent="    "))


def _check(entry: DataSet, data_dir: Path, work_dir: Path) -> int:
    """Print what of the set is in the folder; the number of files that are broken."""
    broken, found = 0, False
    for finding in inspect(entry, data_dir, work_dir):
        found = True
        print(f"  {'!' if finding.faults else '+'} {finding.path.relative_to(data_dir)}: {finding.holds}")
        for fault in finding.faults:
            print(f"      {fault}")
        broken += bool(finding.faults)
    if not found:
        print("  - not there")
    return broken


def _gather(source: Path, data_dir: Path) -> None:
    for some in gather(source, data_dir):
        print(f"{some.name}: {some.copied} found, {len(some.missing)} missing {', '.join(some.missing[:5])}")
    print()


if __name__ == "__main__":
    raise SystemExit(main())
