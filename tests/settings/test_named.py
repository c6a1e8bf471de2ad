"""Recipes by name: which there are, what their headers say, and that they are found without a file system."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import skelact
from skelact.errors import UserError
from skelact.settings import DEFAULT_RECIPE, load_recipe, recipe_header, recipe_names, recipe_text


def test_the_default_is_one_of_them() -> None:
    assert DEFAULT_RECIPE in recipe_names()
    assert recipe_names() == sorted(recipe_names())


def test_a_name_is_the_file_of_that_name(tmp_path: Path) -> None:
    copy = tmp_path / "mine.toml"
    copy.write_text(recipe_text("whitening"), encoding="utf-8")
    assert load_recipe(copy) == load_recipe(str(copy)) == load_recipe("whitening")


def test_a_file_in_this_folder_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small").write_text("[train]\nepochs = 3\n")
    Path("small.toml").write_text("[train]\nepochs = 4\n")
    assert load_recipe("small").train.epochs == 150
    assert load_recipe("./small").train.epochs == 3
    assert load_recipe("small.toml").train.epochs == 4


def test_an_unknown_name_names_the_nearest_and_all() -> None:
    known = ", ".join(recipe_names())
    with pytest.raises(UserError, match=f"^unknown recipe 'smal'; did you mean 'small'\\? Known: {known}$"):
        load_recipe("smal")


@pytest.mark.parametrize("path", ["recipes/small.toml", "small.toml"])
def test_a_missing_file_called_as_one_of_ours_is_told_its_name(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        load_recipe(path)
    assert str(caught.value) == f"recipe {path} not found. skelact's own is taken by its name: -c small"


def test_a_header_is_read_field_by_field() -> None:
    header = recipe_header("scdnet-nw-ucla")
    assert header.about == "SCD-Net on NW-UCLA, cross-view, joint stream, sized for two processor cores."
    assert len(header.commands) == 3
    assert header.commands[1] == "skelact pretrain S -c scdnet-nw-ucla --seeds 0,1,2 -o R"
    assert (header.hardware, header.unsure) == ("two CPU cores, about eight minutes a seed", "")
    assert recipe_header("moco").unsure.startswith("the published code shifts a clip in time")


def test_recipes_are_found_in_a_zip_file(tmp_path: Path) -> None:
    """As in any place that is no folder: Python imports from zip files too."""
    root = Path(skelact.__file__).parent
    archive = tmp_path / "skelact.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in [root / "__init__.py", root / "errors.py", *(root / "settings").rglob("*.*")]:
            packed.write(path, path.relative_to(root.parent))
    script = "import skelact.settings as s; print(s.__file__); print(s.load_recipe('small').train.epochs)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(archive)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [f"{archive}/skelact/settings/__init__.py", "150"], done.stderr
