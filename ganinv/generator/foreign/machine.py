"""The instructions of a pickle, protocols 2 to 5, as far as they describe data.

A name in a pickle can only stand for an entry of a given table; what is not in the table ends the reading. There is no
way from here to an import, an attribute or a call of anything else. No instruction recurses or takes more memory than
the bytes that it stands for, so that depth and repetition are harmless.
"""

import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .source import Budget, Damaged, Source, in_words, shown

MAX_TEXT = 2**24  # bytes; a module's source has about 50,000
MAX_MARKS = 1000  # lists and dictionaries that are open at once
MAX_INDEX = 2**20  # of a number as a dictionary's key; an optimiser counts its parameters so


@dataclass(frozen=True)
class Name:
    """What a name of a pickle stands for: a function of ours that makes inert data."""

    label: str
    call: Callable[..., Any] | None = None


class Unbuilt:
    """An object whose state comes after it: `build(state)` gives what takes its place."""

    def __init__(self, build: Callable[[Any], Any]) -> None:
        self.build: Callable[[Any], Any] | None = build
        self.slots: list[int] = []  # of the memo


class Machine:
    """A stack, a memo and a source of instructions."""

    def __init__(
        self,
        source: Source,
        *,
        names: dict[tuple[str, str], Name],
        budget: Budget,
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self.source, self.names, self.budget, self.persistent = source, names, budget, persistent
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        """The object that the next pickle of the source describes."""
        self.stack, self.marks, self.memo = [], [], {}
        take, budget = self.source.take, self.budget
        try:
            while (code := take(1)[0]) != STOP:
                budget.step()
                CODES[code](self)
            return self.pop()
        except (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
            # What a stack, a memo or a stand-in says to arguments that do not fit.
            raise Damaged(f"is damaged near byte {self.source.position}") from error

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        return self.stack.pop()

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.source.take(struct.calcsize(form)))[0]

    def text(self, length: int) -> str:
        if length > MAX_TEXT:
            raise Damaged(f"holds a text of {length} bytes, more than {MAX_TEXT} allowed")
        return self.source.take(length).decode()

    def items(self) -> list[Any]:
        """What was pushed since the last mark."""
        items, self.stack = self.stack, self.marks.pop()
        return items


def _mark(machine: Machine) -> None:
    if len(machine.marks) >= MAX_MARKS:
        raise Damaged(f"nests more than {MAX_MARKS} containers, which no network needs")
    machine.marks.append(machine.stack)
    machine.stack = []


def _frame(machine: Machine) -> None:
    machine.source.claim(machine.number("<Q"))


def _protocol(machine: Machine) -> None:
    version = machine.number("<B")
    if not 2 <= version <= pickle.HIGHEST_PROTOCOL:
        raise Damaged(f"is a pickle of protocol {version}; 2 to {pickle.HIGHEST_PROTOCOL} can be read")


def _long(machine: Machine, form: str) -> None:
    length = machine.number(form)
    if not 0 <= length <= 255:
        raise Damaged(f"holds a whole number of {length} bytes, which no network needs")
    machine.push(int.from_bytes(machine.source.take(length), "little", signed=True))


def _append(machine: Machine, items: list[Any]) -> None:
    _of(list, machine.stack[-1]).extend(items)


def _set_items(machine: Machine, items: list[Any]) -> None:
    target = _of(dict, machine.stack[-1])
    # Texts, whose hashes are salted, and small numbers: no file can make them collide.
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[key if type(key) is int and 0 <= key < MAX_INDEX else _of(str, key)] = value


def _add_items(machine: Machine) -> None:
    items = machine.items()
    _of(set, machine.stack[-1]).update(_of(str, item) for item in items)


def _put(machine: Machine, index: int) -> None:
    value = machine.memo[index] = machine.stack[-1]
    if isinstance(value, Unbuilt):
        value.slots.append(index)


def _name(machine: Machine, module: str, name: str) -> None:
    found = machine.names.get((module, name))
    if found is None:
        label = shown(f"{module}.{name}", 80)
        raise Damaged(f"names {label}, which no network needs: it was refused, and nothing of the file was executed")
    machine.push(found)


def _call(machine: Machine) -> None:
    arguments, name = _of(tuple, machine.pop()), _of(Name, machine.pop())
    if name.call is None:
        raise Damaged(f"calls {name.label}, which holds data alone")
    machine.push(name.call(*arguments))


def _build(machine: Machine) -> None:
    state, unbuilt = machine.pop(), machine.pop()
    if type(unbuilt) is dict:  # torch's state dicts carry the versions of their modules, which no value needs
        return machine.push(unbuilt)
    if _of(Unbuilt, unbuilt).build is None:
        raise Damaged("gives one object two states")
    value, unbuilt.build = unbuilt.build(state), None
    for index in unbuilt.slots:
        if machine.memo[index] is unbuilt:
            machine.memo[index] = value
    machine.push(value)


def _persistent(machine: Machine) -> None:
    if machine.persistent is None:
        raise Damaged("refers to objects outside itself")
    machine.push(machine.persistent(machine.pop()))


def _of(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise Damaged(f"has {in_words(value)} where its pickle needs a {kind.__name__}")
    return value


def _refuse(machine: Machine) -> None:
    raise Damaged(f"holds, at byte {machine.source.position - 1}, an instruction that no file of a network has")


def _tuple(count: int) -> Callable[[Machine], None]:
    def make(machine: Machine) -> None:
        items = tuple(machine.pop() for _ in range(count))
        machine.push(items[::-1])

    return make


def _number(form: str) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.number(form))


def _text(form: str) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.text(machine.number(form)))


