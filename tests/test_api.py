"""The public Python API: every name is there, and none is loaded before it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skelact


@pytest.mark.parametrize("name", skelact.__all__)
def test_every_public_name_can_be_had_and_says_what_it_is(name: str) -> None:
    value = getattr(skelact, name)
    assert name.startswith("__") or value.__doc__
    assert name in dir(skelact)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(skelact.__file__).read_text(encoding="utf-8"))
    shown = {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for one in node.body
        if isinstance(one, ast.ImportFrom)
        for alias in one.names
    }
    assert shown | {"__version__"} >= set(skelact.__all__)


def test_importing_the_package_loads_no_room() -> None:
    script = "import sys, skelact; print([name for name in sys.modules if name.startswith('skelact.')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'skelact' has no attribute 'pretrian'"):
        skelact.pretrian  # noqa: B018
