"""Results that were written before: results.json and predictions.csv of a run, read back and held together."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError, unknown
from skelact.evaluation.results.build import FORMAT

RESULTS, PREDICTIONS = "results.json", "predictions.csv"
ROUNDING = 1e-9  # accuracies are sums of few numbers


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
    results: dict[str, Any]

    @property
    def home(self) -> Path:
        """The run itself, also where its results were named."""
        return self.run if self.folder.resolve() != self.run.resolve() else self.folder.parent.parent

    @property
    def entries(self) -> dict[str, Any]:
        """The measured numbers by key: ``linear``, ``semi/10`` ..."""
        entries: dict[str, Any] = self.results["protocols"]
        return entries

    @cached_property
    def predictions(self) -> "Predictions":
        """What each system took each test clip for; read and checked when first asked for."""
        return _read_predictions(self.folder / PREDICTIONS, self.entries)


@dataclass(frozen=True, eq=False)
class Predictions:
    """``predictions.csv``.

    Args:
        clips: (N, 2) name and label of each test clip, text.
        right: (N,) bool by entry, system and seed: whether the clip was taken for its label. Entries whose clips
            were asked several times are not there.
    """

    clips: NDArray[np.str_]
    right: Mapping[tuple[str, str], Mapping[str, NDArray[np.bool_]]]


def read_results(run: Path, split: str | None = None, hold_out: str | None = None) -> Stored:
    """The results of a run.

    Args:
        run: folder of a run or a model that was evaluated, or of its results.
        split: which of its evaluations; not needed where there is only one.
        hold_out: likewise.

    Raises:
        UserError: nothing there, several, none of this split, or files of another version.
    """
    if not run.is_dir():
        raise UserError(f"run {run} not found")
    paths = [run / RESULTS] if (run / RESULTS).is_file() else sorted(run.glob(f"evaluation/*/{RESULTS}"))
    if not paths:
        raise UserError(f"run {run} has no {RESULTS}. Measure it: skelact evaluate {run} STORE")
    found = [Stored(run, path.parent, _read(path)) for path in paths]
    chosen = [
        one
        for one in found
        if split in (None, one.results["data"]["split"]) and hold_out in (None, one.results["data"]["hold_out"])
    ]
    if len(chosen) == 1:
        return chosen[0]
    there = "; ".join(where(one.results) for one in found)
    if not chosen:
        asked = " ".join(
            f"{flag} {value}"
            for flag, value in (("--split", split), ("--hold-out", hold_out))
            if value is not None
        )
        raise UserError(f"run {run} was not measured with {asked}. It has: {there}")
    raise UserError(f"run {run} was measured on several parts; choose one with --split and --hold-out: {there}")


def where(results: Mapping[str, Any]) -> str:
    """What was measured on, in words: ``xview, held out camera=2``."""
    data = results["data"]
    return ", held out ".join(part for part in (data["split"] or "all clips", data["hold_out"]) if part)


def cleaning_words(cleaning: Mapping[str, Any]) -> str:
    """How recordings were cleaned, as ``Store.cleaning`` has it, in words.

    Example:
        >>> cleaning_words({"clean.persons": 2, "clean.trim": True})
        'persons=2, trim=true'
        >>> cleaning_words({"clean": "ntu-agcn"})
        'ntu-agcn'
    """
    words = []
    for key, value in cleaning.items():
        name = key.partition(".")[2] or key
        told = str(value).lower() if isinstance(value, bool) else str(value)
        words.append(told if name == "clean" else f"{name}={told}")
    return ", ".join(words) or "unknown"


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


def _read(path: Path) -> dict[str, Any]:
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileError(path, f"no JSON ({error}). Measure the run again") from error
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        found = results.get("format") if isinstance(results, dict) else type(results).__name__
        raise FileError(path, f"format {found}, this version reads format {FORMAT}. Measure the run again")
    return results


def _read_predictions(path: Path, entries: Mapping[str, Any]) -> Predictions:
    if not path.is_file():
        raise FileError(path, "not found. Measure the run again")
    head, clips, is_right = _read_table(path)
    right: dict[tuple[str, str], dict[str, NDArray[np.bool_]]] = {}
    for number, name in enumerate(head[2:]):
        entry, system, seed = name.rsplit("/", 2)
        right.setdefault((entry, system), {})[seed.removeprefix("seed-")] = is_right[:, number]
    for (entry, system), seed, share in _shares(right):
        told = entries.get(entry, {}).get("systems", {}).get(system, {}).get("seeds", {}).get(seed)
        if told is None or abs(told - share) > ROUNDING:
            raise FileError(
                path,
                f"{entry}/{system}/seed-{seed} is right for a share of {share:.4f}, {RESULTS} beside it says "
                f"{'nothing of it' if told is None else f'{told:.4f}'}. Measure the run again",
            )
    return Predictions(clips, right)


def _read_table(path: Path) -> tuple[list[str], NDArray[np.str_], NDArray[np.bool_]]:
    """Head, name and label of each clip, and whether each column is right; text of one row at a time in memory."""
    clips: list[list[str]] = []
    is_right: list[NDArray[np.bool_]] = []
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        whole = head[:2] == ["name", "label"]
        for row in rows:
            whole = whole and len(row) == len(head)
            if not whole:
                break
            clips.append(row[:2])
            is_right.append(np.array([said == row[1] for said in row[2:]], dtype=bool))
    if not whole or not clips:
        raise FileError(path, "no whole table of predictions. Measure the run again")
    return head, np.array(clips), np.array(is_right)


def _shares(
    right: Mapping[tuple[str, str], Mapping[str, NDArray[np.bool_]]],
) -> Iterator[tuple[tuple[str, str], str, float]]:
    for key, seeds in right.items():
        for seed, one in seeds.items():
            yield key, seed, float(one.mean())
