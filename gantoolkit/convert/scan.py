"""What a pickle would do, read off its opcodes before any of them is carried out.

Python's unpickler calls what a file names, grows its memo to any index that the file gives, and
hashes tuples without a limit on their depth. Here a stream is walked once with `pickletools`. What
no published checkpoint contains (text opcodes, extension codes, instances made by name) is refused,
and numbers have limits.
"""

from __future__ import annotations

import os
import pickletools
from collections.abc import Iterator
from typing import BinaryIO

from gantoolkit.core.errors import WeightsError

MAX_OPCODES = 2_000_000  # published files have fewer than 200,000
MAX_LONG = 20_000  # integers beyond 32 bits: as keys of a dict they can be made to collide
MAX_DEPTH = 200  # of containers; an EG3D generator has 48

CONSTANTS = [
    "NONE",
    "NEWTRUE",
    "NEWFALSE",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "BINFLOAT",
    "SHORT_BINUNICODE",
    "BINUNICODE",
    "BINUNICODE8",
    "SHORT_BINBYTES",
    "BINBYTES",
    "BINBYTES8",
    "BYTEARRAY8",
    "SHORT_BINSTRING",
    "BINSTRING",
]
BUILDERS = [
    "EMPTY_TUPLE",
    "TUPLE1",
    "TUPLE2",
    "TUPLE3",
    "TUPLE",
    "EMPTY_LIST",
    "APPEND",
    "APPENDS",
    "EMPTY_DICT",
    "SETITEM",
    "SETITEMS",
    "EMPTY_SET",
    "ADDITEMS",
    "FROZENSET",
    "GLOBAL",
    "STACK_GLOBAL",
    "REDUCE",
    "NEWOBJ",
    "NEWOBJ_EX",
    "BUILD",
]
BOOKKEEPING = [
    "PROTO",
    "FRAME",
    "STOP",
    "MARK",
    "POP",
    "POP_MARK",
    "BINPUT",
    "LONG_BINPUT",
    "MEMOIZE",
    "BINGET",
    "LONG_BINGET",
]
ALLOWED = {*CONSTANTS, *BUILDERS, *BOOKKEEPING}
# These change what lies below their arguments on the stack.
FILLERS = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
MARK = object()


def scan(stream: BinaryIO, persistent: bool = False) -> None:
    """Refuse the next pickle of `stream` unless it is harmless to carry out.

    Leaves the position after the pickle. Raises WeightsError.

    persistent  whether persistent ids (the storages of torch's own files) may occur
    """
    allowed = ALLOWED | {"BINPERSID"} if persistent else ALLOWED
    machine = DepthMachine()
    size = _stream_size(stream)
    longs = 0
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if opcode.name not in allowed:
                raise Refused(f"it uses the opcode {opcode.name}")
            if count > MAX_OPCODES:
                raise Refused(f"it has more than {MAX_OPCODES:,} opcodes")
            longs += opcode.name == "LONG1"
            if longs > MAX_LONG:
                raise Refused(f"it has more than {MAX_LONG:,} long integers")
            if opcode.name == "FRAME" and argument > size:
                raise Refused(f"it has a frame of {argument:,} bytes")
            machine.step(opcode, argument)
    except Refused as refusal:
        raise WeightsError(
            f"The pickle is refused: {refusal}, which no published checkpoint does."
        ) from None
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError, RecursionError) as error:
        raise WeightsError(
            f"The pickle is damaged or cut off ({type(error).__name__}: {str(error)[:100]}); "
            "fetch the file again."
        ) from None


def _stream_size(stream: BinaryIO) -> int:
    position = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(position)
    return size


class Refused(Exception):
    """Says why a pickle is not read."""


class DepthMachine:
    """The pickle machine on depths only: an object is the number of containers nested in it."""

    def __init__(self):
        self.stack: list = []  # depths, and MARK
        self.memo: dict[int, int] = {}  # index → depth

    def step(self, opcode, argument) -> None:
        """Carry out one opcode."""
        name = opcode.name
        if name == "MARK":
            self.stack.append(MARK)
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._store(len(self.memo) if argument is None else argument)
        elif name in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name not in ("PROTO", "FRAME"):
            taken = list(self._pop(opcode.stack_before))
            self._push(name, taken, len(opcode.stack_after))

    def _store(self, index: int) -> None:
        """Copy the top of the stack into the memo."""
        if index > len(self.memo) + 1:
            raise Refused(f"it stores at place {index} of a memo of {len(self.memo)}")
        if self.stack[-1] is MARK:
            raise Refused("it stores a mark")
        self.memo[index] = self.stack[-1]

    def _pop(self, before) -> Iterator[int]:
        """Yield the depths of what an opcode takes, the topmost first."""
        if pickletools.markobject in before:
            while (top := self.stack.pop()) is not MARK:
                yield top
            before = before[: before.index(pickletools.markobject)]
        for _ in before:
            if self.stack[-1] is MARK:
                raise Refused("it takes a mark for an object")
            yield self.stack.pop()

    def _push(self, name: str, taken: list[int], count: int) -> None:
        """Put `count` results of an opcode on the stack."""
        depth = 0
        if name in FILLERS:
            *items, target = taken
            depth = max(target, 1 + max(items, default=0))
        elif name in BUILDERS:
            depth = 1 + max(taken, default=-1)
        if depth > MAX_DEPTH:
            raise Refused(f"it nests more than {MAX_DEPTH} containers")
        self.stack += [depth] * count
