"""results.json: every number of an evaluation with what is needed to judge and to repeat it."""

import csv
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact import __version__
from skelact.evaluation.protocols import protocol_of
from skelact.evaluation.protocols.protocol import Entry
from skelact.evaluation.results.statistics import mcnemar, mean_and_deviation, wilson
from skelact.evaluation.split import Parts
from skelact.heads.labelled import Outcome, confusion
from skelact.runtime.environment import machine
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store
from skelact.settings import Recipe, recipe_to_dict, to_dict

FORMAT = 1

Outcomes = Mapping[str, Mapping[str, Mapping[int, Outcome]]]  # entry, system, seed


@dataclass(frozen=True, eq=False)
class Truth:
    """What the test clips show.

    Args:
        names: (Q) of the clips.
        labels: (Q,) index into ``classes``.
        classes: names.
        copies: (Q,) whether a clip is a copy of a training clip.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    copies: NDArray[np.bool_]

    @classmethod
    def of(cls, store: Store, parts: Parts, copies: NDArray[np.bool_]) -> "Truth":
        """That of the test part of a store."""
        names = tuple(str(name) for name in store.columns["name"][parts.test].tolist())
        return cls(names, store.labels[parts.test], store.classes, copies)


def build(
    *,
    run: Path,
    command: str,
    store: Store,
    parts: Parts,
    recipe: Recipe,
    model: Mapping[str, Any],
    entries: Mapping[str, Entry],
    outcomes: Outcomes,
    truth: Truth,
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
        entries: what was measured, by key.
        outcomes: predictions, by the same keys.
        truth: what the test clips show.
        notes: what a reader must know.
    """
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
            "skeleton": (store.map.source if isinstance(store, MappedStore) else store.skeleton).name,
            "mapped_to": store.skeleton.name if isinstance(store, MappedStore) else "",  # layout of the encoder
            "fingerprint": store.fingerprint,
            "cleaning": store.cleaning,
            "split": parts.split,
            "hold_out": parts.hold_out,
            "clips": {"train": len(parts.train), "test": len(parts.test)},
            "copies": int(truth.copies.sum()),
            "classes": list(store.classes),
            "most_frequent_class": _most_frequent(store.labels[parts.train], truth.labels, len(store.classes)),
        },
        "protocols": build_entries(entries, outcomes, recipe, truth),
        "notes": notes,
        "settings": recipe_to_dict(recipe),
        "machine": machine(),
    }


def build_entries(
    entries: Mapping[str, Entry], outcomes: Outcomes, recipe: Recipe, truth: Truth
) -> dict[str, Any]:
    """The numbers of each entry, as ``build`` says."""
    return {key: _entry(key, entry, outcomes[key], recipe, truth) for key, entry in entries.items()}


