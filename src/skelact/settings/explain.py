"""What each setting of a recipe is: its value, its sentence, its range, its default."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from skelact.settings.recipe import Recipe
from skelact.settings.schema import plain, range_in_words, toml_value


@dataclass(frozen=True)
class ExplainedSetting:
    """A setting of a recipe.

    Args:
        key: its name in its group.
        value: in this recipe, as TOML and JSON have it.
        default: likewise.
        about: what it is.
        range: what it may be, in words.
    """

    key: str
    value: Any
    default: Any
    about: str
    range: str

    @property
    def changed(self) -> bool:
        """Whether the recipe differs from the default."""
        return bool(self.value != self.default)


@dataclass(frozen=True)
class ExplainedGroup:
    """A group of settings, that is a table of the TOML file."""

    name: str
    about: str
    settings: tuple[ExplainedSetting, ...]


def explain(recipe: Recipe) -> list[ExplainedGroup]:
    """All settings of a recipe, group by group, in the order of the TOML file.

    The defaults of a group that is one of several, such as ``encoder``, are those of the kind that is chosen.
    """
    groups = {one.name: getattr(recipe, one.name) for one in dataclasses.fields(recipe)}
    measuring = groups.pop("protocols")
    groups |= {one.name: getattr(measuring, one.name) for one in dataclasses.fields(measuring)}
    return [_explained(name, group) for name, group in groups.items()]


def explained_toml(recipe: Recipe) -> str:
    """The recipe as a TOML file with a comment at every setting; what differs from the default says so."""
    tables = []
    for group in explain(recipe):
        lines = [f"# {group.about}", f"[{group.name}]"]
        assigned = [f"{one.key} = {toml_value(one.value)}" for one in group.settings]
        width = max((len(line) for line in assigned), default=0)
        for one, line in zip(group.settings, assigned, strict=True):
            default = f"; default {toml_value(one.default)}" if one.changed else ""
            kinds = f"; {one.range}" if one.range else ""
            lines.append(f"{line:{width}}  # {one.about}{kinds}{default}")
        tables.append("\n".join(lines) + "\n")
    return "\n".join(tables)


def _explained(name: str, group: Any) -> ExplainedGroup:
    hints, default = get_type_hints(type(group)), type(group)()
    return ExplainedGroup(
        name,
        (type(group).__doc__ or "").partition("\n")[0],
        tuple(
            ExplainedSetting(
                one.name,
                plain(getattr(group, one.name)),
                plain(getattr(default, one.name)),
                one.metadata.get("about", ""),
                _range(hints[one.name], one.metadata.get("limits", {})),
            )
            for one in dataclasses.fields(group)
        ),
    )


def _range(hint: Any, limits: dict[str, float]) -> str:
    """What a setting may be, in words; empty where anything of its type goes."""
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    words = range_in_words(limits) if limits else ""
    return f"each {words}" if words and get_origin(hint) is tuple else words
