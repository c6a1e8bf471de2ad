"""What an evaluation will take: features, measured on a few clips; what is fitted on them comes on top."""

import time
from dataclasses import dataclass

from skelact.evaluation.measure import Task
from skelact.runtime.memory import held_memory

PROBE = 32  # clips whose features are timed


@dataclass(frozen=True)
class Estimate:
    """What an evaluation will take.

    Args:
        clips: that are measured, training and test.
        seeds: of the run.
        seconds: of the features of all seeds, trained and untrained.
        memory: bytes at most: what the process holds now, and the features.
    """

    clips: int
    seeds: int
    seconds: float
    memory: int


def estimate(task: Task) -> Estimate:
    """Compute the features of a few clips, twice, and say what all of them will take."""
    model, clips = task.models[0], len(task.split.train) + len(task.split.test)
    rows = task.split.train[:PROBE]
    model.embed(task.store, rows, precision=task.precision)  # the first of a size takes longer
    started = time.perf_counter()
    model.embed(task.store, rows, precision=task.precision)
    each = (time.perf_counter() - started) / len(rows)
    store, frames = task.store, task.recipe.data.frames
    raw = frames * store.persons * len(store.skeleton) * store.coordinates  # numbers of a clip's coordinates
    numbers = clips * (2 * model.dim + raw)
    return Estimate(
        clips, len(task.models), each * clips * 2 * len(task.models), (held_memory() or 0) + 4 * numbers
    )
