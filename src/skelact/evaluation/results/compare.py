"""Runs side by side: the same test clips, seeds, intervals and a paired test of every difference."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from skelact import __version__
from skelact.errors import UserError
from skelact.evaluation.results.results import MODEL, Data, cleaning_words
from skelact.evaluation.results.statistics import mcnemar, paired_bootstrap
from skelact.evaluation.results.stored import Stored, check_runs_differ, chosen_entries

FORMAT = 2
DRAWS_SEED = 0  # of the bootstrap: the same results give the same intervals

Against = Literal["first", "baseline"]
Place = tuple[Stored, str]  # results and one of their systems


@dataclass(frozen=True)
class Compared:
    """A run that is compared.

    Args:
        run: its folder.
        method: what trained it.
        stream: of the training.
        epochs: of the training.
        seeds: of the run.
        commands: what measures it again.
        version: of skelact.
        created: when it was measured.
    """

    run: str
    method: str
    stream: str
    epochs: int
    seeds: tuple[int, ...]
    commands: tuple[str, ...]
    version: str
    created: str


@dataclass(frozen=True)
class Reference:
    """What every row of an entry is tested against: a system of a run.

    Args:
        run: folder of the run.
        system: such as ``model``.
        name: what tables call the system.
    """

    run: str
    system: str
    name: str


@dataclass(frozen=True)
class SeedTest:
    """McNemar's test of a row and the reference, of one seed.

    Args:
        only_this_right: clips that only the row has right.
        only_reference_right: clips that only the reference has right.
        p: probability of a split at least as uneven if both were equally good.
    """

    only_this_right: int
    only_reference_right: int
    p: float


@dataclass(frozen=True)
class Difference:
    """A row minus the reference.

    Args:
        difference: of the mean accuracies.
        interval: 95 %, of a paired bootstrap over the test clips; None where clips were asked several times.
        seeds: paired test of each seed that both have.
    """

    difference: float
    interval: tuple[float, float] | None
    seeds: dict[str, SeedTest]


@dataclass(frozen=True)
class Row:
    """A system of a run in an entry.

    Args:
        run: folder of the run.
        system: such as ``model``.
        name: what tables call the system.
        value: accuracy.
        std: deviation over seeds.
        interval: of the accuracy.
        seeds: accuracy of each seed.
        versus: difference from the reference; None where there is none, or this is it.
    """

    run: str
    system: str
    name: str
    value: float
    std: float | None
    interval: tuple[float, float] | None
    seeds: dict[str, float]
    versus: Difference | None


@dataclass(frozen=True)
class ComparedEntry:
    """An entry of several runs.

    Args:
        title: what tables call it.
        protocol: name of the protocol.
        reference: what the rows are tested against; None where the first run lacks the entry.
        rows: the trained encoder of each run, then the best baseline of all.
    """

    title: str
    protocol: str
    reference: Reference | None
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Comparison:
    """Several runs side by side.

    Args:
        format: of its JSON form.
        version: of skelact.
        data: what all were measured on; the store is the first run's.
        against: what the rows are tested against.
        runs: what is compared.
        caveats: what makes the runs differ beside what they are compared for, then their own caveats.
        protocols: by key.
    """

    format: int
    version: str
    data: Data
    against: str
    runs: tuple[Compared, ...]
    caveats: tuple[str, ...]
    protocols: dict[str, ComparedEntry]


def compare(measured: Sequence[Stored], protocols: Sequence[str] = (), against: Against = "first") -> Comparison:
    """The results of several runs side by side.

    In each entry a row for each run's trained encoder, then the best of all baselines.

    Args:
        measured: what ``read_results`` gave, each run once.
        protocols: names of protocols or keys of entries; all when empty.
        against: the reference of the tests: the trained encoder of the first run, or the best baseline.

    Raises:
        UserError: too few runs, one named twice, or results that cannot be compared: another data set, split,
            hold-out, cleaning or content of the store; other test clips.
    """
    if len(measured) < (2 if against == "first" else 1):
        raise UserError("name at least two runs to compare, or compare one with --against baseline")
    _check_comparable(measured)
    keys = chosen_entries(measured, protocols)
    return Comparison(
        format=FORMAT,
        version=__version__,
        data=measured[0].results.data,
        against=against,
        runs=tuple(_compared(one) for one in measured),
        caveats=tuple(_caveats(measured, keys)),
        protocols={key: _entry(key, measured, against) for key in keys},
    )


def _compared(one: Stored) -> Compared:
    r = one.results
    return Compared(str(one.run), r.method, r.stream, r.epochs, r.seeds, r.commands, r.version, r.created)


def _check_comparable(measured: Sequence[Stored]) -> None:
    check_runs_differ(measured)
    first = measured[0]
    for other in measured[1:]:
        ours, theirs = (measured_on(one.results.data) for one in (first, other))
        for what, value in ours.items():
            if theirs[what] != value:
                raise UserError(
                    f"{first.run} and {other.run} cannot be compared: {what} is {value} and {theirs[what]}. "
                    "Measure both on the same store and split"
                )
        _check_clips(first, other)


def measured_on(data: Data) -> dict[str, str]:
    """What results must share to be put side by side, in words, the most telling first."""
    return {
        "the data set": data.dataset or "none",
        "the skeleton": data.skeleton,
        "the split": data.split or "none",
        "the hold-out": data.hold_out or "none",
        "the cleaning": cleaning_words(data.cleaning),
        "the fingerprint of the data": data.fingerprint,
    }


def _check_clips(first: Stored, other: Stored) -> None:
    """The same names and labels in the same order: what paired tests rest on."""
    ours, theirs = (
        list(zip(one.predictions.names, one.predictions.labels, strict=True)) for one in (first, other)
    )
    alike = "Measure both on the same store and split"
    if len(ours) != len(theirs):
        raise UserError(
            f"{first.run} and {other.run} cannot be compared: {len(ours)} and {len(theirs)} test clips. {alike}"
        )
    for place, (one, two) in enumerate(zip(ours, theirs, strict=True), start=1):
        if one != two:
            raise UserError(
                f"{first.run} and {other.run} cannot be compared: test clip {place} is {one[1]} of {one[0]} and "
                f"{two[1]} of {two[0]}. {alike}"
            )


def _entry(key: str, measured: Sequence[Stored], against: Against) -> ComparedEntry:
    having = [one for one in measured if key in one.entries]
    best = _best_baseline(key, having)
    reference = (having[0], MODEL) if against == "first" else best
    if against == "first" and having[0] is not measured[0]:
        reference = None  # the first run was not measured by this protocol
    places = [(one, MODEL) for one in having] + ([best] if best else [])
    first = having[0].entries[key]
    return ComparedEntry(
        first.title,
        first.protocol,
        _reference(key, *reference) if reference else None,
        tuple(_row(key, place, reference) for place in places),
    )


def _best_baseline(key: str, having: Sequence[Stored]) -> Place | None:
    """The system without training that is right most often; the first of those that are equal."""
    best = [(one, name) for one in having if (name := one.entries[key].best_baseline) is not None]
    return max(best, key=lambda place: place[0].entries[key].systems[place[1]].value, default=None)


def _reference(key: str, one: Stored, system: str) -> Reference:
    return Reference(str(one.run), system, one.entries[key].systems[system].name)


def _row(key: str, place: Place, reference: Place | None) -> Row:
    one, system = place
    values = one.entries[key].systems[system]
    versus = _versus(key, place, reference) if reference and place != reference else None
    return Row(str(one.run), system, values.name, values.value, values.std, values.interval, values.seeds, versus)


def _versus(key: str, place: Place, reference: Place) -> Difference:
    ours, theirs = (one.entries[key].systems[system].value for one, system in (place, reference))
    first, second = (one.predictions.right(key, system) for one, system in (place, reference))
    if not first or not second:
        return Difference(ours - theirs, None, {})
    own, other = (np.mean(list(seeds.values()), axis=0) for seeds in (first, second))
    found = paired_bootstrap(own, other, np.random.default_rng(DRAWS_SEED))
    tests = {}
    for seed in sorted(first.keys() & second.keys(), key=int):
        pair = mcnemar(first[seed], second[seed])
        tests[seed] = SeedTest(pair.only_first, pair.only_second, pair.p)
    return Difference(ours - theirs, (found.low, found.high), tests)


def _caveats(measured: Sequence[Stored], keys: Sequence[str]) -> list[str]:
    """What makes the runs differ beside what they are compared for, then their own caveats."""
    found = [
        *_apart("epochs of training", [one.results.epochs for one in measured], measured),
        *_apart("seeds", [", ".join(map(str, one.results.seeds)) for one in measured], measured),
        *_apart("versions of skelact", [one.results.version for one in measured], measured),
    ]
    for key in keys:
        having = [one for one in measured if key in one.entries]
        names = dict.fromkeys(name for one in having for name in _flat(one, key))
        for name in names:
            found += _apart(f"settings {name}", [_flat(one, key).get(name) for one in having], having)
    return [*dict.fromkeys(found), *_not_measured(measured, keys), *_own_caveats(measured)]


def _flat(one: Stored, key: str) -> dict[str, object]:
    """Settings of an entry by ``group.name``."""
    groups = one.entries[key].settings.items()
    return {f"{group}.{name}": value for group, values in groups for name, value in values.items()}


def _not_measured(measured: Sequence[Stored], keys: Sequence[str]) -> list[str]:
    """What some runs lack: protocols by their name where they lack all of one, otherwise its keys."""
    lacking: dict[str, list[str]] = {}
    for name in dict.fromkeys(key.partition("/")[0] for key in keys):
        family = [key for key in keys if key.partition("/")[0] == name]
        for one in measured:
            missing = [key for key in family if key not in one.entries]
            lacking.setdefault(str(one.run), []).extend([name] if missing == family else missing)
    return [f"{run} was not measured by {', '.join(names)}." for run, names in lacking.items() if names]


def _apart(what: str, values: Sequence[object], measured: Sequence[Stored]) -> Iterator[str]:
    if any(value != values[0] for value in values):
        each = "; ".join(f"{value} ({one.run})" for value, one in zip(values, measured, strict=True))
        yield f"Different {what}: {each}."


def _own_caveats(measured: Sequence[Stored]) -> list[str]:
    """Once what holds for all of them, with its name what holds for some."""
    found: dict[str, list[str]] = {}
    for one in measured:
        for caveat in one.results.every_caveat:
            found.setdefault(caveat, []).append(str(one.run))
    return [text if len(runs) == len(measured) else f"{', '.join(runs)}: {text}" for text, runs in found.items()]
