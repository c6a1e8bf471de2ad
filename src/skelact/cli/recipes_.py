"""``skelact recipes``: the recipes that come with skelact, and what each of their settings is."""

import dataclasses
import json
from textwrap import fill
from typing import Annotated

from cyclopts import Parameter

from skelact.cli.plugins import PluginFiles, load_plugins
from skelact.settings import (
    DEFAULT_RECIPE,
    RecipeHeader,
    explain,
    explained_toml,
    load_recipe,
    recipe_header,
    recipe_names,
)

WIDTH = 110  # of the comment at the top


def run(
    name: str = "",
    *,
    plugin: PluginFiles = (),
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> None:
    """List the recipes, or explain every setting of one.

    The explanation is itself a recipe that you can change and give to pretrain:
    skelact recipes small >mine.toml, then -c mine.toml.

    Args:
        name: a recipe, or a TOML file of your own; default: list all.
        plugin: Python file of your own that adds encoders, methods, readers or skeletons; can be repeated.
        as_json: print JSON.
    """
    load_plugins(plugin)
    if name:
        _show(name, as_json)
    elif as_json:
        print(json.dumps([dataclasses.asdict(recipe_header(one)) for one in recipe_names()], indent=1))
    else:
        for one in recipe_names():
            header = recipe_header(one)
            print(f"{one}{' (when none is named)' if one == DEFAULT_RECIPE else ''}\n  {header.about}")
            print(f"  hardware: {header.hardware}\n  expected: {header.expected}")
        print("\nskelact recipes NAME explains the settings of one, pretrain STORE -c NAME -o RUN uses it.")


def _show(name: str, as_json: bool) -> None:
    """One recipe: what it is for and all its settings."""
    recipe = load_recipe(name)
    header = recipe_header(name) if name in recipe_names() else None
    if as_json:
        groups = [
            {
                "name": group.name,
                "about": group.about,
                "settings": [dataclasses.asdict(one) | {"changed": one.changed} for one in group.settings],
            }
            for group in explain(recipe)
        ]
        print(json.dumps({"header": header and dataclasses.asdict(header), "groups": groups}, indent=1))
        return
    if header is not None:
        print("\n".join(_comment(header)), end="\n\n")
    print(explained_toml(recipe), end="")


def _comment(header: RecipeHeader) -> list[str]:
    """The header as a comment of a TOML file."""
    commands = [f"# {'Command:' if not number else '':9} {one}" for number, one in enumerate(header.commands)]
    lines = [f"# {header.about}", "#", *commands]
    for key, text in (("Hardware", header.hardware), ("Expected", header.expected), ("Not sure", header.unsure)):
        if text:
            lines += fill(text, WIDTH, initial_indent=f"# {key}: ", subsequent_indent="#" + 11 * " ").splitlines()
    return lines
