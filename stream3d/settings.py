"""Settings from a TOML table: every room's frozen dataclass is filled by name, and what is not known is refused."""

from __future__ import annotations

import dataclasses
import tomllib
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

from stream3d.errors import SettingsError

S = TypeVar("S")
_LARGEST_BYTES = 1 << 20


def load_toml(path: Path, said: str = "--config") -> dict[str, Any]:
    """The tables of a TOML file; ``said`` is how the user named it, for messages.

    Raises:
        SettingsError: the file cannot be read, is not TOML, or is larger than 1 MiB.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_BYTES + 1)
        if len(data) > _LARGEST_BYTES:
            raise SettingsError(f"{said} {path} has more than the {_LARGEST_BYTES} bytes that are read")
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise SettingsError(f"{said} {path} cannot be read: {error.strerror}") from error
    except SettingsError:
        raise
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number without end, nested without end
        raise SettingsError(f"{said} {path} is not TOML: {error}") from error


def from_table(kind: type[S], table: dict[str, Any], where: str) -> S:
    """An instance of the dataclass ``kind`` from a TOML table; tables within it fill nested dataclasses.

    ``where`` names the table in messages. Whole numbers are taken where a float is wanted, lists where a tuple is.

    Raises:
        SettingsError: an unknown key, a value of the wrong type, or one that ``kind`` itself refuses.

    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Room:
    ...     height_m: float = 2.0
    >>> from_table(Room, {"height_m": 3}, "room")
    Room(height_m=3.0)
    """
    if not isinstance(table, dict):
        raise SettingsError(f"[{where}] must be a table, not {table!r}")
    fields = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - fields)
    if unknown:
        raise SettingsError(f"[{where}] has no {', '.join(map(repr, unknown))}; known are {', '.join(sorted(fields))}")
    hints = typing.get_type_hints(kind)
    return kind(**{key: _fitting(value, hints[key], f"{where}.{key}") for key, value in table.items()})


def _fitting(value: Any, hint: Any, where: str) -> Any:
    """``value`` as the type that ``hint`` asks for."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return from_table(hint, value, where)
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal and value in options:
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_fitting(item, options[0], where) for item in value)
    if origin in (typing.Union, types.UnionType):
        return _fitting_one(value, options, where)
    if hint is float and type(value) is int:
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    wanted = ", ".join(map(repr, options)) if origin is typing.Literal else getattr(hint, "__name__", str(hint))
    raise SettingsError(f"{where} must be {wanted}, not {value!r}")


def _fitting_one(value: Any, options: tuple[Any, ...], where: str) -> Any:
    """``value`` as the first of several types that takes it."""
    for option in options:
        if option is not type(None):
            try:
                return _fitting(value, option, where)
            except SettingsError:
                continue
    raise SettingsError(f"{where} must be one of {', '.join(map(str, options))}, not {value!r}")
