"""The generated set of NTU RGB+D's size, on a few clips."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "ntu60_size.py"


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="measures memory by /proc")
def test_it_writes_real_files_and_imports_them(shared: Path, tmp_path: Path) -> None:
    words = [str(tmp_path / "scratch"), "--like", str(shared / "data" / "ntu_rgbd"), "--clips", "12"]
    for more in (["--frames", "15"], ["--again"]):
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *words, *more], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "left out: 0 files" in done.stdout
        assert "ntu60 is not as published: 12 clips of 56,578" in done.stdout
    files = sorted((tmp_path / "scratch" / "files").iterdir())
    assert len({path.read_bytes() for path in files}) == 12
    assert files[0].name == "S001C001P001R001A001.skeleton"
    assert files[-1].name == "S017C003P020R002A060.skeleton"
    done = subprocess.run([sys.executable, str(PROGRAM), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path / 'scratch'} is not empty; --again takes the files that are there\n"
