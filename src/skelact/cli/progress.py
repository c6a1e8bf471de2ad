"""The progress bars of all commands: on stderr; where that is no terminal, a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skelact.evaluation.estimate import Estimate as Features
    from skelact.training import Progress as Step
    from skelact.training.estimate import Estimate

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

        clock = _Clock()

        def show(done: int, total: int) -> None:
            speed = bar.tasks[task].speed
            bar.update(task, completed=done, total=total, speed=f"{speed:,.0f} {unit}/s" if speed else "")
            if not console.is_terminal and done < total and clock.late():
                print(
                    f"{what}: {done:,} of {total:,} {unit}{clock.left(done, total)}", file=sys.stderr, flush=True
                )

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
    last, before, clock = "", 0, _Clock()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(stage: str, done: int, total: int) -> None:
            nonlocal last, before, clock
            word = stage.partition(" ")[0]
            new = word != last
            if new or done < before:  # something else has begun: the time left is that of its own
                bar.reset(task)
                clock = _Clock(done, clock.said)
            bar.update(task, description=stage, completed=done, total=total)
            if not console.is_terminal and (clock.late() or new):
                print(f"{stage}{clock.left(done, total)}", file=sys.stderr, flush=True)
                clock.said = time.monotonic()
            last, before = word, done

        yield show


class _Clock:
    """When a stage began and a line was last printed.

    Args:
        first: how many were done when it began.
        said: when the last line was printed; now when not given.
    """

    def __init__(self, first: int = 0, said: float | None = None) -> None:
        self.first, self.began = first, time.monotonic()
        self.said = self.began if said is None else said

    def late(self) -> bool:
        """Whether it is time for another line; if so, the time starts again."""
        now = time.monotonic()
        late = now - self.said > SECONDS_BETWEEN_LINES
        self.said = now if late else self.said
        return late

    def left(self, done: int, total: int) -> str:
        """The time left at the pace so far, to be added to a line; empty where nothing is known."""
        seconds = time.monotonic() - self.began
        if done <= self.first or done >= total or seconds < SECONDS_BETWEEN_LINES / 2:
            return ""
        return f", about {duration(seconds / (done - self.first) * (total - done))} left"


def duration(seconds: float) -> str:
    """A time in words, as exact as a guess is.

    Example:
        >>> duration(0.3), duration(75), duration(5000), duration(250_000)
        ('1 s', '1 min', '1.4 h', '2.9 days')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def expected(found: "Estimate", runs: int) -> str:
    """What a training will take, in a line; ``runs`` of them one after another."""
    seeds = f", {runs} seeds" if runs > 1 else ""
    epochs = "1 pass" if found.seconds is None else f"{found.epochs:,} epochs"
    about = "" if found.seconds is None else f": about {duration(found.seconds * runs)} on {found.device}"
    memory = f", {found.memory / 1e9:.1f} GB" if found.memory else ""
    return f"{found.parameters:,} parameters, {found.clips:,} clips, {epochs}{seeds}{about}{memory}"


def of_features(found: "Features") -> str:
    """What an evaluation will take, in a line."""
    seeds = f", {found.seeds} seeds" if found.seeds > 1 else ""
    memory = f", {found.memory / 1e9:.1f} GB" if found.memory else ""
    return (
        f"{found.clips:,} clips{seeds}: about {duration(found.seconds)} for the features{memory}; "
        "what the protocols fit on them comes on top"
    )


def too_large(found: "Estimate", batch: int) -> str:
    """That the memory does not suffice, and what to do, in a line."""
    free = (found.free or 0) / 1e9
    return (
        f"warning: only {free:.1f} GB are free, so this may be stopped from outside. Ctrl-C, then take "
        f"half the batch, --set train.batch={batch // 2} ({found.memory_of_half / 1e9:.1f} GB), or a smaller "
        "encoder, -c small"
    )


@contextmanager
def step_bar(name: str) -> Iterator[Callable[["Step"], None]]:
    """A bar of a training: loss terms, clips per second and time left.

    Yields:
        A function to call after each step.
    """
    with stage_bar() as show:
        yield lambda step: show(f"{name} {step_line(step)}", step.step, step.steps)


def step_line(step: "Step") -> str:
    """The progress of a training, in a line."""
    parts = " ".join(f"{_short(part)} {value:.2f}" for part, value in step.parts.items())
    return f"epoch {step.epoch + 1}/{step.epochs}  {parts}  {step.clips_per_second:,.0f} clips/s"


def _short(part: str) -> str:
    """Loss terms by their initials, so that a line holds them: temporal_to_instance -> t-i."""
    first, to, second = part.partition("_to_")
    return f"{first[0]}-{second[0]}" if to else part
