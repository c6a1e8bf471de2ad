"""Every benchmark runs, at a small size and without the published code; what it measures is not looked at."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SMALL = {
    "step": "--width 16 --batch 4 --pairs 1 --threads 1",
    "measuring": "--width 16 --batch 6 --gallery 200 --queries 50 --pairs 1 --threads 1",
    "views": "--pairs 1 --threads 1",
    "reading": "--pairs 1 --threads 1",
    "growth": "{scratch} --clips 80 --widths 16 --rounds 1 --picture {scratch}.svg",
    "ntu60_size": "{scratch} --like {shared}/data/ntu_rgbd --clips 12 --frames 12 --processes 1",
    "preparing": "--files {shared}/data/ntu_rgbd --pairs 1 --threads 1",
}
COMMANDS = {path.stem for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")}


def test_every_benchmark_is_here() -> None:
    assert set(SMALL) == COMMANDS


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize("name", SMALL)
def test_benchmark_runs(name: str, shared: Path, tmp_path: Path) -> None:
    words = SMALL[name].format(scratch=tmp_path / "scratch", shared=shared).split()
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=250)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if name == "growth":
        assert (tmp_path / "scratch.svg").read_text(encoding="utf-8").startswith("<?xml")
