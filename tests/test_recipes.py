"""Recipes can be read, say what they are for, and agree with what is told of them elsewhere."""

from dataclasses import replace
from pathlib import Path

import pytest

from skelact.config import Recipe, load_recipe
from skelact.demo import RECIPE

RECIPES = sorted((Path(__file__).resolve().parents[1] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_a_recipe_can_be_read_and_says_how_it_is_used(path: Path) -> None:
    assert load_recipe(path) != Recipe()
    header = path.read_text(encoding="utf-8").split("\n[")[0]
    assert f"-c recipes/{path.name}" in header, "the header names the command"
    for word in ("# Command:", "# Hardware:", "# Expected:"):
        assert word in header


def test_the_small_recipe_is_the_one_of_the_demo_but_for_its_length() -> None:
    small = load_recipe(next(path for path in RECIPES if path.name == "small.toml"))
    assert small == replace(
        RECIPE, data=replace(RECIPE.data, split=""), train=replace(RECIPE.train, epochs=small.train.epochs)
    )
