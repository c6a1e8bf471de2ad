"""What stands for the names in a pickle of plain values: numpy's arrays and the kinds of Python that are calls."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.readers.opcodes import CONTAINER, Budget, Build, Name, Shell
from skelact.readers.plain import check_keys, count_elements, plain_dtype

OBJECTS = ("O", "O4", "O8", "|O", "|O8")
FLAGS = {"U": (8, 0), "O": (63,)}  # numpy's flags of these types; 0 for all others
CHARACTER_MOST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)  # halves of characters


class _Type(Shell):
    """A type of numbers; its byte order comes later."""

    __slots__ = ("dtype",)
    title = "a type of numbers"

    def __init__(self, text: str) -> None:
        super().__init__()
        self.dtype = np.dtype(object) if text in OBJECTS else plain_dtype(text)

    def fill(self, budget: Budget, state: Any) -> np.dtype[Any]:  # noqa: ARG002
        """With its byte order."""
        if type(state) is not tuple or len(state) != 8 or state[0] != 3 or state[2:5] != (None, None, None):
            raise ValueError("a type of numbers that is a table or holds arrays")
        order, size, alignment, flags = state[1], *state[5:]
        kind = self.dtype.kind
        usual = (self.dtype.itemsize, 4 if kind == "U" else 1) if kind in "SU" else (-1, -1)
        if order not in ("<", ">", "|", "=") or flags not in FLAGS.get(kind, (0,)) or (size, alignment) != usual:
            raise ValueError(f"a type {self.dtype} that is not as numpy has it")
        return np.dtype(self.dtype.newbyteorder(order).str)


class _Array(Shell):
    """An array; all of it comes later."""

    __slots__ = ()
    title = "an array"

    def fill(self, budget: Budget, state: Any) -> NDArray[Any]:
        """With its numbers."""
        if type(state) is not tuple or len(state) != 5 or state[0] != 1:
            raise ValueError("an array without numbers")
        _, shape, dtype, fortran, content = state
        return make_array(budget, content, dtype, shape, "F" if fortran is True or fortran == 1 else "C")


def make_array(budget: Budget, content: Any, dtype: Any, shape: Any, order: str) -> NDArray[Any]:
    """An array of its own memory.

    Args:
        budget: what memory may be taken.
        content: bytes, a text of them (Python 2), or a list of values for an array of objects.
        dtype: of the elements.
        shape: of the array.
        order: "C", or "F": the first axis is the fastest.

    Raises:
        ValueError: these do not fit together.
    """
    count = count_elements(shape)
    if not isinstance(dtype, np.dtype):
        raise ValueError("an array without a type")
    if dtype.kind == "O":
        return _objects(budget, content, count).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]
    if type(content) is str:
        budget.spend(len(content))
        content = content.encode("latin1")
    if dtype.itemsize == 0 and count > 1:
        raise ValueError("an array of texts without characters")
    if type(content) not in (bytes, bytearray) or len(content) != count * dtype.itemsize:
        raise ValueError(f"an array {shape} of {dtype} whose bytes are not as many")
    budget.spend(len(content))
    array = np.frombuffer(content, dtype) if content else np.zeros(count, dtype)
    _check_elements(array)
    return array.reshape(shape, order=order).copy(order="K")  # type: ignore[call-overload, no-any-return]


def _objects(budget: Budget, content: Any, count: int) -> NDArray[Any]:
    if type(content) is not list or len(content) != count:
        raise ValueError("an array of objects whose values are not as many")
    budget.spend(8 * count)
    array = np.empty(count, dtype=object)
    for place, value in enumerate(content):
        array[place] = value
    return array


def _check_elements(array: NDArray[Any]) -> None:
    """Bits that no truth value and no character has would be undefined behaviour further on."""
    if array.dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise ValueError("truth values that are neither true nor false")
    if array.dtype.kind == "U":
        codes = array.view(np.dtype("u4").newbyteorder(array.dtype.byteorder))
        halves = (codes >= SURROGATES[0]) & (codes <= SURROGATES[1])
        if codes.max(initial=0) > CHARACTER_MOST or halves.any():
            raise ValueError("texts with characters that cannot be")


def _exactly(count: int, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(arguments) != count:
        raise ValueError(f"a call with {len(arguments)} values, expected {count}")
    return arguments


def _type(_budget: Budget, arguments: tuple[Any, ...]) -> _Type:
    if not 1 <= len(arguments) <= 3 or type(arguments[0]) is not str:
        raise ValueError("a type of numbers that is not named by its letters")
    return _Type(arguments[0])


def _empty_array(_budget: Budget, arguments: tuple[Any, ...]) -> _Array:
    kind, shape, code = _exactly(3, arguments)
    if type(kind) is not Name or kind.text != "numpy.ndarray" or shape != (0,) or code not in (b"b", "b"):
        raise ValueError("an array of another kind than numpy's own")
    return _Array()


def _from_buffer(budget: Budget, arguments: tuple[Any, ...]) -> NDArray[Any]:
    content, dtype, shape, order, axes = _exactly(5, (*arguments, None)[:5])
    if order not in ("C", "F", "K") or not isinstance(dtype, np.dtype) or dtype.kind == "O":
        raise ValueError("an array in an order that is not known")
    array = make_array(budget, content, dtype, shape, "F" if order == "F" else "C")
    if order != "K" or axes is None:
        return array
    if type(axes) is not tuple or not all(type(axis) is int for axis in axes):
        raise ValueError("an array with axes in an order that is not known")
    return array.transpose(axes)


def _scalar(budget: Budget, arguments: tuple[Any, ...]) -> Any:
    dtype, content = _exactly(2, arguments)
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        raise ValueError("a number that is an object")
    return make_array(budget, content, dtype, (1,), "C")[0]


def _encoded(budget: Budget, arguments: tuple[Any, ...]) -> bytes:
    text, encoding = _exactly(2, arguments)
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in another encoding than latin1")
    budget.spend(len(text))
    return text.encode("latin1")


def _bytes(make: Callable[[bytes], Any]) -> Build:
    """Older pickles have empty bytes as a call; with a size one could fill the memory."""

    def build(budget: Budget, arguments: tuple[Any, ...]) -> Any:
        if not arguments:
            return make(b"")
        if len(arguments) == 2:
            return make(_encoded(budget, arguments))
        if len(arguments) != 1 or type(arguments[0]) is not bytes:
            raise ValueError("bytes of a number")
        budget.spend(len(arguments[0]))
        return make(arguments[0])

    return build


def _container(make: Callable[[Any], Any], hashed: bool) -> Build:
    def build(budget: Budget, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) > 1 or not all(type(one) in (list, tuple) for one in arguments):
            raise ValueError("a container of something that is no list")
        values = arguments[0] if arguments else ()
        budget.spend((1 + len(values)) * CONTAINER)
        if hashed:
            check_keys(values)
        return make(values)

    return build


def _dictionary(make: Callable[[Any], Any]) -> Build:
    def build(budget: Budget, arguments: tuple[Any, ...]) -> Any:
        if len(arguments) > 1 or not all(type(one) in (list, tuple) for one in arguments):
            raise ValueError("a dictionary of something that is no list")
        pairs = arguments[0] if arguments else ()
        budget.spend((2 + 2 * len(pairs)) * CONTAINER)
        if not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
            raise ValueError("a dictionary of something that is no pair")
        check_keys(pair[0] for pair in pairs)
        return make(pairs)

    return build


def _complex(_budget: Budget, arguments: tuple[Any, ...]) -> complex:
    if len(arguments) != 2 or not all(type(one) is float for one in arguments):
        raise ValueError("a complex number without two numbers")
    return complex(*arguments)


_PYTHON: dict[str, Build] = {
    "bytes": _bytes(bytes),
    "bytearray": _bytes(bytearray),
    "complex": _complex,
    "list": _container(list, hashed=False),
    "tuple": _container(tuple, hashed=False),
    "set": _container(set, hashed=True),
    "frozenset": _container(frozenset, hashed=True),
    "dict": _dictionary(dict),
}
NAMES: dict[str, Build | None] = {
    "numpy.ndarray": None,
    "numpy.dtype": _type,
    "numpy.core.multiarray._reconstruct": _empty_array,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "_codecs.encode": _encoded,
    "collections.OrderedDict": _dictionary(OrderedDict),
    **{f"{module}.{name}": build for module in ("builtins", "__builtin__") for name, build in _PYTHON.items()},
}
