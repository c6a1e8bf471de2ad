"""scores.npz: what every system said of every test clip, class by class: what late fusion adds."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.evaluation.protocols import protocol_of
from skelact.evaluation.results import Outcomes, Truth, one_by_one
from skelact.readers.numpy_files import ZIP_FAULTS, read_members

SCORES = "scores.npz"
PREFIX = "scores/"


@dataclass(frozen=True, eq=False)
class Scores:
    """What ``scores.npz`` holds.

    Args:
        truth: the test clips.
        scores: (Q, classes) float32 by ``entry/system/seed-N``.
    """

    truth: Truth
    scores: Mapping[str, NDArray[np.float32]]


def write_scores(folder: Path, truth: Truth, outcomes: Outcomes) -> Path:
    """Write ``scores.npz``: scores of the protocols that can be fused, names and labels of the test clips."""
    arrays: dict[str, NDArray[np.generic]] = {
        "names": np.array(truth.names),
        "labels": truth.labels,
        "classes": np.array(truth.classes),
        "copies": truth.copies,
    }
    for name, outcome in one_by_one(outcomes):
        if protocol_of(name).fuses:
            arrays[f"{PREFIX}{name}"] = outcome.scores
    path = folder / SCORES
    partial = folder / f"{SCORES}.partial"
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
    os.replace(partial, path)
    return path


def read_scores(path: Path) -> Scores:
    """What ``write_scores`` wrote.

    Raises:
        FileError: no such file, or not one of these.
    """
    if not path.is_file():
        raise FileError(path, "not found. Measure the run again")
    try:
        arrays = read_members(path)
        truth = Truth(
            tuple(arrays["names"].tolist()),
            arrays["labels"],
            tuple(arrays["classes"].tolist()),
            arrays["copies"],
        )
    except (OSError, KeyError, *ZIP_FAULTS) as error:
        raise FileError(path, f"no whole file of scores ({error}). Measure the run again") from error
    scores = {name.removeprefix(PREFIX): values for name, values in arrays.items() if name.startswith(PREFIX)}
    expected = (len(truth.names), len(truth.classes))
    for name, values in scores.items():
        if values.shape != expected or truth.labels.shape != expected[:1]:
            raise FileError(path, f"{name} is {values.shape}, expected {expected}. Measure the run again")
    return Scores(truth, scores)
