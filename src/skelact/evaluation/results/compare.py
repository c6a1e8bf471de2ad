"""Runs side by side: the same test clips, seeds, intervals and a paired test of every difference."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from skelact import __version__
from skelact.errors import UserError
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.protocols.protocol import SYSTEMS
from skelact.evaluation.results.statistics import mcnemar, paired_bootstrap
from skelact.evaluation.results.stored import Stored, chosen_entries, cleaning_words

FORMAT = 1
DRAWS_SEED = 0  # of the bootstrap: the same results give the same intervals

Against = Literal["first", "baseline"]
Place = tuple[Stored, str]  # results and one of their systems


def compare(
    measured: Sequence[Stored], protocols: Sequence[str] = (), against: Against = "first"
) -> dict[str, Any]:
    """The results of several runs side by side, as plain values.

    In each entry a row for each run's trained encoder, then the best of all untrained encoders and raw
    coordinates. ``versus`` of a row is its difference from the reference: ``interval`` is the 95 % interval of a
    paired bootstrap over the test clips, ``seeds`` holds McNemar's test for each seed that both have. Both are
    missing where clips were asked several times.

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
    data = measured[0].results["data"]
    return {
        "format": FORMAT,
        "version": __version__,
        "data": {name: value for name, value in data.items() if name not in ("store", "classes")},
        "against": against,
        "runs": [_run(one) for one in measured],
        "protocols": {key: _entry(key, measured, against) for key in keys},
        "notes": _notes(measured, keys),
    }


def _run(one: Stored) -> dict[str, Any]:
    results = one.results
    return {
        "run": str(one.run),
        **{name: results[name] for name in ("method", "seeds", "command", "version", "created")},
        "epochs": results["settings"]["train"]["epochs"],
        "stream": results["settings"]["data"]["stream"],
    }


def _check_comparable(measured: Sequence[Stored]) -> None:
    first = measured[0]
    for number, other in enumerate(measured[1:], start=1):
        if other.folder.resolve() in (one.folder.resolve() for one in measured[:number]):
            raise UserError(f"run {other.run} is named twice")
        ours, theirs = (_measured_on(one) for one in (first, other))
        for what, value in ours.items():
            if theirs[what] != value:
                raise UserError(
                    f"{first.run} and {other.run} cannot be compared: {what} is {value} and {theirs[what]}. "
                    "Measure both on the same store and split"
                )
        _check_clips(first, other)


def _measured_on(one: Stored) -> dict[str, str]:
    """What two results must share, in words, the most telling first."""
    data = one.results["data"]
    cleaning = data.get("cleaning", {})
    return {
        "the data set": data["dataset"] or "none",
        "the skeleton": data["skeleton"],
        "the split": data["split"] or "none",
        "the hold-out": data["hold_out"] or "none",
        "the cleaning": cleaning_words(cleaning),
        "the fingerprint of the data": data["fingerprint"],
    }


def _check_clips(first: Stored, other: Stored) -> None:
    """The same names and labels in the same order: what paired tests rest on."""
    ours, theirs = first.predictions.clips, other.predictions.clips
    if len(ours) != len(theirs):
        raise UserError(
            f"{first.run} and {other.run} cannot be compared: {len(ours)} and {len(theirs)} test clips. "
            "Measure both on the same store and split"
        )
    unlike = np.flatnonzero((ours != theirs).any(axis=1))
    if len(unlike):
        one, two = (" of ".join(clips[unlike[0], ::-1]) for clips in (ours, theirs))
        raise UserError(
            f"{first.run} and {other.run} cannot be compared: test clip {unlike[0] + 1} is {one} and {two}. "
            "Measure both on the same store and split"
        )


def _entry(key: str, measured: Sequence[Stored], against: Against) -> dict[str, Any]:
    having = [one for one in measured if key in one.entries]
    best = _best_baseline(key, having)
    reference = (having[0], "model") if against == "first" else best
    if against == "first" and having[0] is not measured[0]:
        reference = None  # the first run was not measured by this protocol
    places = [(one, "model") for one in having] + ([best] if best else [])
    return {
        "title": having[0].entries[key]["title"],
        "reference": _named(key, *reference) if reference else None,
        "rows": [_row(key, place, reference) for place in places],
    }


