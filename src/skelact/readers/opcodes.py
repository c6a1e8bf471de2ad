"""The instructions of a pickle, carried out by ourselves: nothing but plain values ever comes out.

A pickle is a program for a small machine with a stack and a memo. Python's own machine looks names up and calls
what it finds. Here a name is only a text; a table lists the few known names, each with a function of our own.
Lengths are compared with the rest of the file, and memory is counted before it is taken.

Source: the instructions are those that the module ``pickletools`` of Python documents.
"""

import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from skelact.readers.plain import check_keys, check_plain

PROTOCOL_MOST = 5
NAME_MOST = 500  # characters of a name
DIGITS_MOST = 620  # of a whole number that is written out
INTEGER_MOST = 255  # bytes of one that is not
REASON_MOST = 200  # characters of a message of Python or numpy
SMALL = 1 << 16  # bytes that are read without checking how many are left
CONTAINER = 64  # bytes of memory, about, that a list without elements takes
GAP_MOST = 16  # places of the memo that may be left out; Python 2 begins at 1
VALUE = 8  # bytes of memory of a place in a list or the memo
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[\\'\"abfnrtv\n])")
ESCAPED = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))


@dataclass(frozen=True)
class Limits:
    """How much a pickle may ask for; a size is checked before memory is taken.

    Args:
        depth: how deep containers may lie in containers.
        growth: bytes of memory for each byte of the file.
        spare: bytes of memory beside these.
    """

    depth: int = 64
    growth: int = 16
    spare: int = 64 << 20


class PickleError(Exception):
    """Why a pickle is not read."""


class ForbiddenError(PickleError):
    """The pickle names or makes something that is not plain."""


class BrokenError(PickleError):
    """It is no pickle, is truncated, or contradicts itself."""


class TooLargeError(PickleError):
    """It asks for more than the limits allow."""


class Budget:
    """Bytes of memory that may still be taken."""

    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, size: int) -> None:
        """Take so many bytes.

        Raises:
            TooLargeError: there are not so many left.
        """
        self.left -= size
        if self.left < 0:
            raise TooLargeError("it would take far more memory than it has bytes")


Build = Callable[[Budget, tuple[Any, ...]], Any]
Names = Mapping[str, Build | None]


@dataclass(frozen=True, eq=False)
class Name:
    """A name in a pickle, and what stands for a call of it; None: it is only passed on."""

    text: str
    build: Build | None

    def __str__(self) -> str:
        return f"the name {self.text}"


class Shell:
    """A value whose content comes later, once."""

    __slots__ = ("filled", "places")
    title = "a value"

    def __init__(self) -> None:
        self.places: list[int] = []  # of the memo
        self.filled = False

    def fill(self, budget: Budget, state: Any) -> Any:
        """The value itself.

        Raises:
            ValueError: no such content.
        """
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.title} without content"


