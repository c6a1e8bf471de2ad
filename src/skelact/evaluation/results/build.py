"""From the outcomes of an evaluation to its typed results."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from skelact.evaluation.protocols import protocol_of
from skelact.evaluation.protocols.protocol import Entry
from skelact.evaluation.results.results import (
    MODEL,
    Best,
    Clips,
    Data,
    Environment,
    Measured,
    OverSeeds,
    PairedTest,
    SystemResult,
    Versus,
)
from skelact.evaluation.results.statistics import mcnemar, wilson
from skelact.evaluation.split import Split
from skelact.heads.labelled import Outcome, confusion, mean_and_deviation
from skelact.layers.kernels import kernels_in_use
from skelact.runtime.device import best_device
from skelact.runtime.environment import environment
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store

Outcomes = Mapping[str, Mapping[str, Mapping[int, Outcome]]]  # entry, system, seed


@dataclass(frozen=True, eq=False)
class Truth:
    """What the test clips show.

    Args:
        names: (Q) of the clips.
        labels: (Q,) index into ``classes``.
        classes: names.
        duplicates: (Q,) whether a clip is also a training clip.
    """

    names: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    duplicates: NDArray[np.bool_]

    @classmethod
    def of(cls, store: Store, split: Split, duplicates: NDArray[np.bool_]) -> "Truth":
        """That of the test clips of a store."""
        names = tuple(str(name) for name in store.columns["name"][split.test].tolist())
        return cls(names, store.labels[split.test], store.classes, duplicates)

    def same_clips(self, other: "Truth") -> bool:
        """Whether these are the same clips with the same labels, in the same order."""
        same = (self.names, self.classes) == (other.names, other.classes)
        return same and np.array_equal(self.labels, other.labels)


@dataclass(frozen=True)
class Made:
    """How some entries were measured.

    Args:
        command: what measures them again.
        created: when.
        environment: on what.
        settings: of all protocols, by group.
        caveats: what a reader must know, by protocol.
    """

    command: str
    created: str
    environment: Environment
    settings: Mapping[str, Mapping[str, object]]
    caveats: Mapping[str, Sequence[str]]


def now() -> str:
    """The time, as results have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def environment_here() -> Environment:
    """That of this process."""
    kernels = kernels_in_use() if str(best_device()) == "cpu" else "torch"
    return Environment(**environment(), kernels=kernels)


def data_of(store: Store, split: Split, truth: Truth) -> Data:
    """What is measured on, in words and numbers."""
    mapped = isinstance(store, MappedStore)
    counts = np.bincount(truth.labels, minlength=len(store.classes)).tolist()
    most_frequent = np.bincount(store.labels[split.train], minlength=len(store.classes)).argmax()
    return Data(
        store=str(store.path),
        dataset=store.dataset,
        skeleton=(store.map.source if isinstance(store, MappedStore) else store.skeleton).name,
        mapped_to=store.skeleton.name if mapped else "",
        fingerprint=store.fingerprint,
        cleaning=dict(store.cleaning),
        split=split.name,
        hold_out=split.hold_out,
        clips=Clips(len(split.train), len(split.test), dict(zip(store.classes, counts, strict=True))),
        duplicates=int(truth.duplicates.sum()),
        classes=tuple(store.classes),
        most_frequent_class=float((truth.labels == most_frequent).mean()),
    )


def measured_entries(
    entries: Mapping[str, Entry], outcomes: Outcomes, truth: Truth, made: Made
) -> dict[str, Measured]:
    """The numbers of each entry.

    Accuracies are shares, 0 to 1. ``value`` is the mean over seeds at the last epoch; ``interval`` is the Wilson
    95 % interval of that mean on this number of test clips; ``p`` of ``versus`` is McNemar's, seed by seed;
    ``without_duplicates`` leaves out the test clips that are also training clips.

    Args:
        entries: what was measured, by key.
        outcomes: predictions, by the same keys.
        truth: what the test clips show.
        made: how.
    """
    return {key: _entry(key, entry, outcomes[key], truth, made) for key, entry in entries.items()}


def one_by_one(outcomes: Outcomes) -> Iterator[tuple[str, Outcome]]:
    """``linear/model/seed-0`` and its outcome, one by one."""
    for entry, systems in outcomes.items():
        for system, seeds in systems.items():
            for seed, outcome in seeds.items():
                yield f"{entry}/{system}/seed-{seed}", outcome


