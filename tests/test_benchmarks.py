"""Every benchmark runs, at a small size and without the published code; what it measures is not looked at.

The sides of a comparison are processes of their own, spawned so that nothing of one reaches the other. Here they
come from a server that has loaded the libraries, which takes longer than all the rest. As when spawned, they get
their work pickled.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SMALL = {
    "step": "--width 16 --batch 3 --pairs 1 --threads 1",
    "measuring": "--width 16 --batch 3 --gallery 200 --queries 50 --pairs 1 --threads 1",
    "views": "--pairs 1 --threads 1",
    "reading": "--clips 512 --pairs 1 --threads 1",
    "growth": "{scratch} --clips 80 --widths 16 --batch 1 --rounds 1 --picture {scratch}.svg",
    "preparing": "--files {shared}/data/ntu_rgbd --times 1 --pairs 1 --threads 1",
}
ELSEWHERE = {"ntu60_size"}  # tests/datasets/test_ntu60_size.py
COMMANDS = {path.stem for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}


def test_every_benchmark_is_here() -> None:
    assert set(SMALL) | ELSEWHERE == COMMANDS


LOADED = """
import multiprocessing, runpy, sys
server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload(["torch._dynamo", "sklearn.neighbors", "skelact.evaluation", "skelact.training"])
multiprocessing.get_context = {"spawn": server}.__getitem__
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("name", SMALL)
def test_benchmark_runs(name: str, shared: Path, tmp_path: Path) -> None:
    words = SMALL[name].format(scratch=tmp_path / "scratch", shared=shared).split()
    command = [sys.executable, "-c", LOADED, str(BENCHMARKS / f"{name}.py"), *words]
    env = os.environ | {"PYTHONPATH": str(BENCHMARKS)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=250, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if name == "growth":
        assert (tmp_path / "scratch.svg").read_text(encoding="utf-8").startswith("<?xml")