def write(folder: Path, results: dict[str, Any]) -> Path:
    """Write ``results.json`` into ``folder``, aside and then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    aside = path.with_name("results.json.partial")
    aside.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(aside, path)
    return path


def write_predictions(folder: Path, truth: Truth, outcomes: Outcomes) -> Path:
    """Write ``predictions.csv``: for each test clip its label and what every system took it for.

    Entries of several episodes have several answers for each clip and are left out.
    """
    columns = {name: outcome.predicted for name, outcome in one_by_one(outcomes) if outcome.episodes is None}
    path = folder / "predictions.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["name", "label", *columns])
        for place, name in enumerate(truth.names):
            said = [truth.classes[predicted[place]] for predicted in columns.values()]
            table.writerow([name, truth.classes[truth.labels[place]], *said])
    return path


def one_by_one(outcomes: Outcomes) -> Iterator[tuple[str, Outcome]]:
    """``linear/model/seed-0`` and its outcome, one by one."""
    for entry, systems in outcomes.items():
        for system, seeds in systems.items():
            for seed, outcome in seeds.items():
                yield f"{entry}/{system}/seed-{seed}", outcome


def _entry(
    key: str, entry: Entry, systems: Mapping[str, Mapping[int, Outcome]], recipe: Recipe, truth: Truth
) -> dict[str, Any]:
    protocol = protocol_of(key)
    labels, classes = truth.labels, truth.classes
    table = np.asarray(sum(_confusion(outcome, labels, len(classes)) for outcome in systems["model"].values()))
    clips = np.bincount(labels, minlength=len(classes))
    right = np.diagonal(table) / np.maximum(table.sum(axis=1), 1)
    return {
        "title": entry.title,
        "protocol": key.partition("/")[0],
        "settings": to_dict(protocol.settings(recipe)),
        "points": [asdict(point) for point in entry.points],  # curves that it is part of
        "systems": {
            system: {"name": protocol.systems[system]} | _system(seeds, labels, truth.copies)
            for system, seeds in systems.items()
        },
        "versus": {
            system: _versus(systems["model"], systems[system], labels) for system in systems if system != "model"
        },
        "per_class": {
            one: {"clips": int(clips[c]), "accuracy": float(right[c]) if clips[c] else None}
            for c, one in enumerate(classes)
        },
        # Row: the label, column: what it was taken for; summed over the seeds, and over episodes.
        "confusion": table.tolist(),
    }


def _confusion(outcome: Outcome, labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    said = outcome.predicted if outcome.episodes is None else outcome.episodes
    return confusion(said.reshape(-1), np.resize(labels, said.size), classes)


def _system(seeds: Mapping[int, Outcome], labels: NDArray[np.int64], copies: NDArray[np.bool_]) -> dict[str, Any]:
    best = {seed: outcome.best_on_test for seed, outcome in seeds.items()}
    found = [value for value in best.values() if value is not None]
    measures = next(iter(seeds.values())).measures
    return _over_seeds({seed: outcome.accuracy for seed, outcome in seeds.items()}, len(labels)) | {
        "best_on_test": {
            "mean": mean_and_deviation(found)[0],
            "seeds": {str(seed): value for seed, value in best.items()},
        }
        if found
        else None,
        "without_copies": _without_copies(seeds, labels, copies),
        "curves": {str(seed): list(outcome.curve) for seed, outcome in seeds.items() if outcome.curve},
        "measures": {
            name: _over_seeds({seed: outcome.measures[name] for seed, outcome in seeds.items()})
            for name in measures
        },
        "chosen": {str(seed): dict(outcome.chosen) for seed, outcome in seeds.items() if outcome.chosen},
    }


def _over_seeds(values: Mapping[int, float], clips: int = 0) -> dict[str, Any]:
    """Mean, deviation and each seed's value; of an accuracy on ``clips`` clips the interval, too."""
    mean, deviation = mean_and_deviation(list(values.values()))
    interval = {"interval": list(wilson(mean, clips))} if clips else {}
    seeds = {str(seed): value for seed, value in values.items()}
    return {"value": mean, "std": deviation, **interval, "seeds": seeds}


def _without_copies(
    seeds: Mapping[int, Outcome], labels: NDArray[np.int64], copies: NDArray[np.bool_]
) -> dict[str, Any] | None:
    """Accuracy on the test clips that are no copies; None where there are no copies, or nothing else."""
    own = ~copies
    if own.all() or not own.any():
        return None
    return _over_seeds(
        {seed: float(_right(o, labels)[..., own].mean()) for seed, o in seeds.items()}, int(own.sum())
    )


def _right(outcome: Outcome, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) or (E, N) which predictions are right."""
    said = outcome.predicted if outcome.episodes is None else outcome.episodes
    right: NDArray[np.bool_] = said == labels
    return right


def _versus(
    ours: Mapping[int, Outcome], theirs: Mapping[int, Outcome], labels: NDArray[np.int64]
) -> dict[str, Any]:
    gain = mean_and_deviation([ours[seed].accuracy - theirs[seed].accuracy for seed in ours])[0]
    # Over episodes each clip is asked many times, with training clips in common: no paired test holds there.
    paired = {
        seed: mcnemar(outcome.predicted == labels, theirs[seed].predicted == labels)
        for seed, outcome in ours.items()
        if outcome.episodes is None
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