def _entry(
    key: str, entry: Entry, systems: Mapping[str, Mapping[int, Outcome]], truth: Truth, made: Made
) -> Measured:
    protocol, name = protocol_of(key), key.partition("/")[0]
    table = np.sum([_confusion(outcome, truth) for outcome in systems[MODEL].values()], axis=0)
    return Measured(
        title=entry.title,
        protocol=name,
        command=made.command,
        created=made.created,
        environment=made.environment,
        settings={group: dict(made.settings[group]) for group in protocol.groups},
        caveats=tuple(made.caveats.get(name, ())),
        points=entry.points,
        episodes=len(_answers(next(iter(systems[MODEL].values())))),
        systems={system: _system(protocol.systems[system], seeds, truth) for system, seeds in systems.items()},
        versus={
            system: _versus(systems[MODEL], seeds, truth.labels)
            for system, seeds in systems.items()
            if system != MODEL
        },
        confusion=tuple(map(tuple, table.tolist())),
    )


def _confusion(outcome: Outcome, truth: Truth) -> NDArray[np.int64]:
    answers = _answers(outcome)
    return confusion(answers.reshape(-1), np.resize(truth.labels, answers.size), len(truth.classes))


def _answers(outcome: Outcome) -> NDArray[np.int64]:
    """(E, Q) predictions of each episode, of which there may be one."""
    return outcome.predicted[None] if outcome.episodes is None else outcome.episodes


def _system(name: str, seeds: Mapping[int, Outcome], truth: Truth) -> SystemResult:
    total = np.sum([_confusion(outcome, truth) for outcome in seeds.values()], axis=0)
    found = {str(seed): o.best_on_test for seed, o in seeds.items() if o.best_on_test is not None}
    plain = _over_seeds({seed: outcome.accuracy for seed, outcome in seeds.items()}, len(truth.labels))
    return SystemResult(
        value=plain.value,
        std=plain.std,
        interval=plain.interval,
        seeds=plain.seeds,
        name=name,
        best_on_test=Best(mean_and_deviation(list(found.values()))[0], found) if found else None,
        without_duplicates=_without_duplicates(seeds, truth),
        curves={str(seed): outcome.curve for seed, outcome in seeds.items() if outcome.curve},
        measures={
            measure: _over_seeds({seed: outcome.measures[measure] for seed, outcome in seeds.items()})
            for measure in next(iter(seeds.values())).measures
        },
        chosen={str(seed): dict(outcome.chosen) for seed, outcome in seeds.items() if outcome.chosen},
        per_class={
            one: float(total[c, c] / total[c].sum()) if total[c].any() else None
            for c, one in enumerate(truth.classes)
        },
    )


def _over_seeds(values: Mapping[int, float], clips: int = 0) -> OverSeeds:
    """Mean, deviation and each seed's value; of an accuracy on ``clips`` clips the interval, too."""
    mean, deviation = mean_and_deviation(list(values.values()))
    seeds = {str(seed): float(value) for seed, value in values.items()}
    return OverSeeds(mean, deviation, wilson(mean, clips) if clips else None, seeds)


def _without_duplicates(seeds: Mapping[int, Outcome], truth: Truth) -> OverSeeds | None:
    """Accuracy on the test clips that are no training clips; None where all are so, or none is."""
    own = ~truth.duplicates
    if own.all() or not own.any():
        return None
    right = {seed: (_answers(outcome) == truth.labels)[:, own] for seed, outcome in seeds.items()}
    return _over_seeds({seed: float(one.mean()) for seed, one in right.items()}, int(own.sum()))


def _versus(ours: Mapping[int, Outcome], theirs: Mapping[int, Outcome], labels: NDArray[np.int64]) -> Versus:
    gain = mean_and_deviation([ours[seed].accuracy - theirs[seed].accuracy for seed in ours])[0]
    # Over episodes each clip is asked many times, with training clips in common: no paired test holds there.
    paired = {
        seed: mcnemar(outcome.predicted == labels, theirs[seed].predicted == labels)
        for seed, outcome in ours.items()
        if outcome.episodes is None
    }
    return Versus(
        gain, {str(seed): PairedTest(pair.only_first, pair.only_second, pair.p) for seed, pair in paired.items()}
    )
