"""Plugins: loaded by path or as installed packages, clear about their faults."""

import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest

from skelact.errors import FileError, UserError
from skelact.runtime.plugins import (
    PREFIX,
    LoadedPlugins,
    load_again,
    load_installed_plugins,
    load_plugin,
    loaded_plugins,
)
from skelact.runtime.processes import in_order


@pytest.fixture(autouse=True)
def nothing_stays_loaded() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith((PREFIX, "own_", "installed_")):
            del sys.modules[name]


def plugin(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_run_once_and_finds_its_neighbours(tmp_path: Path) -> None:
    plugin(tmp_path, "VALUE = 7\n", "own_neighbour.py")
    path = plugin(tmp_path, "from own_neighbour import VALUE\nruns = []\nruns.append(VALUE)\n")
    before = list(sys.path)
    module = load_plugin(path)
    assert module is load_plugin(str(path))
    assert module.runs == [7]
    assert sys.path == before


def test_dataclasses_of_a_plugin_find_their_module(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    text += "@dataclass\nclass A:\n    x: int = 1\n"
    assert load_plugin(plugin(tmp_path, text)).A().x == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nraise ValueError('two\\nlines')\n", "mine.py, line 2: this plugin fails: lines"),
        ("def f():\n    return {}['key']\n\nf()\n", "mine.py, line 2: this plugin fails: KeyError: 'key'"),
        ("import json\njson.loads('{')\n", "mine.py, line 2: this plugin fails: json.decoder.JSONDecodeError: "),
        (
            "import no_such_module\n",
            "line 1: this plugin fails: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("x = (\n", "mine.py, line 1: this plugin is not Python: '(' was never closed"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = plugin(tmp_path, text)
    with pytest.raises(FileError) as caught:
        load_plugin(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert PREFIX + "mine" not in sys.modules, "the next try runs it again"


def test_a_file_that_is_not_there_or_no_python(tmp_path: Path) -> None:
    with pytest.raises(
        FileError, match=r"no such plugin\. --plugin takes a Python file, such as --plugin my_method"
    ):
        load_plugin(tmp_path / "none.py")
    with pytest.raises(FileError, match=r"a plugin is a Python file, with a name that ends in \.py"):
        load_plugin(plugin(tmp_path, "", "mine.txt"))


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    load_plugin(plugin(tmp_path, ""))
    with pytest.raises(
        FileError, match=r"a plugin of this name is loaded already: .*mine\.py\. Rename one of them"
    ):
        load_plugin(plugin(tmp_path / "other", ""))


def install(folder: Path, name: str, text: str) -> None:
    """A package with an entry point, as pip leaves it."""
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[skelact.plugins]\nmine = {name}\n")


def test_installed_plugins_are_loaded_and_their_faults_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "installed_good", "LOADED = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "mine" in load_installed_plugins()
    assert sys.modules["installed_good"].LOADED
    assert "installed_good" in loaded_plugins().modules
    install(tmp_path, "installed_bad", "1 / 0\n")
    assert [one for one in distributions() if one.name == "installed_bad"]
    with pytest.raises(UserError) as caught:
        load_installed_plugins()
    assert str(caught.value) == (
        "plugin mine of the installed package installed_bad cannot be loaded: ZeroDivisionError: division by "
        "zero. Mend it, or remove it: pip uninstall installed_bad"
    )


def names_of_plugins() -> list[str]:
    return sorted(name for name in sys.modules if name.startswith(PREFIX))


def test_worker_processes_load_what_their_parent_has(tmp_path: Path) -> None:
    load_plugin(plugin(tmp_path, ""))
    assert loaded_plugins() == LoadedPlugins([str(tmp_path / "mine.py")], loaded_plugins().modules)
    assert list(in_order(names_of_plugins, [(), ()], processes=2)) == [PREFIX + "mine"] * 2
    load_again(loaded_plugins())
    assert names_of_plugins() == [PREFIX + "mine"]
