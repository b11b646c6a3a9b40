"""Imports point one way; a room never imports a sibling; the wheel's package imports none of the other folders."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "stream3d"
ROOMS = {"source", "pose2d", "track", "lift", "solve", "sinks"}
# lower may be imported by higher, never the other way; names on one line may import each other only as LEVEL_MATES says
LEVELS = (
    {"errors", "paths"},
    {"skeleton", "geometry", "planes"},
    {"values", "sample"},
    {"settings", "meters", "source_meter", "channel", "kernels", "models", "nets", "trackfile", "camera_file"},
    {"engine"},
    ROOMS,
    {"pipeline", "__init__"},
    {"cli"},
    {"__main__"},
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
LEVEL_MATES = {("nets", "models"), ("kernels", "kernels"), ("pipeline", "__init__"), ("__init__", "pipeline")}


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: relative imports hide the arrow"
            if node.module == "stream3d":  # ``from stream3d import x`` may name a module
                yield from ((node.lineno, f"stream3d.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module or ""


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_part_of_the_house_has_a_level() -> None:
    assert {part_of(path) for path in FILES} <= set(LEVEL), "a new part of the house needs its place in LEVELS"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_point_one_way(path: Path) -> None:
    here = part_of(path)
    wrong = []
    for line, name in imports_of(path):
        top, _, rest = name.partition(".")
        assert top not in {"train", "engines", "benchmarks", "tests"}, f"{path}:{line} imports {name}"
        target = rest.split(".")[0]
        if top != "stream3d" or target in ("", here, "__version__"):
            continue
        allowed = LEVEL.get(target, -1) < LEVEL[here] or (here, target) in LEVEL_MATES
        if not allowed:
            wrong.append(f"line {line}: {here} imports {name}")
    assert not wrong


def test_the_walk_would_see_a_wrong_arrow(tmp_path: Path) -> None:
    file = tmp_path / "room.py"
    file.write_text("def f():\n    from stream3d.pipeline import run\n    import stream3d.cli\n")
    assert [name for _, name in imports_of(file)] == ["stream3d.pipeline", "stream3d.cli"]
    assert LEVEL["pipeline"] > LEVEL["lift"]
