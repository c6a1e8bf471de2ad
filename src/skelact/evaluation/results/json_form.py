"""Typed values and their one JSON form: written from dataclasses, checked against their type hints when read."""

import dataclasses
import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from skelact.errors import FileError

Kind = TypeVar("Kind")

LARGEST = 2**63 - 1  # whole numbers that numpy and other languages can hold
DEEPEST = 20  # levels of plain values in plain values
AGAIN = "Measure the run again"


class Misfit(ValueError):
    """A value that is not what its type hint says.

    Args:
        where: its key, with dots.
        reason: what was expected and what was found.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.where, self.reason = where, reason
        super().__init__(f"{where or 'the whole'}: {reason}")


def to_json(value: Any) -> Any:
    """Plain values of a dataclass, as ``from_json`` takes them."""
    return dataclasses.asdict(value)


def dumps(value: Any) -> str:
    """The text of a dataclass's file."""
    return json.dumps(to_json(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(kind: type[Kind], value: Any, where: str = "") -> Kind:
    """A value of a type from plain values as JSON has them.

    Dataclasses must have all of their keys and no other; numbers must be finite; a whole number may stand for a
    fraction; ``object`` is anything plain. A ``ValueError`` of a dataclass's own check is given with its key.

    Args:
        kind: dataclass, ``dict[str, X]``, ``tuple[X, ...]``, ``tuple[X, Y]``, ``X | None``, ``object`` or a plain
            type.
        value: what the file has.
        where: its key, for messages.

    Raises:
        Misfit: a value of another type, a key that is missing or unknown, a number that is out of range.
    """
    converted: Kind = _converted(kind, value, where)
    return converted


def read_json(kind: type[Kind], path: Path, version: int) -> Kind:
    """A dataclass from its file.

    Args:
        kind: a dataclass with a field ``format``.
        path: the file.
        version: the format that is expected.

    Raises:
        FileError: no such file, not JSON, another format, or not what the dataclass says; it names the key.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError(path, f"not found. {AGAIN}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number of too many digits, too deep
        raise FileError(path, f"not JSON ({error}). {AGAIN}") from error
    found = values.get("format") if isinstance(values, dict) else None
    if isinstance(found, int) and found != version:
        shown = found if abs(found) <= LARGEST else "with too many digits"
        raise FileError(path, f"format {shown}, this version reads format {version}. {AGAIN}")
    try:
        return from_json(kind, values)
    except Misfit as error:
        raise FileError(path, f"{error}. {AGAIN}") from error


def _converted(kind: Any, value: Any, where: str) -> Any:
    if kind is object:
        return _plain(value, where, DEEPEST)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        if value is None:
            return None
        return _converted(next(one for one in arguments if one is not NoneType), value, where)
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, where)
    if origin is dict:
        items = _as(dict, value, where, "an object").items()
        return {key: _converted(arguments[1], one, _below(where, key)) for key, one in items}
    if origin is tuple:
        return _tuple(arguments, _as(list, value, where, "a list"), where)
    return _scalar(kind, value, where)


def _record(kind: Any, value: Any, where: str) -> Any:
    values = _as(dict, value, where, "an object")
    hints = _hints(kind)
    for key in values:
        if key not in hints:
            raise Misfit(_below(where, key), "unknown key")
    for key in hints:
        if key not in values:
            raise Misfit(_below(where, key), "missing")
    arguments = {key: _converted(hint, values[key], _below(where, key)) for key, hint in hints.items()}
    try:
        return kind(**arguments)
    except Misfit as error:
        raise Misfit(_below(where, error.where), error.reason) from error
    except ValueError as error:
        raise Misfit(where, str(error)) from error


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in dataclasses.fields(kind)}


def _tuple(kinds: tuple[Any, ...], values: list[Any], where: str) -> tuple[Any, ...]:
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(values)
    if len(kinds) != len(values):
        raise Misfit(where, f"expected {len(kinds)} values, got {len(values)}")
    pairs = zip(kinds, values, strict=True)
    return tuple(_converted(kind, one, f"{where}[{k}]") for k, (kind, one) in enumerate(pairs))


def _scalar(kind: type, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _number(value, where) * 1.0
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        raise Misfit(where, f"expected {names[kind]}, got {_shown(value)}")
    return _number(value, where) if isinstance(value, int | float) else value


def _plain(value: Any, where: str, levels: int) -> Any:
    """Anything that JSON has, not too deep, its numbers finite."""
    if not levels:
        raise Misfit(where, f"more than {DEEPEST} levels deep")
    if isinstance(value, dict):
        return {key: _plain(one, _below(where, key), levels - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, f"{where}[{k}]", levels - 1) for k, one in enumerate(value)]
    return _number(value, where) if isinstance(value, int | float) else value


def _number(value: Any, where: str) -> Any:
    if isinstance(value, int) and abs(value) > LARGEST:
        raise Misfit(where, "a number of too many digits")
    if not math.isfinite(value):
        raise Misfit(where, f"expected a finite number, got {value}")
    return value


def _as(kind: type[Kind], value: Any, where: str, name: str) -> Kind:
    if not isinstance(value, kind):
        raise Misfit(where, f"expected {name}, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    """A value in a message, by its kind where it is long."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a number of too many digits"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _below(where: str, key: str) -> str:
    short = key if len(key) <= 80 else f"{key[:80]}…"
    return f"{where}.{short}" if where else short