def _best_baseline(key: str, having: Sequence[Stored]) -> Place | None:
    """The system without training that is right most often; the first of those that are equal."""
    others = [(one, system) for one in having for system in one.entries[key]["systems"] if system != "model"]
    return max(others, key=lambda place: place[0].entries[key]["systems"][place[1]]["value"], default=None)


def _named(key: str, one: Stored, system: str) -> dict[str, str]:
    values = one.entries[key]["systems"][system]
    return {"run": str(one.run), "system": system, "name": values.get("name", SYSTEMS.get(system, system))}


def _row(key: str, place: Place, reference: Place | None) -> dict[str, Any]:
    one, system = place
    values = one.entries[key]["systems"][system]
    numbers = {name: values.get(name) for name in ("value", "std", "interval", "seeds")}
    versus = _versus(key, place, reference) if reference and place != reference else None
    return _named(key, one, system) | numbers | {"versus": versus}


def _versus(key: str, place: Place, reference: Place) -> dict[str, Any]:
    ours, theirs = (one.entries[key]["systems"][system]["value"] for one, system in (place, reference))
    first, second = (one.predictions.right.get((key, system), {}) for one, system in (place, reference))
    told: dict[str, Any] = {"difference": ours - theirs, "interval": None, "seeds": {}}
    if not first or not second:
        return told
    own, other = (np.mean(list(seeds.values()), axis=0) for seeds in (first, second))
    found = paired_bootstrap(own, other, np.random.default_rng(DRAWS_SEED))
    told["interval"] = [found.low, found.high]
    for seed in first.keys() & second.keys():
        pair = mcnemar(first[seed], second[seed])
        told["seeds"][seed] = {
            "only_this_right": pair.only_first,
            "only_reference_right": pair.only_second,
            "p": pair.p,
        }
    told["seeds"] = dict(sorted(told["seeds"].items(), key=lambda item: int(item[0])))
    return told


def _notes(measured: Sequence[Stored], keys: Sequence[str]) -> list[str]:
    """What makes the runs differ beside what they are compared for, then their own notes."""
    notes = [
        *_apart("epochs of training", [one.results["settings"]["train"]["epochs"] for one in measured], measured),
        *_apart("seeds", [", ".join(map(str, one.results["seeds"])) for one in measured], measured),
        *_apart("versions of skelact", [one.results["version"] for one in measured], measured),
    ]
    groups = dict.fromkeys(group for key in keys for group in _groups(key))
    for group in groups:
        having = [one for one in measured if any(group in _groups(key) for key in one.entries)]
        for name in dict.fromkeys(name for one in having for name in one.results["settings"].get(group, {})):
            values = [one.results["settings"].get(group, {}).get(name) for one in having]
            notes += _apart(f"settings {group}.{name}", values, having)
    return notes + _not_measured(measured, keys) + _own_notes(measured)


def _not_measured(measured: Sequence[Stored], keys: Sequence[str]) -> list[str]:
    """What some runs lack: protocols by their name where they lack all of one, otherwise its keys."""
    told: dict[str, list[str]] = {}
    for name in dict.fromkeys(key.partition("/")[0] for key in keys):
        family = [key for key in keys if key.partition("/")[0] == name]
        for one in measured:
            missing = [key for key in family if key not in one.entries]
            told.setdefault(str(one.run), []).extend([name] if missing == family else missing)
    return [f"{run} was not measured by {', '.join(names)}." for run, names in told.items() if names]


def _groups(key: str) -> tuple[str, ...]:
    """Groups of settings that an entry depends on; none where the protocol is of another version."""
    protocol = PROTOCOLS.get(key.partition("/")[0])
    return protocol.groups if protocol else ()


def _apart(what: str, values: Sequence[Any], measured: Sequence[Stored]) -> list[str]:
    if all(value == values[0] for value in values):
        return []
    told = "; ".join(f"{value} ({one.run})" for value, one in zip(values, measured, strict=True))
    return [f"Different {what}: {told}."]


def _own_notes(measured: Sequence[Stored]) -> list[str]:
    """Once what all of them note, with its name what only some do."""
    told: dict[str, list[str]] = {}
    for one in measured:
        for note in one.results["notes"]:
            told.setdefault(note, []).append(str(one.run))
    return [note if len(runs) == len(measured) else f"{', '.join(runs)}: {note}" for note, runs in told.items()]
