"""``python -m tests``: lint, format, types and tests; what CI runs, on any machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS = (
    ("lint", ("ruff", "check", ".")),
    ("format", ("ruff", "format", "--check", ".")),
    ("types", ("mypy",)),
    ("tests", ("pytest", *sys.argv[1:])),
)


def main() -> int:
    """Run every check, also after one has failed; 0 only if all passed."""
    failed = []
    for name, words in CHECKS:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, "-m", *words], cwd=ROOT, check=False).returncode:
            failed.append(name)
    print(f"== failed: {', '.join(failed)}" if failed else "== all passed", flush=True)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
