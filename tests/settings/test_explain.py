"""What is said of each setting: its value, range and default, and that it is a recipe again."""

import dataclasses
from pathlib import Path

import pytest

from skelact.settings import ExplainedSetting, Recipe, explain, explained_toml, load_recipe, recipe_names


def one(recipe: Recipe, key: str) -> ExplainedSetting:
    group, _, name = key.partition(".")
    return next(s for g in explain(recipe) if g.name == group for s in g.settings if s.key == name)


@pytest.mark.parametrize("name", recipe_names())
def test_what_is_explained_is_the_same_recipe_again(name: str, tmp_path: Path) -> None:
    path = tmp_path / "again.toml"
    path.write_text(explained_toml(load_recipe(name)), encoding="utf-8")
    assert load_recipe(path) == load_recipe(name)


@pytest.mark.parametrize("name", recipe_names())
def test_every_setting_of_every_group_has_a_sentence(name: str) -> None:
    groups = explain(load_recipe(name))
    assert [group.name for group in groups][:5] == ["data", "views", "encoder", "method", "train"]
    assert [group.name for group in groups][5:] == ["linear", "knn", "finetune", "semi", "few_shot", "robust"]
    for group in groups:
        assert group.about.endswith(".") or "Source" in group.about
        assert all(setting.about for setting in group.settings), group.name


def test_no_default_is_marked_as_changed() -> None:
    assert not [s.key for group in explain(Recipe()) for s in group.settings if s.changed]


def test_range_and_default_of_a_setting() -> None:
    recipe = load_recipe("moco")
    batch = one(recipe, "train.batch")
    assert (batch.value, batch.default, batch.changed) == (128, 64, True)
    assert batch.range == "at least 2"
    assert one(recipe, "data.stream").range == "one of joint, bone, motion"
    assert one(recipe, "encoder.widths").range == "each between 1 and 1000000"
    assert one(recipe, "views.mirror").range == ""
    assert one(recipe, "method.queue").default == 32768, "the default of moco, not of the first method"
    assert one(recipe, "method.queue").about == "keys in the queue"


def test_a_line_of_the_toml_says_all_of_it() -> None:
    lines = explained_toml(dataclasses.replace(load_recipe("small"))).splitlines()
    frames = next(line for line in lines if line.startswith("frames"))
    assert frames.split("#")[0].strip() == "frames = 16"
    assert frames.split("# ")[1] == ("frames of a view, after crop and resize; between 1 and 1000000; default 64")
