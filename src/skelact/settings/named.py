"""The recipes that come with skelact: found by name, from a checkout, a wheel or a zip file alike."""

import re
from dataclasses import dataclass
from importlib.resources import files

from skelact.errors import unknown

DEFAULT_RECIPE = "small"  # where no recipe is named: it suits a laptop

_FIELD = re.compile(r"^(?P<key>Command|Hardware|Expected|Not sure):\s*(?P<text>.*)$")


@dataclass(frozen=True)
class RecipeHeader:
    """What the comment at the top of a recipe says.

    Args:
        name: after ``-c``.
        about: one sentence.
        commands: what to type, a command each.
        hardware: what it was made for, and how long it takes there.
        expected: the numbers to expect, and where they are from.
        unsure: what of it may differ from the published settings; empty where nothing does.
    """

    name: str
    about: str
    commands: tuple[str, ...]
    hardware: str
    expected: str
    unsure: str = ""


def recipe_names() -> list[str]:
    """Names of all recipes, in the order of the alphabet."""
    found = (path.name for path in (files("skelact.settings") / "recipes").iterdir())
    return sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))


def recipe_text(name: str) -> str:
    """The TOML file of a recipe.

    Raises:
        UserError: no recipe has this name; the nearest is named.
    """
    names = recipe_names()
    if name not in names:
        raise unknown("recipe", name, names)
    return (files("skelact.settings") / "recipes" / f"{name}.toml").read_text(encoding="utf-8")


def recipe_header(name: str) -> RecipeHeader:
    """What a recipe says of itself.

    Raises:
        UserError: no recipe has this name.
    """
    comment = recipe_text(name).partition("\n[")[0]
    lines = [line.removeprefix("#").strip() for line in comment.splitlines() if line.startswith("#")]
    fields: dict[str, list[str]] = {"About": []}
    key = "About"
    for line in lines:
        if found := _FIELD.match(line):
            key, line = found["key"], found["text"]
        if line:
            fields.setdefault(key, []).append(line)
    joined = {key: " ".join(words) for key, words in fields.items()}
    return RecipeHeader(
        name,
        joined["About"],
        tuple(fields["Command"]),
        joined["Hardware"],
        joined["Expected"],
        joined.get("Not sure", ""),
    )
