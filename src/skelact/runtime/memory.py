"""Memory: what this process has taken, and what it may still take."""

import os
import sys
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")
STATUS = Path("/proc/self/status")


def held_memory() -> int | None:
    """Bytes of main memory that this process has held at most so far; None where the system does not say."""
    peak = [line.split()[1] for line in _lines(STATUS) if line.startswith("VmHWM:")]
    if peak:  # the other count of Linux begins with that of the process that started this one
        return int(peak[0]) * 1024
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def free_memory(cgroup: Path = CGROUP, meminfo: Path = MEMINFO) -> int | None:
    """Bytes of main memory that may still be taken; None where the system does not say.

    In a container its limit counts as well: what it has left, and pages of files that it would give back.
    """
    known = [one for one in (_system(meminfo), _container(cgroup)) if one is not None]
    return min(known) if known else None


def _system(meminfo: Path) -> int | None:
    if meminfo.is_file():
        for line in meminfo.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:  # macOS: all there is, taken or not
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _container(cgroup: Path) -> int | None:
    """By version 2 of control groups, or by version 1."""
    for folder, limit, used, files in (
        (cgroup, "memory.max", "memory.current", "inactive_file"),
        (cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        words = _word(folder / limit), _word(folder / used)
        if all(word.isdigit() for word in words):
            pages = [line.split()[1] for line in _lines(folder / "memory.stat") if line.split()[:1] == [files]]
            return max(0, int(words[0]) - int(words[1]) + sum(map(int, pages)))
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _word(path: Path) -> str:
    return " ".join(_lines(path)).strip()