def _bytes(form: str) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.source.blob(machine.number(form)))


def _get(form: str) -> Callable[[Machine], None]:
    return lambda machine: machine.push(machine.memo[machine.number(form)])


STOP = pickle.STOP[0]
READERS: dict[bytes, Callable[[Machine], object]] = {
    pickle.PROTO: _protocol,
    pickle.FRAME: _frame,
    pickle.MARK: _mark,
    pickle.POP: lambda machine: machine.pop(),
    pickle.POP_MARK: lambda machine: machine.items(),
    pickle.DUP: lambda machine: machine.push(machine.stack[-1]),
    pickle.NONE: lambda machine: machine.push(None),
    pickle.NEWTRUE: lambda machine: machine.push(True),
    pickle.NEWFALSE: lambda machine: machine.push(False),
    pickle.BININT: _number("<i"),
    pickle.BININT1: _number("<B"),
    pickle.BININT2: _number("<H"),
    pickle.BINFLOAT: _number(">d"),
    pickle.LONG1: lambda machine: _long(machine, "<B"),
    pickle.LONG4: lambda machine: _long(machine, "<i"),
    pickle.SHORT_BINUNICODE: _text("<B"),
    pickle.BINUNICODE: _text("<I"),
    pickle.BINUNICODE8: _text("<Q"),
    pickle.SHORT_BINBYTES: _bytes("<B"),
    pickle.BINBYTES: _bytes("<I"),
    pickle.BINBYTES8: _bytes("<Q"),
    pickle.BYTEARRAY8: _bytes("<Q"),
    pickle.EMPTY_TUPLE: lambda machine: machine.push(()),
    pickle.TUPLE1: _tuple(1),
    pickle.TUPLE2: _tuple(2),
    pickle.TUPLE3: _tuple(3),
    pickle.TUPLE: lambda machine: machine.push(tuple(machine.items())),
    pickle.EMPTY_LIST: lambda machine: machine.push([]),
    pickle.APPEND: lambda machine: _append(machine, [machine.pop()]),
    pickle.APPENDS: lambda machine: _append(machine, machine.items()),
    pickle.EMPTY_DICT: lambda machine: machine.push({}),
    pickle.SETITEM: lambda machine: _set_items(machine, [machine.pop(), machine.pop()][::-1]),
    pickle.SETITEMS: lambda machine: _set_items(machine, machine.items()),
    pickle.EMPTY_SET: lambda machine: machine.push(set()),
    pickle.ADDITEMS: _add_items,
    pickle.BINPUT: lambda machine: _put(machine, machine.number("<B")),
    pickle.LONG_BINPUT: lambda machine: _put(machine, machine.number("<I")),
    pickle.MEMOIZE: lambda machine: _put(machine, len(machine.memo)),
    pickle.BINGET: _get("<B"),
    pickle.LONG_BINGET: _get("<I"),
    pickle.GLOBAL: lambda machine: _name(machine, machine.source.line(), machine.source.line()),
    pickle.STACK_GLOBAL: lambda machine: _name(machine, *[_of(str, machine.pop()) for _ in range(2)][::-1]),
    pickle.REDUCE: _call,
    pickle.NEWOBJ: _call,
    pickle.BUILD: _build,
    pickle.BINPERSID: _persistent,
}
CODES = [READERS.get(bytes([code]), _refuse) for code in range(256)]
