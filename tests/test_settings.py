from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from stream3d.errors import SettingsError
from stream3d.settings import from_table, load_toml


@dataclass(frozen=True, kw_only=True)
class Inner:
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class Outer:
    height_m: float = 1.7
    mode: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = ()
    maybe: float | None = None
    inner: Inner = field(default_factory=Inner)


def test_a_table_fills_a_dataclass() -> None:
    table = {"height_m": 2, "mode": "b", "sizes": [1, 2], "maybe": 3, "inner": {"size": 5}}
    assert from_table(Outer, table, "x") == Outer(height_m=2.0, mode="b", sizes=(1, 2), maybe=3.0, inner=Inner(size=5))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"hight_m": 2}, "hight_m"),
        ({"height_m": "tall"}, "tall"),
        ({"height_m": True}, "True"),
        ({"mode": "c"}, "'c'"),
        ({"sizes": [1, "2"]}, "'2'"),
        ({"maybe": "x"}, "'x'"),
        ({"inner": {"siz": 1}}, "x.inner"),
        ({"inner": 3}, "table"),
    ],
)
def test_what_does_not_fit_is_named(table: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        from_table(Outer, table, "x")


def test_files_that_are_no_toml(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("= 3")
    with pytest.raises(SettingsError, match=r"bad\.toml is not TOML"):
        load_toml(tmp_path / "bad.toml")
