"""Memory: what the system says, from its files."""

import subprocess
import sys
from pathlib import Path

import pytest

from skelact.runtime.memory import free_memory, held_memory

MEMINFO = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"


@pytest.fixture
def meminfo(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo"
    path.write_text(MEMINFO)
    return path


def test_a_machine_without_a_limit(tmp_path: Path, meminfo: Path) -> None:
    assert free_memory(tmp_path / "none", meminfo) == 8_000_000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    assert free_memory(tmp_path, meminfo) == 8_000_000 * 1024


@pytest.mark.parametrize(
    ("folder", "limit", "used", "files"),
    [
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_container_with_a_limit(
    folder: str, limit: str, used: str, files: str, tmp_path: Path, meminfo: Path
) -> None:
    group = tmp_path / folder
    group.mkdir(exist_ok=True)
    (group / limit).write_text("1000000000\n")
    (group / used).write_text("700000000\n")
    assert free_memory(tmp_path, meminfo) == 300_000_000
    (group / "memory.stat").write_text(f"anon 5\n{files} 100000000\n")
    assert free_memory(tmp_path, meminfo) == 400_000_000
    (group / limit).write_text(f"{2**63}\n")
    assert free_memory(tmp_path, meminfo) == 8_000_000 * 1024, "the machine's own is less"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not say")
def test_what_was_taken_is_seen() -> None:
    script = "from skelact.runtime.memory import held_memory as h; a = h(); x = b'x' * 100_000_000; print(a, h())"
    before, after = map(int, subprocess.run([sys.executable, "-c", script], capture_output=True).stdout.split())
    assert after - before == pytest.approx(100_000_000, rel=0.2)
    assert held_memory() is not None
