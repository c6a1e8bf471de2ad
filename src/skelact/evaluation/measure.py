"""Features once for each system and seed, then every protocol on them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from skelact.evaluation.baselines import BASELINES, SYSTEMS, Embed, embedding
from skelact.evaluation.protocols import PROTOCOLS, protocol_of
from skelact.evaluation.protocols.protocol import Entry, Protocol, Report, System
from skelact.evaluation.results.build import Outcomes
from skelact.evaluation.split import Split
from skelact.heads.labelled import Labelled, Outcome
from skelact.models import Model
from skelact.sequences.store import Store
from skelact.settings import Precision, Recipe

Vectors = tuple[NDArray[np.float32], NDArray[np.float32]]  # of the training and of the test clips


def entries_of(protocols: Sequence[str], recipe: Recipe, store: Store) -> dict[str, Entry]:
    """What is measured, by key, in the order of the protocols."""
    return {key: entry for name in protocols for key, entry in PROTOCOLS[name].entries(recipe, store).items()}


@dataclass(frozen=True, eq=False)
class Task:
    """What is to be measured.

    Args:
        models: the trained encoders, one a seed.
        store: what they are measured on.
        split: its training and test clips.
        recipe: settings of the run, those of the protocols as they are to be used.
        protocols: names in ``PROTOCOLS``.
        precision: of the encoders' products when features are computed.
    """

    models: Sequence[Model]
    store: Store
    split: Split
    recipe: Recipe
    protocols: Sequence[str]
    precision: Precision = "float32"


def measure(task: Task, report: Report) -> tuple[Outcomes, dict[str, Vectors]]:
    """Features once for each system and seed, then every protocol on them.

    Returns:
        Outcomes by entry, system and seed, and the features of the first seed of every encoder, by system.
    """
    entries = entries_of(task.protocols, task.recipe, task.store)
    outcomes: dict[str, dict[str, dict[int, Outcome]]] = {
        key: {system: {} for system in protocol_of(key).systems} for key in entries
    }
    kept: dict[str, Vectors] = {}
    for model in task.models:
        embed = embedding(model, task.store, task.precision)
        system = _system(task, "model", model.recipe.train.seed, model, embed, report)
        kept.setdefault("model", (system.train.vectors, system.test.vectors))
        _run_all(system, task.protocols, outcomes, report)
        for name, baseline in BASELINES.items():
            if baseline.of_each_seed:
                system = _baseline(task, name, model, report)
                kept.setdefault(name, (system.train.vectors, system.test.vectors))
                _run_all(system, task.protocols, outcomes, report)
    for name, baseline in BASELINES.items():
        if not baseline.of_each_seed and any(name in PROTOCOLS[p].systems for p in task.protocols):
            _measure_once(task, name, outcomes, report)
    return outcomes, kept


def _measure_once(
    task: Task, name: str, outcomes: dict[str, dict[str, dict[int, Outcome]]], report: Report
) -> None:
    """Features that know no seed: a protocol that draws nothing runs once and counts for all seeds."""
    first = _baseline(task, name, task.models[0], report)
    others = [replace(first, seed=model.recipe.train.seed) for model in task.models[1:]]
    for key in task.protocols:
        protocol = PROTOCOLS[key]
        _run_all(first, [key], outcomes, report)
        for other in others:
            if protocol.draws:
                _run_all(other, [key], outcomes, report)
                continue
            for entry in entries_of([key], task.recipe, task.store) if name in protocol.systems else ():
                outcomes[entry][name][other.seed] = outcomes[entry][name][first.seed]


def _baseline(task: Task, name: str, model: Model, report: Report) -> System:
    encoder, embed = BASELINES[name].build(model, task.store, task.recipe, task.precision)
    return _system(task, name, model.recipe.train.seed, encoder, embed, report)


def _system(task: Task, name: str, seed: int, model: Model | None, embed: Embed, report: Report) -> System:
    """The vectors of all clips with their labels, and what made them."""
    store, split = task.store, task.split
    rows = np.concatenate([split.train, split.test])
    titled = _titled(name, seed, report)
    vectors = embed(rows, None, lambda done, total: titled("features", done, total))
    labels, count = store.labels[rows], len(split.train)
    train = Labelled(vectors[:count], labels[:count], len(store.classes))
    test = Labelled(vectors[count:], labels[count:], len(store.classes))
    return System(name, seed, task.recipe, store, split, train, test, model, embed)


def _titled(name: str, seed: int, report: Report) -> Report:
    """A report that says which system it is of."""
    title = f"{SYSTEMS[name]}, seed {seed}" if name == "model" or BASELINES[name].of_each_seed else SYSTEMS[name]
    return lambda stage, done, total: report(f"{title}: {stage}", done, total)


def _run_all(
    system: System, names: Sequence[str], outcomes: dict[str, dict[str, dict[int, Outcome]]], report: Report
) -> None:
    """Run those of the protocols that measure such a system."""
    titled = _titled(system.name, system.seed, report)
    for protocol in (PROTOCOLS[name] for name in names):
        if system.name in protocol.systems:
            _run(protocol, system, outcomes, titled)


def _run(
    protocol: Protocol, system: System, outcomes: dict[str, dict[str, dict[int, Outcome]]], report: Report
) -> None:
    entries = list(protocol.entries(system.recipe, system.store).values())
    report(entries[0].title, 0, 1)
    for key, outcome in protocol.run(system, report).items():
        outcomes[key][system.name][system.seed] = outcome
    report(entries[-1].title, 1, 1)
