"""Two sides of a comparison, each in a process of its own, measured by turns.

Machines are shared and their speed changes from minute to minute. So the sides take turns, and what counts is the
median of the ratios within the pairs, not a ratio of two figures that were taken at different times.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from skelact.runtime.allocator import keep_freed_memory

Round = Callable[[], int]  # does some work and says how many clips, files ... it was
WARM_UP = 4


@dataclass
class Side:
    """What is measured.

    Args:
        name: for the table.
        setup: called in the side's own process with ``args``; gives the round that is timed.
        args: plain values.
        keep_memory: let glibc keep freed memory, as skelact's training does.
    """

    name: str
    setup: Callable[..., Round]
    args: tuple[Any, ...] = ()
    keep_memory: bool = True
    rates: list[float] = field(default_factory=list)
    peak: int = 0  # bytes that the process had at most, on a GPU those of its tensors there
    base: int = 0  # bytes after its set-up


def compare(sides: Sequence[Side], pairs: int, threads: int, warm_up: int = WARM_UP) -> Sequence[Side]:
    """Measure the sides by turns; fills in ``rates`` (items/s).

    The first rounds do not count: until the C library has found room for all temporaries of a large step, each
    round asks the system for more, which then clears it page by page.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["GOMP_SPINCOUNT"] = "5000"  # threads of the side that waits must not take the other's time
    context = multiprocessing.get_context("spawn")
    lines: list[tuple[Connection, Any]] = []
    for side in sides:
        here, there = context.Pipe()
        process = context.Process(
            target=_serve, args=(there, side.setup, side.args, side.keep_memory), daemon=True
        )
        process.start()
        there.close()
        lines.append((here, process))
        side.base = _ask(here, side)
    for turn in range(-warm_up, pairs):
        for (line, _), side in zip(lines, sides, strict=True):
            line.send(True)
            items, seconds, side.peak = _ask(line, side)
            if turn >= 0:
                side.rates.append(items / seconds)
        print(f"\r{max(turn + 1, 0)}/{pairs} pairs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for line, process in lines:
        line.send(False)
        process.join()
    return sides


def _ask(line: Connection, side: Side) -> Any:
    try:
        return line.recv()
    except EOFError:
        sys.exit(f"{side.name}: the process ended; its error is above")


def _serve(line: Connection, setup: Callable[..., Round], args: tuple[Any, ...], keep_memory: bool) -> None:
    if keep_memory:
        keep_freed_memory()
    run = setup(*args)
    line.send(_peak())
    while line.recv():
        started = time.perf_counter()
        items = run()
        line.send((items, time.perf_counter() - started, _peak()))


def _peak() -> int:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def table(unit: str, groups: Sequence[tuple[str, Sequence[Side]]]) -> str:
    """A Markdown table; the first side of a group is ours, the second the reference.

    The ratio is the median over the pairs, with the lowest and the highest pair beside it.
    """
    lines = [
        f"| | skelact, {unit} | reference, {unit} | ratio (lowest to highest pair) | peak memory, MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for title, (ours, *others) in groups:
        theirs = others[0] if others else None
        figures = [f"{statistics.median(side.rates):,.4g}" if side else "" for side in (ours, theirs)]
        ratios = [a / b for a, b in zip(ours.rates, theirs.rates, strict=True)] if theirs else []
        ratio = f"{statistics.median(ratios):.3g} ({min(ratios):.3g} to {max(ratios):.3g})" if ratios else ""
        memory = " / ".join(f"{side.peak / 1e6:,.0f}" for side in (ours, theirs) if side)
        lines.append(f"| {title} | {figures[0]} | {figures[1]} | {ratio} | {memory} |")
    return "\n".join(lines)


def machine() -> str:
    """Processor, cores, memory, versions."""
    import numpy
    import torch

    model = platform.processor() or "processor unknown"
    if Path("/proc/cpuinfo").is_file():
        words = Path("/proc/cpuinfo").read_text().split("\n")
        model = next((line.split(":")[1].strip() for line in words if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {torch.backends.cpu.get_cpu_capability()}{gpu}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}"
    )


def arguments(about: str | None, pairs: int = 5, threads: int = 1) -> argparse.ArgumentParser:
    """What all benchmarks understand."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, help="folder with the published SCD-Net code")
    parser.add_argument("--pairs", type=int, default=pairs, help=f"rounds of each side ({pairs})")
    parser.add_argument("--threads", type=int, default=threads, help=f"processor threads of a side ({threads})")
    return parser


def finish(device: str) -> None:
    """Wait until the device has done what it was asked."""
    if device != "cpu":
        import torch

        torch.cuda.synchronize()


def sides(
    reference: Path | None, ours: Callable[..., Round], theirs: Callable[..., Round], *args: Any
) -> list[Side]:
    """Ours and, where its folder is given, the reference; both get the same ``args``."""
    both = [Side("skelact", ours, args)]
    if reference is not None:
        both.append(Side("reference", partial(theirs, reference), args))
    return both
