"""A command in a process of its own: its time, and the memory of all processes that it starts."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SKELACT = ("-m", "skelact.cli")
PAUSE = 0.2  # seconds between looks at the memory
KINDS = ("Rss", "Pss", "Anonymous")  # Pss: shared pages once in all; Anonymous: without pages of mapped files


def descendants(root: int) -> Iterator[int]:
    """A process and all that it and they started."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # gone meanwhile
            continue
        parents.setdefault(parent, []).append(int(path.parent.name))
    found = [root]
    for process in found:
        found += parents.get(process, [])
        yield process


def memory(process: int) -> dict[str, int]:
    """Bytes of a process, of each kind."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return dict.fromkeys(KINDS, 0)
    return {
        kind: 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) for kind in KINDS
    }


def measured(words: Sequence[str]) -> dict[str, Any]:
    """Run Python with these words: what it printed, seconds, and the highest memory of all its processes."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)
    peak, most = dict.fromkeys(KINDS, 0), 0
    done = threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(PAUSE):
            every = [memory(one) for one in descendants(process.pid)]
            most = max(most, len(every))
            for kind in KINDS:
                peak[kind] = max(peak[kind], sum(one[kind] for one in every))

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode not in (0, 3):
        sys.exit(f"{' '.join(words)} ended with {process.returncode}")
    return {"out": out, "seconds": time.perf_counter() - started, "peak": peak, "processes": most}
