"""The three files of an evaluation: results.json, predictions.csv and scores.npz, held together.

What a second evaluation of the same run measures is added to what is there. Files are written aside and renamed,
results.json last; the process that writes holds a lock on the folder. A damaged file is a ``FileError``.
"""

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.evaluation.protocols import protocol_of
from skelact.evaluation.results.build import Outcomes, Truth, one_by_one
from skelact.evaluation.results.json_form import AGAIN, dumps, read_json
from skelact.evaluation.results.results import FORMAT, Results
from skelact.readers.numpy_files import ZIP_FAULTS, read_members
from skelact.runtime.locking import hold

RESULTS, PREDICTIONS, SCORES, REPORT = "results.json", "predictions.csv", "scores.npz", "report.html"
PREFIX = "scores/"
ROUNDING = 1e-9  # accuracies are sums of few numbers
WAIT = 600.0  # seconds for another evaluation to write its files


@dataclass(frozen=True, eq=False)
class Predictions:
    """``predictions.csv``.

    Args:
        names: (Q) of the test clips.
        labels: (Q) class of each.
        predicted: (Q) class that each was taken for, by ``entry/system/seed-N``. Entries whose clips were asked
            several times are not there.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    predicted: Mapping[str, tuple[str, ...]]

    def right(self, entry: str, system: str) -> dict[str, NDArray[np.bool_]]:
        """(Q,) whether a system has each clip right, by seed; empty where the entry is not there."""
        start, labels = f"{entry}/{system}/seed-", np.array(self.labels)
        return {
            column.removeprefix(start): np.array(answers) == labels
            for column, answers in self.predicted.items()
            if column.startswith(start)
        }


@dataclass(frozen=True, eq=False)
class Scores:
    """``scores.npz``: what every system made of every test clip, class by class: what late fusion adds.

    Args:
        truth: the test clips.
        scores: (Q, classes) float32 by ``entry/system/seed-N``, of the protocols that can be fused.
    """

    truth: Truth
    scores: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Written:
    """What ``write_files`` left.

    Args:
        results: what ``results.json`` says now: what was measured, and what was there before.
        moved: where files that could not be added to are now; None where there were none.
        why: a sentence about these.
    """

    results: Results
    moved: Path | None = None
    why: str = ""


def read_results_file(path: Path) -> Results:
    """``results.json``.

    Raises:
        FileError: not there, damaged, or of another format.
    """
    return read_json(Results, path, FORMAT)


def write_files(folder: Path, results: Results, truth: Truth, outcomes: Outcomes) -> Written:
    """Write the files of an evaluation, with what is there of an earlier one of the same run.

    Entries of the same key are replaced, all others are kept. Where the run's weights, the data, the split or the
    version are others, or a file is damaged, the earlier files are moved to a folder ``earlier-1`` inside, then
    ``earlier-2`` ...; nothing is erased and nothing mixed.

    Args:
        folder: where they go.
        results: of what was measured.
        truth: the test clips.
        outcomes: what was measured.
    """
    predictions = _predictions_of(truth, outcomes)
    scores = Scores(truth, {n: o.scores for n, o in one_by_one(outcomes) if protocol_of(n).fuses})
    folder.mkdir(parents=True, exist_ok=True)
    with hold(folder, "results", wait=WAIT):
        moved, why = None, ""
        if (folder / RESULTS).exists():
            try:
                earlier = read_results_file(folder / RESULTS)
                _check_same_kind(earlier, results)
                predictions = _added(read_predictions(folder, earlier), predictions, results)
                scores = _added_scores(read_scores(folder / SCORES), scores, results)
                results = replace(results, protocols=earlier.protocols | results.protocols)
            except UserError as error:
                moved = _move(folder)
                why = f"The results that were there could not be added to, and are now in {moved}: {error}"
        _write_scores(folder / SCORES, scores)
        _write_predictions(folder / PREDICTIONS, predictions)
        _replace_text(folder / RESULTS, dumps(results))
    return Written(results, moved, why)


def read_predictions(folder: Path, results: Results) -> Predictions:
    """``predictions.csv`` of a folder, held against the results beside it.

    Raises:
        FileError: not there, damaged, or not of these results.
    """
    path = folder / PREDICTIONS
    head, rows = _read_table(path)
    columns = list(zip(*rows, strict=True))
    found = Predictions(columns[0], columns[1], dict(zip(head[2:], columns[2:], strict=True)))
    if len(found.predicted) < len(head) - 2 or len(rows) != results.data.clips.test:
        raise FileError(path, f"expected {results.data.clips.test} test clips and each column once. {AGAIN}")
    unknown = {label for column in columns[1:] for label in column} - set(results.data.classes)
    if unknown:
        raise FileError(path, f"{min(unknown)!r} is not a class of {RESULTS} beside it. {AGAIN}")
    known = {
        f"{key}/{system}/seed-{seed}": share
        for key, entry in results.protocols.items()
        for system, one in entry.systems.items()
        for seed, share in one.seeds.items()
        if entry.episodes == 1
    }
    for name in (*found.predicted, *known):
        _check_accuracy(path, name, found, known.get(name))
    return found


def _check_accuracy(path: Path, name: str, found: Predictions, expected: float | None) -> None:
    """Whether a column gives the accuracy that the results have."""
    answers = found.predicted.get(name)
    if answers is None:
        raise FileError(path, f"{name} is missing. {AGAIN}")
    share = float((np.array(answers) == np.array(found.labels)).mean())
    if expected is None or abs(expected - share) > ROUNDING:
        says = "nothing of it" if expected is None else f"{expected:.4f}"
        raise FileError(path, f"{name} is right for a share of {share:.4f}, {RESULTS} says {says}. {AGAIN}")


def read_scores(path: Path) -> Scores:
    """``scores.npz``.

    Raises:
        FileError: not there or damaged.
    """
    if not path.is_file():
        raise FileError(path, f"not found. {AGAIN}")
    try:
        found = dict(read_members(path))
    except (OSError, *ZIP_FAULTS) as error:
        raise FileError(path, f"not a complete file of scores ({error}). {AGAIN}") from error
    kinds = {"names": "U", "labels": "i", "classes": "U", "duplicates": "b"}
    for name, kind in kinds.items():
        if name not in found or found[name].ndim != 1 or found[name].dtype.kind != kind:
            raise FileError(path, f"{name}: expected a list, as evaluate writes it. {AGAIN}")
    labels, classes = found["labels"].astype(np.int64), tuple(found["classes"].tolist())
    truth = Truth(tuple(found["names"].tolist()), labels, classes, found["duplicates"])
    if len(labels) != len(truth.names) or len(truth.duplicates) != len(labels):
        raise FileError(path, f"names, labels and duplicates differ in length. {AGAIN}")
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(classes)):
        raise FileError(path, f"labels: expected 0 to {len(classes) - 1}. {AGAIN}")
    scores = {name.removeprefix(PREFIX): one for name, one in found.items() if name.startswith(PREFIX)}
    for name, values in scores.items():
        if values.shape != (expected := (len(labels), len(classes))):
            raise FileError(path, f"{name} is {values.shape}, expected {expected}. {AGAIN}")
        if values.dtype != np.float32 or not np.isfinite(values).all():
            raise FileError(path, f"{name}: expected finite numbers in float32. {AGAIN}")
    return Scores(truth, scores)


def _check_same_kind(earlier: Results, results: Results) -> None:
    """Whether numbers of both may stand beside each other."""
    ours, theirs = (
        {
            "the run's weights": one.weights,
            "the version of skelact": one.version,
            "the fingerprint of the data": one.data.fingerprint,
            "the split": one.data.split_title,
            "the skeleton": (one.data.skeleton, one.data.mapped_to),
            "the classes": one.data.classes,
        }
        for one in (results, earlier)
    )
    for what, value in ours.items():
        if theirs[what] != value:
            raise UserError(f"{what} differ{'' if what.endswith('s') else 's'} from before")


def _predictions_of(truth: Truth, outcomes: Outcomes) -> Predictions:
    classes = np.array(truth.classes)
    return Predictions(
        truth.names,
        tuple(classes[truth.labels].tolist()),
        {
            name: tuple(classes[outcome.predicted].tolist())
            for name, outcome in one_by_one(outcomes)
            if outcome.episodes is None
        },
    )


def _entry_of(column: str) -> str:
    """``semi/10`` of ``semi/10/model/seed-0``."""
    return column.rsplit("/", 2)[0]


def _added(old: Predictions, new: Predictions, results: Results) -> Predictions:
    """Columns of both, the new ones of entries that both have."""
    if (old.names, old.labels) != (new.names, new.labels):
        raise UserError("the test clips differ from before")
    kept = {n: one for n, one in old.predicted.items() if _entry_of(n) not in results.protocols}
    return replace(new, predicted=kept | dict(new.predicted))


def _added_scores(old: Scores, new: Scores, results: Results) -> Scores:
    if not old.truth.same_clips(new.truth):
        raise UserError("the test clips differ from before")
    kept = {n: one for n, one in old.scores.items() if _entry_of(n) not in results.protocols}
    return replace(new, scores=kept | dict(new.scores))


def _move(folder: Path) -> Path:
    """Put what is there into a folder of its own."""
    number = 1
    while (folder / f"earlier-{number}").exists():
        number += 1
    aside = folder / f"earlier-{number}"
    aside.mkdir()
    for name in (RESULTS, PREDICTIONS, SCORES, REPORT):
        if (folder / name).exists():
            os.replace(folder / name, aside / name)
    return aside


def _read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Head and rows of predictions."""
    if not path.is_file():
        raise FileError(path, f"not found. {AGAIN}")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file, strict=True)
    except (ValueError, csv.Error) as error:  # empty, not UTF-8, or no table
        raise FileError(path, f"not a complete table of predictions ({error}). {AGAIN}") from error
    whole = head[:2] == ["name", "label"] and all(len(row) == len(head) for row in rows)
    if not whole or not rows or any(column.count("/") < 2 for column in head[2:]):
        raise FileError(path, f"not a complete table of predictions. {AGAIN}")
    return head, rows


def _write_predictions(path: Path, predictions: Predictions) -> None:
    aside = path.with_name(f"{path.name}.partial")
    with aside.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["name", "label", *predictions.predicted])
        table.writerows(zip(predictions.names, predictions.labels, *predictions.predicted.values(), strict=True))
    os.replace(aside, path)


def _write_scores(path: Path, scores: Scores) -> None:
    truth = scores.truth
    arrays: dict[str, NDArray[np.generic]] = {
        "names": np.array(truth.names),
        "labels": truth.labels,
        "classes": np.array(truth.classes),
        "duplicates": truth.duplicates,
    }
    arrays |= {f"{PREFIX}{name}": one for name, one in scores.scores.items()}
    aside = path.with_name(f"{path.name}.partial")
    with aside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
    os.replace(aside, path)


def _replace_text(path: Path, text: str) -> None:
    aside = path.with_name(f"{path.name}.partial")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)
