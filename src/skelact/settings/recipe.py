"""Recipe: all settings of a run, from TOML files and ``key=value`` words."""

import dataclasses
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skelact.errors import UserError, unknown
from skelact.settings.data import DataSettings, ViewSettings
from skelact.settings.encoders import EncoderSettings, SCDNetEncoderSettings
from skelact.settings.methods import MethodSettings, SCDNetSettings
from skelact.settings.named import recipe_names, recipe_text
from skelact.settings.protocols import ProtocolSettings
from skelact.settings.schema import choices, from_dict, shown, to_dict, to_table
from skelact.settings.training import TrainSettings


@dataclass(frozen=True)
class Recipe:
    """All settings of a run. A TOML file has one table per group, and one for each protocol.

    The first five decide what is trained, and a model keeps them. Those of the protocols are how it is measured:
    a run remembers them, a model does not.
    """

    data: DataSettings = field(default_factory=DataSettings)
    views: ViewSettings = field(default_factory=ViewSettings)
    encoder: EncoderSettings = field(default_factory=SCDNetEncoderSettings)
    method: MethodSettings = field(default_factory=SCDNetSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    protocols: ProtocolSettings = field(default_factory=ProtocolSettings)


PROTOCOL_TABLES = tuple(one.name for one in dataclasses.fields(ProtocolSettings))
TRAINING_TABLES = tuple(one.name for one in dataclasses.fields(Recipe) if one.name != "protocols")
_BASES: Mapping[str, type] = {"encoder": EncoderSettings, "method": MethodSettings}


def load_recipe(
    recipe: str | Path | None = None, overrides: tuple[str, ...] = (), base: Recipe | None = None
) -> Recipe:
    """The defaults, overridden by a recipe, overridden by ``key=value`` words.

    Args:
        recipe: the name of a recipe that comes with skelact, such as "small", or a TOML file: what ends in
            ``.toml`` or has a folder in front. Only the defaults when None.
        overrides: words such as ``method.temperature=0.1``; values as in TOML, bare words are text. A word that
            chooses another encoder or method, such as ``method.name=moco``, drops the settings of the one before.
        base: settings that replace the defaults, such as those of a run that is continued.

    Raises:
        UserError: no such name or file, not TOML, an unknown key (the nearest is named), a value of another type
            or out of its range.
    """
    values = {} if base is None else recipe_to_dict(base)
    if recipe is not None:
        try:
            read = tomllib.loads(_read(recipe))
        except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number of too many digits, too deep
            raise UserError(f"recipe {recipe} is not TOML: {error}") from error
        recipe_from_dict(read, where=f"recipe {recipe}")
        for table, group in read.items():
            _merge(values, table, group)
    for word in overrides:
        _set(values, word)
    return recipe_from_dict(values, where="settings")


def _read(recipe: str | Path) -> str:
    """The text of a recipe by its name or its file."""
    path = Path(recipe)
    if isinstance(recipe, str) and path.suffix != ".toml" and path.name == recipe:
        return recipe_text(recipe)
    if not path.is_file():
        own = f". skelact's own is taken by its name: -c {path.stem}" if path.stem in recipe_names() else ""
        raise UserError(f"recipe {path} not found{own}")
    return path.read_text(encoding="utf-8")


def override(recipe: Recipe, words: tuple[str, ...]) -> Recipe:
    """A recipe with some of its settings replaced by ``key=value`` words, as in ``load_recipe``.

    Raises:
        UserError: an unknown key, a value of another type or out of its range.
    """
    values = recipe_to_dict(recipe)
    for word in words:
        _set(values, word)
    return recipe_from_dict(values, where="settings")


def recipe_from_dict(values: Mapping[str, Any], where: str) -> Recipe:
    """A recipe from nested plain values, a table for each group and protocol.

    Raises:
        UserError: an unknown key, a value of the wrong type or out of its range; ``where`` says in which file.
    """
    for table in values:
        if table not in (*TRAINING_TABLES, *PROTOCOL_TABLES):
            raise UserError(f"{where}: {unknown('setting', table, (*TRAINING_TABLES, *PROTOCOL_TABLES))}")
    training = {table: group for table, group in values.items() if table in TRAINING_TABLES}
    protocols = {table: group for table, group in values.items() if table in PROTOCOL_TABLES}
    recipe = from_dict(Recipe, training, where)
    return dataclasses.replace(recipe, protocols=from_dict(ProtocolSettings, protocols, where))


def recipe_of_model(values: Mapping[str, Any], where: str) -> Recipe:
    """The settings in a model, which may be older or newer than this version.

    Strict about the encoder, which decides what the weights mean. Of everything else, what this version does not
    know is left out, so that a renamed setting, or a method that is not loaded, keeps nobody from using a model.

    Raises:
        UserError: an encoder that this version cannot build.
    """
    groups = {table: _known(values, table) for table in ("data", "views", "train")}
    method = values.get("method")
    name = method.get("name") if isinstance(method, Mapping) else None
    own = choices(MethodSettings).get(name) if isinstance(name, str) else None
    found = from_dict(Recipe, groups | {"encoder": values.get("encoder", {})}, where)
    unknown_method = MethodSettings(name=str(name))
    return dataclasses.replace(found, method=_lenient(own, method) if own and method else unknown_method)


def _known(values: Mapping[str, Any], table: str) -> dict[str, Any]:
    """What this version knows of a group of settings."""
    kind = {"data": DataSettings, "views": ViewSettings, "train": TrainSettings}[table]
    group = values.get(table)
    return to_dict(_lenient(kind, group if isinstance(group, Mapping) else {}))


def _lenient(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """A group of settings from those values that it allows."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        with suppress(UserError):
            from_dict(kind, kept | {key: value}, where="")
            kept[key] = value
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()})


def recipe_to_dict(recipe: Recipe, protocols: bool = True) -> dict[str, Any]:
    """Nested plain values, as ``recipe_from_dict`` takes them; without those of the protocols where not wanted."""
    values = to_dict(recipe)
    measuring = values.pop("protocols")
    return values | measuring if protocols else values


def to_toml(recipe: Recipe) -> str:
    """The recipe as a TOML file that ``load_recipe`` reads back to the same settings."""
    return "\n".join(to_table(name, values) for name, values in recipe_to_dict(recipe).items())


def _set(values: dict[str, Any], word: str) -> None:
    """Put one ``key=value`` word into nested values."""
    key, equals, text = word.partition("=")
    if not equals:
        raise UserError(f"--set {word}: expected key=value, such as method.temperature=0.1")
    *tables, last = key.strip().split(".")
    group: dict[str, Any] = {last: _value(word, text)}
    for table in reversed(tables[1:]):
        group = {table: group}
    if not tables:
        values |= group
    elif not isinstance(values.get(tables[0], {}), dict):
        raise UserError(f"--set {word}: {tables[0]} is not a group of settings")
    else:
        _merge(values, tables[0], group)


def _value(word: str, text: str) -> Any:
    """A value as in TOML; what is none is text."""
    try:
        parsed = tomllib.loads(f"x = {text}")
    except tomllib.TOMLDecodeError:
        return text
    except (ValueError, RecursionError) as error:
        raise UserError(f"--set {shown(word)}: {error}") from error
    return parsed["x"] if len(parsed) == 1 else text  # text of several lines may look like several settings


def _merge(values: dict[str, Any], table: str, group: Mapping[str, Any]) -> None:
    """Put settings of a group over those that are there; another choice drops those of the one before."""
    before = values.setdefault(table, {})
    if table in _BASES and "name" in group:
        first = next(iter(choices(_BASES[table])))
        if before.get("name", first) != group["name"]:
            before.clear()
    before |= group
