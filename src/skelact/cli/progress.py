"""The progress bars of all commands: on stderr; where that is no terminal, a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skelact.training import Progress as Step

SECONDS_BETWEEN_LINES = 30.0  # of one stage, where stderr is no terminal


@contextmanager
def progress_bar(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with how many are done, how many a second and the time left.

    Args:
        what: what is going on, a word.
        unit: what is counted, such as "files".

    Yields:
        A function to call with (done, total).
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None, speed="")

        def show(done: int, total: int) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, completed=done, total=total, speed=f"{speed:,.0f} {unit}/s" if speed else "")

        yield show


@contextmanager
def stage_bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar that names the stage; a line a stage, and now and then, where stderr is no terminal.

    Yields:
        A function to call with (stage, done, total).
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    last, before, said = "", 0, time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(stage: str, done: int, total: int) -> None:
            nonlocal last, before, said
            word = stage.partition(" ")[0]
            if word != last or done < before:  # something else has begun: the time left is that of its own
                bar.reset(task)
            bar.update(task, description=stage, completed=done, total=total)
            late = time.monotonic() - said > SECONDS_BETWEEN_LINES
            if not console.is_terminal and (word != last or late):
                print(stage, file=sys.stderr, flush=True)
                said = time.monotonic()
            last, before = word, done

        yield show


@contextmanager
def step_bar(name: str) -> Iterator[Callable[["Step"], None]]:
    """A bar of a training: loss terms, clips per second and time left.

    Yields:
        A function to call after each step.
    """
    with stage_bar() as show:
        yield lambda step: show(f"{name} {told(step)}", step.step, step.steps)


def told(step: "Step") -> str:
    """Where a training stands, in a line."""
    parts = " ".join(f"{_short(part)} {value:.2f}" for part, value in step.parts.items())
    return f"epoch {step.epoch + 1}/{step.epochs}  {parts}  {step.clips_per_second:,.0f} clips/s"


def _short(part: str) -> str:
    """Loss terms by their initials, so that a line holds them: temporal_to_instance -> t-i."""
    first, to, second = part.partition("_to_")
    return f"{first[0]}-{second[0]}" if to else part
