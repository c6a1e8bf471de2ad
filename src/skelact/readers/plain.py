"""Plain values: what a file from elsewhere may be made of, and how much of it.

Texts, bytes, numbers, None, lists, tuples, dictionaries, sets, and numpy arrays of numbers and texts.
"""

import re
from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

NUMBERS = re.compile(
    r"[<>=|]?(b1|[iu][1248]|f[248]|c8|c16|[SU](0|[1-9][0-9]{0,4}))"
)  # texts of up to 99,999 characters
DIMENSIONS = 32
EMPTY_MOST = 2**31  # the other axes of an array without elements
HASHED_MOST = 2**61 - 1  # Python counts hashes of numbers modulo this: larger keys could be made to collide
LEAVES = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
NAMED = frozenset({str, bytes, bool, float, type(None)})  # keys that need no closer look
CONTAINERS = frozenset({list, tuple, dict, OrderedDict, set, frozenset})


class Leaf:
    """Base of values of our own that hold no other values, such as a tensor in a checkpoint."""


def plain_dtype(text: str) -> np.dtype[Any]:
    """The type of numbers or texts that numpy calls so.

    Raises:
        ValueError: anything else: objects, dates, tables.
    """
    if not NUMBERS.fullmatch(text):
        raise ValueError(f"numbers of type {text[:30]!r}")
    return np.dtype(text)


def count_elements(shape: object) -> int:
    """How many elements an array of this shape has.

    Raises:
        ValueError: not a tuple of whole numbers, or more axes than numpy has.
    """
    if type(shape) is not tuple or len(shape) > DIMENSIONS:
        raise ValueError("an array whose shape is not a tuple of sizes")
    count, others = 1, 1
    for size in shape:
        if type(size) is not int or size < 0:
            raise ValueError("an array whose shape is not a tuple of sizes")
        count *= size
        others *= size or 1
    if count == 0 and others > EMPTY_MOST:
        raise ValueError("an array without elements whose shape is too large")
    return count


def check_keys(keys: Iterable[Any]) -> None:
    """Check that keys of dictionaries and elements of sets are texts or numbers, so that comparing them is cheap.

    Raises:
        ValueError: another key, or a whole number that is too large.
    """
    for key in keys:
        kind = type(key)
        if kind in NAMED or (kind is int and -HASHED_MOST < key < HASHED_MOST):
            continue
        if not isinstance(key, np.generic) or key.dtype.kind not in "biufSU":
            raise ValueError("a key that is neither a text nor a number of usual size")


def check_plain(root: Any, depth: int, most: int) -> None:
    """Check that all in a value is plain.

    A list that is held in two places counts twice, as a walk through the value meets it twice.

    Args:
        root: the value.
        depth: how deep containers may lie in containers.
        most: values that it may hold.

    Raises:
        ValueError: something else is in it, too much, too deep, or a container in itself.
    """
    counted: dict[int, tuple[int, int]] = {}  # values in a container and its height, by identity
    open_ones: dict[int, list[Any]] = {}  # from the root to the one that is looked at, and what they hold
    waiting = _containers_among((root,))
    while waiting:
        one = waiting[-1]
        if id(one) in counted:
            waiting.pop()
        elif id(one) in open_ones:
            parts = [counted[id(other)] for other in open_ones.pop(id(one))]
            count = len(_elements(one)) + sum(part[0] for part in parts)
            height = 1 + max((part[1] for part in parts), default=0)
            if count > most or len(open_ones) + height > depth:
                raise ValueError(f"lists in lists: more than {most:,} values, or deeper than {depth}")
            counted[id(waiting.pop())] = (count, height)
        else:
            inner = _containers_among(_elements(one))
            open_ones[id(one)] = inner
            if len(open_ones) > depth or any(id(other) in open_ones for other in inner):
                raise ValueError(f"lists in lists: one that holds itself, or deeper than {depth}")
            waiting.extend(other for other in inner if id(other) not in counted)


def _elements(container: Any) -> Collection[Any]:
    if isinstance(container, dict):
        return container.values()
    if isinstance(container, np.ndarray):
        return list(container.flat)
    return container  # type: ignore[no-any-return]


def _containers_among(values: Collection[Any]) -> list[Any]:
    """Those that hold other values; all others are plain, or a ``ValueError`` names one that is not."""
    if LEAVES.issuperset(map(type, values)):
        return []
    found = []
    for value in values:
        kind = type(value)
        if kind in LEAVES:
            continue
        if kind in CONTAINERS or (kind is np.ndarray and value.dtype.kind == "O"):
            found.append(value)
        elif kind is not np.ndarray and not isinstance(value, np.generic | np.dtype | Leaf):
            raise ValueError(f"{value} where a value is expected")
    return found
