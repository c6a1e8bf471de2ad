"""``skelact recipes``: the list, and one of them explained."""

import json
from pathlib import Path

import pytest

from skelact import cli
from skelact.settings import load_recipe, recipe_names


def test_the_list_says_what_each_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["recipes"]) == 0
    shown = capsys.readouterr().out
    for name in recipe_names():
        assert f"\n{name}" in f"\n{shown}"
    assert "\nsmall (when none is named)\n  A small SCD-Net for recordings of your own" in shown
    assert "  expected: NTU-60, joint stream, linear: x-sub 68.3, x-view 76.4" in shown
    assert cli.run(["recipes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in listed] == recipe_names()
    assert all(one["about"] and one["hardware"] and one["expected"] for one in listed)


@pytest.mark.parametrize("name", recipe_names())
def test_one_is_printed_as_a_recipe_with_its_header(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert cli.run(["recipes", name]) == 0
    shown = capsys.readouterr().out
    assert "\n# Hardware: " in shown
    assert max(len(line) for line in shown.partition("\n\n")[0].splitlines()) <= 115
    (tmp_path / "mine.toml").write_text(shown, encoding="utf-8")
    assert load_recipe(tmp_path / "mine.toml") == load_recipe(name)
    assert cli.run(["recipes", str(tmp_path / "mine.toml")]) == 0
    assert capsys.readouterr().out == shown.partition("\n\n")[2]


def test_one_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["recipes", "small", "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["header"]["commands"] == ["skelact pretrain STORE -c small -o RUN"]
    train = next(group for group in values["groups"] if group["name"] == "train")
    epochs = next(one for one in train["settings"] if one["key"] == "epochs")
    assert epochs == {
        "key": "epochs",
        "value": 150,
        "default": 451,
        "about": "passes over the training clips",
        "range": "at least 1",
        "changed": True,
    }


def test_an_unknown_one_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["recipes", "mocco"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("skelact: unknown recipe 'mocco'; did you mean 'moco'? Known: ")
