"""Features once for each system and seed, then every protocol on them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skelact.config import Recipe
from skelact.evaluation.baselines import raw_coordinates
from skelact.evaluation.labelled import Labelled, Outcome
from skelact.evaluation.parts import Parts
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.results import SYSTEMS
from skelact.models.device import best_device
from skelact.sequences.store import Store

if TYPE_CHECKING:
    from skelact.models import Model

Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much
Embed = Callable[[NDArray[np.int64], Callable[[int, int], None]], NDArray[np.float32]]
Vectors = tuple[NDArray[np.float32], NDArray[np.float32]]  # of the training and of the test part


def measure(
    models: Sequence["Model"],
    store: Store,
    parts: Parts,
    recipe: Recipe,
    protocols: Sequence[str],
    progress: Progress,
) -> tuple[dict[str, dict[str, dict[int, Outcome]]], dict[str, Vectors]]:
    """Features once for each system and seed, then every protocol on them.

    Returns:
        Outcomes by protocol, system and seed, and the features of the first seed by system.
    """
    outcomes: dict[str, dict[str, dict[int, Outcome]]] = {
        name: {system: {} for system in SYSTEMS} for name in protocols
    }
    kept: dict[str, Vectors] = {}
    for model in models:
        seed = model.recipe.train.seed
        for system, encoder in (("model", model), ("untrained", _untrained(model, store))):
            title = f"{SYSTEMS[system]}, seed {seed}"
            train, test = _features(store, parts, _embedding(encoder, store), title, progress)
            kept.setdefault(system, (train.vectors, test.vectors))
            for name in protocols:
                outcomes[name][system][seed] = _run(name, train, test, recipe, seed, title, progress)
    _measure_raw(models, store, parts, recipe, outcomes, progress)
    return outcomes, kept


def _measure_raw(
    models: Sequence["Model"],
    store: Store,
    parts: Parts,
    recipe: Recipe,
    outcomes: dict[str, dict[str, dict[int, Outcome]]],
    progress: Progress,
) -> None:
    """Raw coordinates know no seed: a protocol that draws nothing runs once and counts for all seeds."""
    title = SYSTEMS["raw"]

    def coordinates(rows: NDArray[np.int64], told: Callable[[int, int], None]) -> NDArray[np.float32]:
        return raw_coordinates(store, rows, recipe.data.frames, recipe.data.persons, told)

    train, test = _features(store, parts, coordinates, title, progress)
    for name, systems in outcomes.items():
        for seed in (model.recipe.train.seed for model in models):
            if systems["raw"] and not PROTOCOLS[name].draws:
                systems["raw"][seed] = next(iter(systems["raw"].values()))
            else:
                systems["raw"][seed] = _run(name, train, test, recipe, seed, title, progress)


def _untrained(model: "Model", store: Store) -> "Model":
    from skelact.models import Model

    return Model.untrained(model.recipe, store, model.recipe.train.seed)


def _embedding(model: "Model", store: Store) -> Embed:
    model.encoder.to(best_device())
    return lambda rows, told: model.embed(store, rows, progress=told)


def _features(
    store: Store, parts: Parts, embed: Embed, title: str, progress: Progress
) -> tuple[Labelled, Labelled]:
    """Both parts' vectors with their labels."""
    rows = np.concatenate([parts.train, parts.test])
    vectors = embed(rows, lambda done, total: progress(f"{title}: features", done, total))
    labels, count = store.labels[rows], len(parts.train)
    return (
        Labelled(vectors[:count], labels[:count], len(store.classes)),
        Labelled(vectors[count:], labels[count:], len(store.classes)),
    )


def _run(
    name: str, train: Labelled, test: Labelled, recipe: Recipe, seed: int, title: str, progress: Progress
) -> Outcome:
    stage = f"{title}: {PROTOCOLS[name].title_for(recipe)}"
    progress(stage, 0, 1)
    outcome = PROTOCOLS[name].run(train, test, recipe, seed, lambda done, total: progress(stage, done, total))
    progress(stage, 1, 1)
    return outcome
