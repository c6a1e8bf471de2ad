"""Imports go one way through the rooms, importing does no work, and functions are short."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import skelact

SOURCE = Path(skelact.__file__).parent

# From left to right: a room imports only from itself and from rooms before it. The longest name that fits holds,
# so that a sub-room such as `runtime.device` can stand apart from its folder.
ROOMS = [
    "errors",
    "settings",
    "runtime",
    "skeletons",
    "sequences",
    "readers",
    "datasets",
    "importing.arrays",
    "importing",
    "runtime.device",
    "runtime.environment",
    "batches",
    "layers.kernels",
    "layers",
    "encoders",
    "methods",
    "models",
    "models.official_scdnet",
    "training",
    "search",
    "heads",
    "evaluation.split",
    "evaluation.baselines",
    "evaluation.protocols",
    "evaluation.results",
    "evaluation",
    "report",
    "demo",
    "cli",
]
TORCH_FROM = ROOMS.index("runtime.device")  # rooms before it never import torch
HEAVY = {"torch", "sklearn", "scipy", "matplotlib", "duckdb", "rich", "tensorboard"}
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 40  # of the body of a function without its docstring


def room(name: str) -> str | None:
    """The room of a dotted name; None where it is not one of ours."""
    parts = name.split(".")
    if parts[0] != "skelact":
        return None
    inside = (".".join(parts[1:end]) for end in range(len(parts), 1, -1))
    return next((name for name in inside if name in ROOMS), None)


def dotted(path: Path) -> str:
    """The name of a module by its file."""
    return "skelact." + ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of everything imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            module = str(node.module)
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def imported_in_functions(tree: ast.AST) -> set[tuple[int, str]]:
    """(line, dotted name) of what is imported only when a function runs."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {found for function in functions for found in imported(function)}


def wrong_directions(tree: ast.AST, own: str) -> list[str]:
    """What a module of room ``own`` imports from rooms on its right."""
    return [
        f"line {line}: {own} imports {name}"
        for line, name in imported(tree)
        if (other := room(name)) is not None and ROOMS.index(other) > ROOMS.index(own)
    ]


def hidden_circles(tree: ast.AST, own: str) -> list[str]:
    """Imports of one's own room inside functions: at the top they would be a circle."""
    return [f"line {line}: {name}" for line, name in sorted(imported_in_functions(tree)) if room(name) == own]


def long_functions(tree: ast.AST) -> list[str]:
    """Functions whose bodies have more than ``MAX_LINES`` lines, docstrings not counted."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            lines = (node.end_lineno or 0) - first.lineno + 1
            if lines > MAX_LINES:
                found.append(f"{node.name} ({lines} lines)")
    return found


def test_every_module_lies_in_a_room() -> None:
    homeless = [path for path in MODULES if room(dotted(path)) is None and path != SOURCE / "__init__.py"]
    assert not homeless


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_module_keeps_the_rules(path: Path) -> None:
    """Imports go left, nothing hides inside functions to break a circle, functions are short."""
    tree, own = ast.parse(path.read_text(encoding="utf-8")), room(dotted(path))
    assert not long_functions(tree)
    if own is None:
        return
    assert not wrong_directions(tree, own)
    assert not hidden_circles(tree, own) or own == "cli"
    if ROOMS.index(own) < TORCH_FROM:
        assert "torch" not in {name.split(".")[0] for _, name in imported(tree)}


def test_importing_what_the_command_line_needs_loads_nothing_heavy() -> None:
    names = [dotted(path) for path in MODULES if (own := room(dotted(path))) and ROOMS.index(own) < TORCH_FROM]
    names += [dotted(path) for path in (SOURCE / "cli").glob("[a-z]*_.py")]
    script = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    script += f"print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_importing_everything_leaves_no_trace(tmp_path: Path) -> None:
    names = [dotted(path) for path in MODULES if path != SOURCE / "__init__.py" and path.stem != "__main__"]
    script = "\n".join(["import logging", *(f"import {name}" for name in names), "print(logging.root.handlers)"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    assert not list(tmp_path.iterdir())


def test_the_rules_would_be_seen_broken() -> None:
    body = "\n".join(f"    x = {number}" for number in range(MAX_LINES + 1))
    tree = ast.parse(f"def f():\n    from skelact.methods import SCDNet\n    import torch.nn\n{body}\n")
    assert [(line, room(name)) for line, name in imported(tree)] == [(2, "methods"), (3, None)]
    assert wrong_directions(tree, "encoders") == ["line 2: encoders imports skelact.methods.SCDNet"]
    assert hidden_circles(tree, "methods") == ["line 2: skelact.methods.SCDNet"]
    assert long_functions(tree) == [f"f ({MAX_LINES + 3} lines)"]
    assert room("skelact.runtime.device.best_device") == "runtime.device"
    assert room("skelact.runtime.prefetch") == "runtime"