def load_pickle(
    file: IO[bytes], size: int, names: Names, limits: Limits, outside: Callable[[Any], Any] | None = None
) -> Any:
    """The value of the pickle that begins here in a file.

    Args:
        file: open for reading; stands behind the pickle afterwards.
        size: of the whole file, bytes.
        names: "module.name" -> what stands for a call of it.
        limits: how much it may ask for.
        outside: makes values of what a pickle names outside of itself; None: such pickles are refused.

    Raises:
        PickleError: it is not read; the message gives the reason.
    """
    machine = _Machine(file, size, names, Budget(limits.spare + limits.growth * size), outside)
    try:
        value = machine.run()
        check_plain(value, limits.depth, limits.growth * size + limits.spare // CONTAINER)
    except (ValueError, IndexError, TypeError, OverflowError, struct.error) as error:
        what = _IN_WORDS.get(type(error), str(error)[:REASON_MOST])
        raise BrokenError(f"byte {file.tell():,}: {what}") from error
    return value


_IN_WORDS: dict[type[Exception], str] = {
    IndexError: "an instruction without a value to act on",
    UnicodeDecodeError: "a text in another encoding",
    UnicodeEncodeError: "a text with characters that cannot be",
}


class _Machine:
    """Stack, memo and marks of one pickle."""

    def __init__(
        self, file: IO[bytes], size: int, names: Names, budget: Budget, outside: Callable[[Any], Any] | None
    ) -> None:
        self.file, self.size = file, size
        self.names, self.budget, self.outside = names, budget, outside
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: list[Any] = []
        self.known: dict[str, Name] = {}  # names that it has used

    def run(self) -> Any:
        read, budget = self.file.read, self.budget
        while (code := read(1)) != b".":
            operation = OPERATIONS.get(code)
            if operation is None:
                raise BrokenError(
                    f"byte {self.file.tell():,}: " + (f"{code!r} is no instruction" if code else "it ends")
                )
            operation(self)
            if budget.left < 0:
                budget.spend(0)
        if len(self.stack) != 1 or self.marks:
            raise ValueError("it ends with an unfinished value")
        return self.stack.pop()

    def take(self, size: int) -> bytes:
        """The next bytes of the file."""
        if size > SMALL and size > self.size - self.file.tell():
            raise ValueError(f"announces {size:,} bytes, the file ends before")
        content = self.file.read(size)
        if len(content) < size:
            raise ValueError("the file ends within a value")
        return content

    def line(self, most: int = -1) -> bytes:
        """The next line of the file, without its end."""
        content = self.file.readline(most)
        if not content.endswith(b"\n"):
            raise ValueError("a line without an end")
        return content[:-1]

    def since_mark(self) -> list[Any]:
        """The values behind the last mark, taken off the stack."""
        start = self.marks.pop()
        self.budget.left += CONTAINER  # of the mark
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def put(self, place: int) -> None:
        """Remember the uppermost value."""
        value, memo = self.stack[-1], self.memo
        if isinstance(value, Shell):
            value.places.append(place)
        if place == len(memo):
            memo.append(value)
        elif 0 <= place < len(memo):
            memo[place] = value
        elif 0 <= place <= len(memo) + GAP_MOST:
            self.budget.spend(VALUE * (place - len(memo)))
            memo.extend([_NOTHING] * (place - len(memo)) + [value])
        else:
            raise ValueError(f"place {place:,} of the memo, which has {len(memo):,}")

    def get(self, place: int) -> None:
        """What was remembered goes on the stack."""
        if not 0 <= place < len(self.memo) or self.memo[place] is _NOTHING:
            raise ValueError(f"place {place:,} of the memo, where nothing is")
        self.stack.append(self.memo[place])

    def name(self, module: str, name: str) -> None:
        """A name goes on the stack, if it is known."""
        text = f"{module.replace('numpy._core', 'numpy.core')}.{name}"
        if text not in self.known:
            if text not in self.names:
                raise ForbiddenError(f"names {_printable(f'{module}.{name}')}")
            self.known[text] = Name(text, self.names[text])
        self.stack.append(self.known[text])


_NOTHING = object()  # in the memo, where nothing was put
Operation = Callable[[_Machine], None]


def _printable(text: str) -> str:
    return ascii(text[:80])[1:-1]


def _constant(value: Any) -> Operation:
    def operation(machine: _Machine) -> None:
        machine.stack.append(value)

    return operation


def _number(code: str) -> Operation:
    form = struct.Struct(code)

    def operation(machine: _Machine) -> None:
        machine.stack.append(form.unpack(machine.take(form.size))[0])

    return operation


def _counted(code: str, make: Callable[[bytes], Any]) -> Operation:
    """A value whose length stands before it."""
    form = struct.Struct(code)

    def operation(machine: _Machine) -> None:
        (size,) = form.unpack(machine.take(form.size))
        machine.stack.append(make(machine.take(size)))

    return operation


def _written(make: Callable[[bytes], Any]) -> Operation:
    """A value that stands in a line."""

    def operation(machine: _Machine) -> None:
        machine.stack.append(make(machine.line()))

    return operation


def _at(code: str, act: Callable[[_Machine, int], None]) -> Operation:
    """Something with a place of the memo."""
    form = struct.Struct(code)

    def operation(machine: _Machine) -> None:
        act(machine, form.unpack(machine.take(form.size))[0])

    return operation


def _forbidden(what: str) -> Operation:
    def operation(_machine: _Machine) -> None:
        raise ForbiddenError(what)

    return operation


def _integer(text: bytes) -> int:
    if len(text) > DIGITS_MOST or b"_" in text:
        raise ValueError("a whole number of too many digits")
    return int(text.removesuffix(b"L"))


def _integer_or_truth(text: bytes) -> int:
    return text == b"01" if text in (b"00", b"01") else _integer(text)


def _long(content: bytes) -> int:
    if len(content) > INTEGER_MOST:
        raise ValueError("a whole number of too many digits")
    return int.from_bytes(content, "little", signed=True)


def _float(text: bytes) -> float:
    if len(text) > DIGITS_MOST or b"_" in text:
        raise ValueError("a number of too many digits")
    return float(text)


def _latin(content: bytes) -> str:
    return content.decode("latin1")


def _quoted(text: bytes) -> str:
    """A text of Python 2, as ``repr`` gave it."""
    text = text.strip()
    if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b"'", b'"'):
        raise ValueError("a text without quotes")
    return _latin(ESCAPE.sub(_unescaped, text[1:-1]))


