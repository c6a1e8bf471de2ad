"""Imports go one way through the rooms, and importing a room does no work."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import skelact

SOURCE = Path(skelact.__file__).parent
ROOMS = [
    "errors",
    "files",
    "locking",
    "config",
    "memory",
    "skeletons",
    "sequences",
    "readers",
    "datasets",
    "batches",
    "encoders",
]
ROOMS += ["methods", "models", "training", "evaluation", "demo", "cli"]
WITHOUT_TORCH = ("errors", "files", "locking", "config", "memory", "skeletons", "sequences", "readers", "datasets")
HEAVY = {"torch", "sklearn", "scipy", "matplotlib", "duckdb", "rich", "tensorboard"}
MODULES = sorted(SOURCE.rglob("*.py"))


def room(name: str) -> str | None:
    """The room of a dotted name; None where it is not one of ours."""
    parts = name.split(".")
    return parts[1] if parts[0] == "skelact" and len(parts) > 1 else None


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            module = str(node.module)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def own_room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_every_room_has_its_place() -> None:
    found = {own_room(path) for path in MODULES} - {"__init__"}
    assert found <= set(ROOMS), f"rooms without a place in the order: {found - set(ROOMS)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_go_to_rooms_on_the_left(path: Path) -> None:
    if own_room(path) == "__init__":
        return
    place = ROOMS.index(own_room(path))
    for line, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        other = room(name)
        if other in ROOMS:
            assert ROOMS.index(other) <= place, f"{path}, line {line}: {own_room(path)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_rooms_before_batches_never_import_torch(path: Path) -> None:
    if own_room(path) in WITHOUT_TORCH:
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            assert name.split(".")[0] != "torch", f"{path}, line {line}"


def test_importing_what_the_command_line_needs_loads_nothing_heavy() -> None:
    names = [f"skelact.{name}" for name in WITHOUT_TORCH]
    names += [f"skelact.cli.{path.stem}" for path in (SOURCE / "cli").glob("[a-z]*_.py")]
    script = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    script += f"print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_importing_everything_leaves_no_trace(tmp_path: Path) -> None:
    names = [
        "skelact." + ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path != SOURCE / "__init__.py" and path.stem != "__main__"
    ]
    script = "\n".join(["import logging", *(f"import {name}" for name in names), "print(logging.root.handlers)"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    assert not list(tmp_path.iterdir())


def test_a_wrong_direction_would_be_seen() -> None:
    tree = ast.parse("def f():\n    from skelact.methods import SCDNet\n    import torch.nn\n")
    assert [(line, room(name)) for line, name in imported(tree)] == [(2, "methods"), (3, None)]
