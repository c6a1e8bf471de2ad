"""What a group of settings is: a frozen dataclass of plain values, each with a default, a range and a sentence.

Read from nested plain values as TOML has them; every key, type and range is checked.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from skelact.errors import UserError, unknown

Settings = TypeVar("Settings")

LARGEST_WHOLE = 2**63 - 1  # what TOML, numpy and torch can hold


def setting(
    default: Any,
    about: str,
    *,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of a group of settings.

    Args:
        default: a plain value, or a tuple of them.
        about: what it is, for ``skelact recipes NAME``.
        low: the smallest value that is allowed; of every item where the value is a list.
        above: every value must be larger.
        high: the largest value that is allowed.
        below: every value must be smaller.
    """
    bounds = {"low": low, "above": above, "high": high, "below": below}
    limits = {name: bound for name, bound in bounds.items() if bound is not None}
    given = {} if default is dataclasses.MISSING else {"default": default}
    return dataclasses.field(**given, metadata={"about": about, "limits": limits})


def required(about: str, **limits: float) -> Any:
    """A field that has to be given; ``missing`` says which ones are not. Limits as in ``setting``."""
    return setting(dataclasses.MISSING, about, **limits)


def missing(kind: type, values: Mapping[str, Any]) -> list[str]:
    """Names of the fields that have to be given and are not among ``values``."""
    fields = dataclasses.fields(kind)
    needed = [one.name for one in fields if one.default is one.default_factory is dataclasses.MISSING]
    return [name for name in needed if name not in values]


# A group that is one of several, by its `name`: base class -> name -> dataclass. `add_choice` fills it.
_CHOICES: dict[type, dict[str, type]] = {}


def choices(base: type) -> Mapping[str, type]:
    """Name -> dataclass of the groups that can replace ``base``."""
    return _CHOICES.get(base, {})


def add_choice(base: type, kind: type) -> None:
    """Let ``kind``, whose field ``name`` has its name as default, replace ``base``."""
    _CHOICES.setdefault(base, {})[kind.name] = kind  # type: ignore[attr-defined]


def from_dict(kind: type[Settings], values: Mapping[str, Any], where: str, prefix: str = "") -> Settings:
    """A group of settings from nested plain values.

    Raises:
        UserError: an unknown key, a value of the wrong type or out of its range; ``where`` says in which file.
    """
    kind = _chosen(kind, values, where, prefix)
    hints = get_type_hints(kind)
    limits = {one.name: one.metadata.get("limits", {}) for one in dataclasses.fields(kind)}  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in limits:
            raise UserError(f"{where}: {unknown('setting', prefix + key, [prefix + name for name in limits])}")
        arguments[key] = _typed(hints[key], value, where, prefix + key)
        check_range(limits[key], arguments[key], where, prefix + key)
    return kind(**arguments)


def _chosen(kind: type[Settings], values: Mapping[str, Any], where: str, prefix: str) -> type[Settings]:
    """The dataclass that ``name`` chooses, where there is a choice."""
    table = choices(kind)
    if not table:
        return kind
    name = values.get("name", next(iter(table)))
    if not isinstance(name, str) or name not in table:
        mistake = unknown(prefix.rstrip("."), name if isinstance(name, str) else shown(name), table)
        raise UserError(f"{where}: {mistake}. One of your own is loaded by --plugin FILE")
    return table[name]


def check_range(limits: Mapping[str, float], value: Any, where: str, key: str) -> None:
    """Raise a ``UserError`` where a number, or one in a list, is not finite or out of its range."""
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if isinstance(number, float) and not math.isfinite(number):
            raise UserError(f"{where}: {key} must be a finite number, got {number}")
        fits = {
            "low": number >= limits.get("low", -LARGEST_WHOLE),
            "above": number > limits.get("above", -math.inf),
            "high": number <= limits.get("high", LARGEST_WHOLE if isinstance(number, int) else math.inf),
            "below": number < limits.get("below", math.inf),
        }
        if not all(fits.values()):
            raise UserError(f"{where}: {key} must be {range_in_words(limits)}, got {shown(number)}")


def range_in_words(limits: Mapping[str, float]) -> str:
    """What a setting's range is, for messages.

    Example:
        >>> range_in_words({"above": 0, "high": 1})
        'above 0 and at most 1'
        >>> range_in_words({"low": 0, "high": 1})
        'between 0 and 1'
    """
    if set(limits) == {"low", "high"}:
        return f"between {limits['low']} and {limits['high']}"
    words = {"low": "at least", "above": "above", "high": "at most", "below": "below"}
    return " and ".join(f"{words[name]} {bound}" for name, bound in limits.items()) or "a finite number"


def shown(value: Any, most: int = 60) -> str:
    """A value in an error message: one line, not too long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python refuses to print integers of too many digits
        return f"{'a number' if isinstance(value, int) else type(value).__name__} that is too large to show"
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def to_dict(settings: Any) -> dict[str, Any]:
    """Nested plain values of a group of settings."""
    return {one.name: plain(getattr(settings, one.name)) for one in dataclasses.fields(settings)}


def to_table(name: str, values: Mapping[str, Any]) -> str:
    """One TOML table."""
    return "\n".join([f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in values.items()), ""])


def plain(value: Any) -> Any:
    """A value as TOML and JSON have it: lists for tuples, tables for groups."""
    if dataclasses.is_dataclass(value):
        return to_dict(value)
    return list(value) if isinstance(value, tuple) else value


def _typed(hint: Any, value: Any, where: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise UserError(f"{where}: {key} is a group of settings, got {shown(value)}")
        return from_dict(hint, value, where, prefix=f"{key}.")  # type: ignore[arg-type]
    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint):
            text = value if isinstance(value, str) else shown(value)
            raise UserError(f"{where}: {unknown(key, text, map(str, get_args(hint)))}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(get_args(hint)[0], item, where, key) for item in value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_WHOLE:
        return float(value)
    if origin is tuple or not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        expected = "a list" if origin is tuple else getattr(hint, "__name__", str(hint))
        raise UserError(f"{where}: {key} must be {expected}, got {shown(value)}")
    if isinstance(value, str) and not _can_be_kept(value):
        raise UserError(f"{where}: {key} must be text without NUL, in UTF-8, got {shown(value)}")
    return value


def _can_be_kept(text: str) -> bool:
    """Whether text can be written to a file and be the name of one."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def toml_value(value: Any) -> str:
    """A plain value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # TOML's escapes are JSON's, but for the one control sign that JSON lets through
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return repr(value)
