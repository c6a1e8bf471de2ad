"""results.json: every number of an evaluation with what is needed to judge and to repeat it."""

import csv
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact import __version__
from skelact.config import Recipe, to_dict
from skelact.evaluation.intervals import mcnemar, mean_and_deviation, wilson
from skelact.evaluation.labelled import Outcome, accuracy, confusion
from skelact.evaluation.machine import machine
from skelact.evaluation.parts import Parts
from skelact.evaluation.protocols import PROTOCOLS
from skelact.sequences.store import Store

FORMAT = 1
SYSTEMS = {"model": "trained encoder", "untrained": "untrained encoder", "raw": "raw coordinates"}

Outcomes = Mapping[str, Mapping[str, Mapping[int, Outcome]]]  # protocol, system, seed


def build(
    *,
    run: Path,
    command: str,
    store: Store,
    parts: Parts,
    recipe: Recipe,
    model: Mapping[str, Any],
    outcomes: Outcomes,
    copies: NDArray[np.bool_],
    notes: list[str],
) -> dict[str, Any]:
    """Plain values for ``results.json``.

    Accuracies are shares, 0 to 1. ``value`` is the mean over seeds at the last epoch; ``interval`` is the Wilson
    95 % interval of that mean on this number of test clips; ``p`` of ``versus`` is McNemar's, seed by seed;
    ``without_copies`` leaves out the test clips that are also training clips.

    Args:
        run: folder of the run.
        command: what measures the same again.
        store: what was measured on.
        parts: its training and test part.
        recipe: settings, those of the protocols as they were used.
        model: what the model says of itself.
        outcomes: predictions.
        copies: (Q,) whether a test clip is a copy of a training clip.
        notes: what a reader must know.
    """
    labels, classes = store.labels[parts.test], store.classes
    return {
        "format": FORMAT,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "run": str(run),
        "method": recipe.method.name,
        "model": dict(model),  # what it says of itself, the first seed
        "seeds": sorted(next(iter(outcomes.values()))["model"]),
        "data": {
            "store": str(store.path),
            "dataset": store.dataset,
            "skeleton": store.skeleton.name,
            "fingerprint": store.fingerprint,
            "split": parts.split,
            "hold_out": parts.hold_out,
            "clips": {"train": len(parts.train), "test": len(parts.test)},
            "copies": int(copies.sum()),
            "classes": list(classes),
            "most_frequent_class": _most_frequent(store.labels[parts.train], labels, len(classes)),
        },
        "protocols": {
            name: _protocol(name, recipe, systems, labels, copies, classes) for name, systems in outcomes.items()
        },
        "notes": notes,
        "settings": to_dict(recipe),
        "machine": machine(),
    }


def write(folder: Path, results: dict[str, Any]) -> Path:
    """Write ``results.json`` into ``folder``, aside and then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    aside = path.with_name("results.json.partial")
    aside.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(aside, path)
    return path


def write_predictions(folder: Path, store: Store, parts: Parts, outcomes: Outcomes) -> Path:
    """Write ``predictions.csv``: for each test clip its label and what every system took it for."""
    columns = {
        f"{protocol}/{system}/seed-{seed}": outcome.predicted
        for protocol, systems in outcomes.items()
        for system, seeds in systems.items()
        for seed, outcome in seeds.items()
    }
    path = folder / "predictions.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["name", "label", *columns])
        for place, row in enumerate(parts.test):
            said = [store.classes[predicted[place]] for predicted in columns.values()]
            table.writerow([store.columns["name"][row], store.columns["label"][row], *said])
    return path


def _protocol(
    name: str,
    recipe: Recipe,
    systems: Mapping[str, Mapping[int, Outcome]],
    labels: NDArray[np.int64],
    copies: NDArray[np.bool_],
    classes: tuple[str, ...],
) -> dict[str, Any]:
    table = sum(confusion(outcome.predicted, labels, len(classes)) for outcome in systems["model"].values())
    table = np.asarray(table)
    clips = np.bincount(labels, minlength=len(classes))
    right = np.diagonal(table) / np.maximum(table.sum(axis=1), 1)
    return {
        "title": PROTOCOLS[name].title_for(recipe),
        "settings": to_dict(getattr(recipe, PROTOCOLS[name].settings)),
        "systems": {system: _system(seeds, labels, copies) for system, seeds in systems.items()},
        "versus": {
            system: _versus(systems["model"], systems[system], labels) for system in systems if system != "model"
        },
        "per_class": {
            one: {"clips": int(clips[c]), "accuracy": float(right[c]) if clips[c] else None}
            for c, one in enumerate(classes)
        },
        "confusion": table.tolist(),  # summed over the seeds; row: the label, column: what it was taken for
    }


def _system(seeds: Mapping[int, Outcome], labels: NDArray[np.int64], copies: NDArray[np.bool_]) -> dict[str, Any]:
    mean, deviation = mean_and_deviation([outcome.accuracy for outcome in seeds.values()])
    best = {seed: outcome.best_on_test for seed, outcome in seeds.items()}
    found = [value for value in best.values() if value is not None]
    return {
        "value": mean,
        "std": deviation,
        "interval": list(wilson(mean, len(labels))),
        "seeds": {str(seed): outcome.accuracy for seed, outcome in seeds.items()},
        "best_on_test": {
            "mean": mean_and_deviation(found)[0],
            "seeds": {str(seed): value for seed, value in best.items()},
        }
        if found
        else None,
        "without_copies": _without_copies(seeds, labels, copies),
        "curves": {str(seed): list(outcome.curve) for seed, outcome in seeds.items() if outcome.curve},
    }


def _without_copies(
    seeds: Mapping[int, Outcome], labels: NDArray[np.int64], copies: NDArray[np.bool_]
) -> dict[str, Any] | None:
    """Accuracy on the test clips that are no copies; None where there are no copies, or nothing else."""
    own = ~copies
    if own.all() or not own.any():
        return None
    values = {seed: accuracy(outcome.predicted[own], labels[own]) for seed, outcome in seeds.items()}
    mean, deviation = mean_and_deviation(list(values.values()))
    return {
        "value": mean,
        "std": deviation,
        "interval": list(wilson(mean, int(own.sum()))),
        "seeds": {str(seed): value for seed, value in values.items()},
    }


def _versus(
    ours: Mapping[int, Outcome], theirs: Mapping[int, Outcome], labels: NDArray[np.int64]
) -> dict[str, Any]:
    gain = mean_and_deviation([ours[seed].accuracy - theirs[seed].accuracy for seed in ours])[0]
    paired = {
        seed: mcnemar(outcome.predicted == labels, theirs[seed].predicted == labels)
        for seed, outcome in ours.items()
    }
    return {
        "gain": gain,
        "seeds": {
            str(seed): {"only_model_right": pair.only_first, "only_other_right": pair.only_second, "p": pair.p}
            for seed, pair in paired.items()
        },
    }


def _most_frequent(train: NDArray[np.int64], test: NDArray[np.int64], classes: int) -> float:
    """Accuracy of always answering the most frequent class of the training part."""
    return float((test == np.bincount(train, minlength=classes).argmax()).mean())
