"""NumPy arrays out of pickles without unpickling: an interpreter of the few opcodes that arrays, dicts and text need.

The community's Human3.6M, MPI-INF-3DHP and HumanEva files are ``.npz`` archives of pickled dicts of arrays. Unpickling
such a file runs whatever its maker wanted to run, so it is never done. Here a global is only a word that is compared
with the few names NumPy writes; nothing is imported, looked up or called for the file, and every array is built by
this module itself after its type, shape and size have been checked against the bytes that are there.
"""

from __future__ import annotations

import pickletools
import re
from typing import IO, Any

from stream3d.errors import TrackFileError
from train.data.pickled import Array, Kind, Refused, Resolver, Word, byte_order, checked_key, expect, fill, reduce, word

MOST_OPCODES = 20_000_000
_MARK = object()
_PUSHED = re.compile(
    r"BININT[12]?|LONG1|BINFLOAT|(SHORT_)?(BINUNICODE|BINSTRING|BINBYTES)|(BINUNICODE|BINBYTES|BYTEARRAY)8"
)
_FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


def read_pickle(stream: IO[bytes], what: str) -> Any:
    """The dicts, lists, tuples, text, numbers and arrays that a pickle of NumPy's holds.

    ``what`` names the file in errors. Arrays are read-only views of the file's bytes; object arrays without axes
    become what they hold.

    Raises:
        TrackFileError: the pickle is damaged, or asks for anything else than data.
    """
    try:
        return Resolver().resolve(_Machine().run(stream))
    except Refused as error:
        raise TrackFileError(
            f"{what}: refused, since this pickle {error}; only arrays, dicts and text are read"
        ) from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise TrackFileError(f"{what}: is a damaged pickle: {error!r}") from error


class _Machine:
    """The stack, the marks and the memo of one pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes]) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MOST_OPCODES:
                raise Refused(f"has more than {MOST_OPCODES} opcodes")
            if opcode.name == "STOP":
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise Refused("has no end")

    def step(self, name: str, argument: Any) -> None:
        if _PUSHED.fullmatch(name):
            self.stack.append(bytes(argument) if isinstance(argument, bytearray) else argument)
        elif name in _FIXED:
            self.stack.append(_FIXED[name])
        else:
            handler = getattr(self, f"on_{name.lower()}", None)
            if handler is None:
                raise Refused(f"uses the opcode {name}")
            handler(argument)

    def marked(self) -> list[Any]:
        """All that was pushed since the last mark."""
        items = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def on_proto(self, argument: Any) -> None:
        """The protocol's number says nothing that the opcodes do not."""

    on_frame = on_proto

    def on_mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def on_pop(self, _: Any) -> None:
        self.stack.pop()

    def on_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def on_empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def on_append(self, _: Any) -> None:
        self.extend([self.stack.pop()])

    def on_appends(self, _: Any) -> None:
        self.extend(self.marked())

    def extend(self, items: list[Any]) -> None:
        expect(self.stack[-1], list).extend(items)

    def on_setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        expect(self.stack[-1], dict)[checked_key(key)] = value

    def on_setitems(self, _: Any) -> None:
        items = self.marked()
        target = expect(self.stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def on_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self.marked()))

    def on_tuple1(self, _: Any) -> None:
        self.tuple_of(1)

    def on_tuple2(self, _: Any) -> None:
        self.tuple_of(2)

    def on_tuple3(self, _: Any) -> None:
        self.tuple_of(3)

    def tuple_of(self, count: int) -> None:
        items = [self.stack.pop() for _ in range(count)]
        self.stack.append(tuple(items[::-1]))

    def on_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def on_binput(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    on_long_binput = on_binput

    def on_binget(self, argument: int) -> None:
        self.stack.append(self.memo[argument])

    on_long_binget = on_binget

    def on_global(self, argument: str) -> None:
        self.name(*argument.split(" ", 1))

    def on_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.name(expect(module, str), expect(name, str))

    def name(self, module: str, name: str) -> None:
        self.stack.append(word(module, name))

    def on_reduce(self, _: Any) -> None:
        arguments = expect(self.stack.pop(), tuple)
        called = expect(self.stack.pop(), Word)
        self.stack.append(reduce(called.role, arguments))

    def on_build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Kind):
            target.order = byte_order(state)
        elif isinstance(target, Array):
            _, shape, kind, fortran, raw = state
            fill(target, expect(kind, Kind), shape, raw, "F" if fortran else "C")
        else:
            raise Refused(f"sets the state of a {type(target).__name__}")
