"""Results that were written before: those of a run, read back and held together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from skelact.errors import UserError, unknown
from skelact.evaluation.results.files import (
    RESULTS,
    SCORES,
    Predictions,
    Scores,
    read_predictions,
    read_results_file,
    read_scores,
)
from skelact.evaluation.results.results import Measured, Results


@dataclass(frozen=True, eq=False)
class Stored:
    """What an evaluation of a run wrote.

    Args:
        run: folder of the run, as it was named.
        folder: where the files lie.
        results: what ``results.json`` says.
    """

    run: Path
    folder: Path
    results: Results

    @property
    def home(self) -> Path:
        """The run itself, also where its results were named."""
        return self.run if self.folder.resolve() != self.run.resolve() else self.folder.parent.parent

    @property
    def entries(self) -> dict[str, Measured]:
        """The measured numbers by key: ``linear``, ``semi/10`` ..."""
        return self.results.protocols

    @cached_property
    def predictions(self) -> Predictions:
        """What each system took each test clip for; read and checked when first asked for."""
        return read_predictions(self.folder, self.results)

    @cached_property
    def scores(self) -> Scores:
        """What each system made of each test clip, class by class; read and checked when first asked for."""
        return read_scores(self.folder / SCORES)


def read_results(run: Path, split: str | None = None, hold_out: str | None = None) -> Stored:
    """The results of a run.

    Args:
        run: folder of a run or a model that was evaluated, or of its results.
        split: which of its evaluations; not needed where there is only one.
        hold_out: likewise.

    Raises:
        UserError: nothing there, several, none of this split, or files that are damaged or of another version.
    """
    if not run.is_dir():
        raise UserError(f"run {run} not found")
    paths = [run / RESULTS] if (run / RESULTS).is_file() else sorted(run.glob(f"evaluation/*/{RESULTS}"))
    if not paths:
        raise UserError(f"run {run} has no {RESULTS}. Measure it: skelact evaluate {run} STORE")
    found = [Stored(run, path.parent, read_results_file(path)) for path in paths]
    chosen = [
        one
        for one in found
        if split in (None, one.results.data.split) and hold_out in (None, one.results.data.hold_out)
    ]
    if len(chosen) == 1:
        return chosen[0]
    there = "; ".join(one.results.data.split_title for one in found)
    if chosen:
        raise UserError(
            f"run {run} was measured on several splits; choose one with --split and --hold-out: {there}"
        )
    asked = " ".join(
        f"{flag} {value}" for flag, value in (("--split", split), ("--hold-out", hold_out)) if value is not None
    )
    raise UserError(f"run {run} was not measured with {asked}. It has: {there}")


def chosen_entries(measured: Sequence[Stored], protocols: Sequence[str] = ()) -> list[str]:
    """Keys of the entries that any of the results has, in their order.

    Args:
        measured: at least one.
        protocols: only these: names of protocols, for all of their entries, or keys; all when empty.

    Raises:
        UserError: a name that none of them has.
    """
    keys = list(dict.fromkeys(key for one in measured for key in one.entries))
    names = dict.fromkeys([*keys, *(key.partition("/")[0] for key in keys)])
    for name in protocols:
        if name not in names:
            raise unknown("protocol in these results:", name, names)
    return [key for key in keys if not protocols or key in protocols or key.partition("/")[0] in protocols]


def check_runs_differ(measured: Sequence[Stored]) -> None:
    """Raise a ``UserError`` where a run is named twice."""
    for number, other in enumerate(measured):
        if other.folder.resolve() in (one.folder.resolve() for one in measured[:number]):
            raise UserError(f"run {other.run} is named twice")
