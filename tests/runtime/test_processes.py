"""Work shared by processes."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from skelact.errors import UserError
from skelact.runtime.processes import in_order


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes: int) -> None:

    assert list(in_order(str.split, [(text, "x") for text in ("axbxc", "b", "cc")], processes)) == [
        "a",
        "b",
        "c",
        "b",
        "cc",
    ]


def test_nothing_to_do() -> None:
    assert list(in_order(str.split, [], 1)) == []


def test_a_process_that_dies_is_reported() -> None:
    with pytest.raises(UserError, match=r"^a worker process was killed \(out of memory\?\)\. Finished work"):
        list(in_order(os._exit, [(1,), (1,)], 2))


def test_a_program_that_others_cannot_load_works_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As with ``python -``, whose file is called <stdin>."""
    main = ModuleType("__main__")
    main.__file__ = str(tmp_path / "<stdin>")
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert set(in_order(own_process, [(), ()], 2)) == {os.getpid()}


def test_a_script_without_a_guard_is_told_of_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from skelact.runtime.processes import in_order\nprint(list(in_order(str.split, [('a',)] * 2, 2)))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    said = f'fewer --processes. Or {script} lacks the line if __name__ == "__main__": above its first command'
    assert said in done.stderr


def own_process() -> list[int]:
    return [os.getpid()]