def _unescaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if code[:1] == b"x":
        return bytes([int(code[1:], 16)])
    if code[:1].isdigit():
        return bytes([int(code, 8) & 255])
    if code == b"\n":
        return b""
    return bytes([ESCAPED.get(code[0], code[0])])


def _raw_unicode(text: bytes) -> str:
    found = text.decode("raw-unicode-escape")
    found.encode()  # half a character, which could not be printed, fails here
    return found


def _protocol(machine: _Machine) -> None:
    version = machine.take(1)[0]
    if version > PROTOCOL_MOST:
        raise ValueError(f"protocol {version}, known are 0 to {PROTOCOL_MOST}")


def _frame(machine: _Machine) -> None:
    (size,) = struct.unpack("<Q", machine.take(8))
    if size > machine.size - machine.file.tell():
        raise ValueError(f"announces {size:,} bytes, the file ends before")


def _mark(machine: _Machine) -> None:
    machine.budget.left -= CONTAINER
    machine.marks.append(len(machine.stack))


def _pop(machine: _Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


def _empty(make: Callable[[], Any], size: int) -> Operation:
    def operation(machine: _Machine) -> None:
        machine.budget.left -= size
        machine.stack.append(make())

    return operation


def _tuple_of(count: int) -> Operation:
    def operation(machine: _Machine) -> None:
        machine.budget.left -= CONTAINER
        values = tuple(machine.stack[-count:])
        if len(values) < count:
            raise IndexError
        machine.stack[-count:] = [values]

    return operation


def _gathered(make: Callable[[list[Any]], Any]) -> Operation:
    """A container of all behind the last mark."""

    def operation(machine: _Machine) -> None:
        machine.budget.left -= CONTAINER
        machine.stack.append(make(machine.since_mark()))

    return operation


def _frozen(values: list[Any]) -> frozenset[Any]:
    check_keys(values)
    return frozenset(values)


def _pairs(values: list[Any]) -> dict[Any, Any]:
    filled: dict[Any, Any] = {}
    _set_items(filled, values)
    return filled


def _set_items(target: Any, values: list[Any]) -> None:
    if type(target) not in (dict, OrderedDict) or len(values) % 2:
        raise ValueError("entries for something that is no dictionary")
    check_keys(values[::2])
    target.update(zip(values[::2], values[1::2], strict=True))


def _list(machine: _Machine) -> list[Any]:
    target = machine.stack[-1]
    if type(target) is not list:
        raise ValueError("elements for something that is no list")
    return target


def _append(machine: _Machine) -> None:
    value = machine.stack.pop()
    _list(machine).append(value)


def _extend(machine: _Machine) -> None:
    values = machine.since_mark()
    _list(machine).extend(values)


def _add(machine: _Machine) -> None:
    values, target = machine.since_mark(), machine.stack[-1]
    if type(target) is not set:
        raise ValueError("elements for something that is no set")
    check_keys(values)
    machine.budget.left -= len(values) * CONTAINER
    target.update(values)


def _set_one(machine: _Machine) -> None:
    values = machine.stack[-2:]
    if len(values) < 2:
        raise IndexError
    del machine.stack[-2:]
    _set_items(machine.stack[-1], values)


def _set_many(machine: _Machine) -> None:
    values = machine.since_mark()
    _set_items(machine.stack[-1], values)


def _global(machine: _Machine) -> None:
    module, name = machine.line(NAME_MOST), machine.line(NAME_MOST)
    machine.name(module.decode(), name.decode())


def _stack_global(machine: _Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if type(name) is not str or type(module) is not str or len(name) + len(module) > NAME_MOST:
        raise ValueError("a name that is no text")
    machine.name(module, name)


def _reduce(machine: _Machine) -> None:
    arguments, name = machine.stack.pop(), machine.stack[-1]
    if type(name) is not Name or type(arguments) is not tuple:
        raise ValueError("a call of something that is no name")
    if name.build is None:
        raise ForbiddenError(f"calls {name.text}")
    machine.budget.left -= 4 * CONTAINER
    machine.stack[-1] = name.build(machine.budget, arguments)


def _build(machine: _Machine) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if isinstance(target, Shell):
        if target.filled:
            raise ValueError(f"{target.title} that is filled twice")
        target.filled = True
        machine.stack[-1] = value = target.fill(machine.budget, state)
        for place in target.places:
            machine.memo[place] = value
    elif type(target) is not OrderedDict or type(state) is not dict:  # attributes of a dictionary are left out
        raise ForbiddenError("gives attributes to a value")


def _outside(machine: _Machine) -> None:
    identity = machine.stack.pop()
    if machine.outside is None:
        raise ForbiddenError("names something outside of it")
    machine.stack.append(machine.outside(identity))


_MAKES = "makes an object of another kind"
OPERATIONS: dict[bytes, Operation] = {
    b"\x80": _protocol,
    b"\x95": _frame,
    b"N": _constant(None),
    b"\x88": _constant(True),
    b"\x89": _constant(False),
    b")": _constant(()),
    b"I": _written(_integer_or_truth),
    b"J": _number("<i"),
    b"K": _number("<B"),
    b"M": _number("<H"),
    b"L": _written(_integer),
    b"\x8a": _counted("<B", _long),
    b"\x8b": _counted("<I", _long),
    b"F": _written(_float),
    b"G": _number(">d"),
    b"S": _written(_quoted),
    b"T": _counted("<I", _latin),
    b"U": _counted("<B", _latin),
    b"V": _written(_raw_unicode),
    b"\x8c": _counted("<B", bytes.decode),
    b"X": _counted("<I", bytes.decode),
    b"\x8d": _counted("<Q", bytes.decode),
    b"B": _counted("<I", bytes),
    b"C": _counted("<B", bytes),
    b"\x8e": _counted("<Q", bytes),
    b"\x96": _counted("<Q", bytearray),
    b"]": _empty(list, CONTAINER),
    b"}": _empty(dict, CONTAINER),
    b"\x8f": _empty(set, 4 * CONTAINER),
    b"l": _gathered(list),
    b"t": _gathered(tuple),
    b"d": _gathered(_pairs),
    b"\x91": _gathered(_frozen),
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    b"a": _append,
    b"e": _extend,
    b"s": _set_one,
    b"u": _set_many,
    b"\x90": _add,
    b"0": _pop,
    b"1": lambda machine: machine.since_mark().clear(),
    b"2": lambda machine: machine.stack.append(machine.stack[-1]),
    b"(": _mark,
    b"g": lambda machine: machine.get(_integer(machine.line(DIGITS_MOST))),
    b"h": _at("<B", _Machine.get),
    b"j": _at("<I", _Machine.get),
    b"p": lambda machine: machine.put(_integer(machine.line(DIGITS_MOST))),
    b"q": _at("<B", _Machine.put),
    b"r": _at("<I", _Machine.put),
    b"\x94": lambda machine: machine.put(len(machine.memo)),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"b": _build,
    b"Q": _outside,
    b"P": _forbidden("names something outside of it"),
    b"i": _forbidden(_MAKES),
    b"o": _forbidden(_MAKES),
    b"\x81": _forbidden(_MAKES),
    b"\x92": _forbidden(_MAKES),
    b"\x82": _forbidden("names a registered extension"),
    b"\x83": _forbidden("names a registered extension"),
    b"\x84": _forbidden("names a registered extension"),
    b"\x97": _forbidden("has arrays outside of it"),
    b"\x98": _forbidden("has arrays outside of it"),
}  # all of protocols 0 to 5 but the one that ends a pickle
