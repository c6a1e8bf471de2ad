"""Features once for each system and seed, then every protocol on them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skelact.evaluation.baselines import raw_coordinates
from skelact.evaluation.protocols import PROTOCOLS, protocol_of
from skelact.evaluation.protocols.protocol import SYSTEMS, Change, Embed, Entry, System
from skelact.evaluation.split import Parts
from skelact.heads.labelled import Labelled, Outcome
from skelact.runtime.device import best_device
from skelact.sequences.store import Store
from skelact.settings import Precision, Recipe

if TYPE_CHECKING:
    from skelact.models import Model

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much
Vectors = tuple[NDArray[np.float32], NDArray[np.float32]]  # of the training and of the test part
Outcomes = dict[str, dict[str, dict[int, Outcome]]]  # entry, system, seed


def entries_of(protocols: Sequence[str], recipe: Recipe, store: Store) -> dict[str, Entry]:
    """What is measured, by key, in the order of the protocols."""
    return {key: entry for name in protocols for key, entry in PROTOCOLS[name].entries(recipe, store).items()}


def measure(
    models: Sequence["Model"],
    store: Store,
    parts: Parts,
    recipe: Recipe,
    protocols: Sequence[str],
    progress: Progress,
    precision: Precision = "float32",
) -> tuple[Outcomes, dict[str, Vectors]]:
    """Features once for each system and seed, then every protocol on them.

    Returns:
        Outcomes by entry, system and seed, and the features of the first seed by system.
    """
    entries = entries_of(protocols, recipe, store)
    outcomes: Outcomes = {key: {system: {} for system in protocol_of(key).systems} for key in entries}
    kept: dict[str, Vectors] = {}
    for model in models:
        for name, encoder in (("model", model), ("untrained", _untrained(model, store))):
            seed = model.recipe.train.seed
            progress_of = _told(f"{SYSTEMS[name]}, seed {seed}", progress)
            embed = _embedding(encoder, store, precision)
            system = _system(name, seed, encoder, embed, store, parts, recipe, progress_of)
            kept.setdefault(name, (system.train.vectors, system.test.vectors))
            for protocol in protocols:
                _run(protocol, system, outcomes, progress_of)
    if any("raw" in PROTOCOLS[name].systems for name in protocols):
        _measure_raw([model.recipe.train.seed for model in models], store, parts, recipe, outcomes, progress)
    return outcomes, kept


def _measure_raw(
    seeds: Sequence[int], store: Store, parts: Parts, recipe: Recipe, outcomes: Outcomes, progress: Progress
) -> None:
    """Raw coordinates know no seed: a protocol that draws nothing runs once and counts for all seeds."""

    def coordinates(
        rows: NDArray[np.int64], change: Change | None, told: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        return raw_coordinates(store, rows, recipe.data.frames, recipe.data.persons, told, change)

    progress_of = _told(SYSTEMS["raw"], progress)
    first = _system("raw", seeds[0], None, coordinates, store, parts, recipe, progress_of)
    others = [replace(first, seed=seed) for seed in seeds[1:]]
    for name in dict.fromkeys(key.partition("/")[0] for key in outcomes):
        if "raw" not in PROTOCOLS[name].systems:
            continue
        _run(name, first, outcomes, progress_of)
        for other in others:
            if PROTOCOLS[name].draws:
                _run(name, other, outcomes, progress_of)
                continue
            for key in entries_of([name], recipe, store):
                outcomes[key]["raw"][other.seed] = outcomes[key]["raw"][seeds[0]]


def _untrained(model: "Model", store: Store) -> "Model":
    from skelact.models import Model

    return Model.untrained(model.recipe, store, model.recipe.train.seed)


def _embedding(model: "Model", store: Store, precision: Precision) -> Embed:
    model.encoder.to(best_device())
    return lambda rows, change, told: model.embed(store, rows, progress=told, change=change, precision=precision)


def _system(
    name: str,
    seed: int,
    model: "Model | None",
    embed: Embed,
    store: Store,
    parts: Parts,
    recipe: Recipe,
    progress: Progress,
) -> System:
    """Both parts' vectors with their labels, and what made them."""
    rows = np.concatenate([parts.train, parts.test])
    vectors = embed(rows, None, lambda done, total: progress("features", done, total))
    labels, count = store.labels[rows], len(parts.train)
    train = Labelled(vectors[:count], labels[:count], len(store.classes))
    test = Labelled(vectors[count:], labels[count:], len(store.classes))
    return System(name, seed, recipe, store, parts, train, test, model, embed)


def _told(title: str, progress: Progress) -> Progress:
    return lambda stage, done, total: progress(f"{title}: {stage}", done, total)


def _run(name: str, system: System, outcomes: Outcomes, progress: Progress) -> None:
    entries = PROTOCOLS[name].entries(system.recipe, system.store)
    progress(next(iter(entries.values())).title, 0, 1)
    for key, outcome in PROTOCOLS[name].run(system, progress).items():
        outcomes[key][system.name][system.seed] = outcome
    progress(list(entries.values())[-1].title, 1, 1)
