"""Entry point: parse, run, and turn every failure into one line and an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from stream3d.cli.exits import FAILED, USAGE, code_of, listen
from stream3d.cli.parser import make_parser
from stream3d.errors import SettingsError, Stream3DError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: the process's own) and return the exit code."""
    arguments = make_parser().parse_args(argv)
    logging.basicConfig(format="stream3d: %(message)s", level=logging.ERROR if arguments.quiet else logging.WARNING)
    if not arguments.quiet:
        logging.getLogger("stream3d").setLevel(logging.INFO)
    listen()
    try:
        return int(arguments.command(arguments))
    except SettingsError as error:
        return _say(error, USAGE)
    except Stream3DError as error:
        return _say(error, FAILED)
    except KeyboardInterrupt:
        return code_of(interrupted=True)
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        if os.environ.get("STREAM3D_DEBUG"):
            raise
        said = f"internal error: {type(error).__name__}: {error} (STREAM3D_DEBUG=1 shows where; please report it)"
        return _say(said, FAILED)


def _say(error: object, code: int) -> int:
    lines = " ".join(str(error).split())
    print(f"stream3d: error: {lines}", file=sys.stderr)
    return code
