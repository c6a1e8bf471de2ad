"""Late fusion: several models, such as one a stream, answer together by the weighted sum of their scores."""

import shlex
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from skelact import __version__
from skelact.errors import FileError, UserError
from skelact.evaluation.protocols import protocol_of
from skelact.evaluation.protocols.protocol import Entry, Point
from skelact.evaluation.results.build import FORMAT, Truth, build_entries, write, write_predictions
from skelact.evaluation.results.scores import SCORES, Scores, read_scores, write_scores
from skelact.evaluation.results.stored import Stored, chosen_entries, cleaning_words
from skelact.heads.labelled import Outcome, accuracy
from skelact.runtime.environment import machine
from skelact.settings import recipe_from_dict, recipe_to_dict

ROUNDING = 1e-9  # accuracies are sums of few numbers


def fuse(
    measured: Sequence[Stored], out: Path, weights: Sequence[float] = (), protocols: Sequence[str] = ()
) -> tuple[dict[str, Any], Path]:
    """Add the scores of several evaluated runs and write the results as those of one run.

    Scores of linear layers are added as probabilities (softmax over the classes), those of k-NN as they are. Every
    system is fused with its like, seed by seed: untrained encoders with untrained ones.

    Args:
        measured: what ``read_results`` gave, at least two, all on the same test clips.
        out: folder of the fused run; its results go to ``<out>/evaluation/<split>``.
        weights: one for each run; equal when empty.
        protocols: names of protocols or keys of entries; when empty all that the first run has and that can be
            fused.

    Returns:
        What ``results.json`` says, and its folder.

    Raises:
        UserError: too few runs; weights that do not fit; results on other clips, with other seeds or protocols or
            settings of them.
        FileError: scores that are not there or do not belong to the results beside them.
    """
    started = time.perf_counter()
    shares = _shares(weights, measured)
    _check_same(measured, out)
    scores = [read_scores(one.folder / SCORES) for one in measured]
    _check_clips(measured, scores)
    keys = _fusable(measured, protocols)
    truth = scores[0].truth
    outcomes = {key: _systems(key, measured, scores, shares) for key in keys}
    results = _results(measured, out, shares, weights, keys, outcomes, truth, protocols)
    results["seconds"] = round(time.perf_counter() - started, 2)
    folder = out / "evaluation" / measured[0].folder.name
    write(folder, results)
    write_predictions(folder, truth, outcomes)
    write_scores(folder, truth, outcomes)
    return results, folder


def _shares(weights: Sequence[float], measured: Sequence[Stored]) -> list[float]:
    """Weights that sum to 1."""
    if len(measured) < 2:
        raise UserError("name at least two runs to fuse")
    if not weights:
        return [1 / len(measured)] * len(measured)
    if len(weights) != len(measured):
        raise UserError(f"{len(weights)} weights for {len(measured)} runs: name one for each, in their order")
    if not all(weight >= 0 and np.isfinite(weight) for weight in weights) or not sum(weights):
        raise UserError(f"weights must be 0 or more and not all 0, got {', '.join(f'{w:g}' for w in weights)}")
    return [weight / sum(weights) for weight in weights]


def _check_same(measured: Sequence[Stored], out: Path) -> None:
    first = measured[0]
    for number, other in enumerate(measured):
        if other.home.resolve() == out.resolve():
            raise UserError(f"-o {out} is one of the runs to fuse; choose another folder")
        if other.folder.resolve() in (one.folder.resolve() for one in measured[:number]):
            raise UserError(f"run {other.run} is named twice")
        ours, theirs = (_common(one.results) for one in (first, other))
        for what, value in ours.items():
            if theirs[what] != value:
                raise UserError(
                    f"{first.run} and {other.run} cannot be fused: {what} {value} and {theirs[what]}. "
                    "Measure both on the same store and split, with the same seeds"
                )


def _common(results: Mapping[str, Any]) -> dict[str, str]:
    """What fused results must share, in words, the most telling first."""
    data = results["data"]
    return {
        "the data set is": data["dataset"] or "none",
        "the split is": data["split"] or "none",
        "the hold-out is": data["hold_out"] or "none",
        "the cleaning is": cleaning_words(data.get("cleaning", {})),
        "the fingerprint of the data is": data["fingerprint"],
        "the seeds are": ", ".join(map(str, results["seeds"])),
    }


def _check_clips(measured: Sequence[Stored], scores: Sequence[Scores]) -> None:
    ours = scores[0].truth
    for one, other in zip(measured[1:], (part.truth for part in scores[1:]), strict=True):
        same = (ours.names, ours.classes) == (other.names, other.classes)
        if not (same and np.array_equal(ours.labels, other.labels)):
            raise UserError(
                f"{measured[0].run} and {one.run} cannot be fused: their test clips or classes differ. "
                "Measure both on the same store and split"
            )


def _fusable(measured: Sequence[Stored], protocols: Sequence[str]) -> list[str]:
    """Keys of the entries to fuse; every run has them, measured with the same settings."""
    first = measured[0]
    keys = chosen_entries(measured, protocols) if protocols else list(first.entries)
    fusable = [key for key in keys if protocol_of(key).fuses]
    if not fusable:
        raise UserError(
            f"{first.run}: nothing that can be fused was measured. Measure it with --protocol linear,knn"
        )
    for one in measured:
        for key in fusable:
            if key not in one.entries:
                name = key.partition("/")[0]
                raise UserError(
                    f"{one.run} was not measured by {key}. Measure it with --protocol {name}, or fuse others with "
                    "--protocol"
                )
            for group in protocol_of(key).groups:
                ours, theirs = (results["settings"].get(group) for results in (first.results, one.results))
                if ours != theirs:
                    raise UserError(
                        f"{first.run} and {one.run} cannot be fused by {key}: they were measured with other "
                        f"settings {group}.*. Measure both with the same"
                    )
    return fusable


def _systems(
    key: str, measured: Sequence[Stored], scores: Sequence[Scores], shares: Sequence[float]
) -> dict[str, dict[int, Outcome]]:
    """Fused outcomes by system and seed."""
    truth = scores[0].truth
    return {
        system: {
            seed: _outcome(
                [
                    _checked(one, part, f"{key}/{system}/seed-{seed}")
                    for one, part in zip(measured, scores, strict=True)
                ],
                shares,
                protocol_of(key).fuses,
                truth.labels,
            )
            for seed in measured[0].results["seeds"]
        }
        for system in measured[0].entries[key]["systems"]
    }


def _checked(one: Stored, part: Scores, name: str) -> NDArray[np.float32]:
    """Scores that give the accuracy that the results beside them tell."""
    entry, system, seed = name.rsplit("/", 2)
    told = one.entries[entry]["systems"][system]["seeds"][seed.removeprefix("seed-")]
    found = part.scores.get(name)
    if found is None or abs(accuracy(found.argmax(axis=1), part.truth.labels) - told) > ROUNDING:
        raise FileError(
            one.folder / SCORES, f"{name} is not what results.json beside it tells. Measure the run again"
        )
    return found


def _outcome(
    scores: Sequence[NDArray[np.float32]], shares: Sequence[float], how: str, labels: NDArray[np.int64]
) -> Outcome:
    added = fused_scores(scores, shares, how)
    predicted = added.argmax(axis=1)
    return Outcome(predicted, accuracy(predicted, labels), added)


def fused_scores(scores: Sequence[NDArray[np.float32]], shares: Sequence[float], how: str) -> NDArray[np.float32]:
    """(Q, classes) weighted sum, of probabilities where ``how`` is ``softmax``, of the scores where ``sum``."""
    taken = (softmax(one.astype(np.float64), axis=1) if how == "softmax" else one for one in scores)
    added = sum(share * one.astype(np.float64) for share, one in zip(shares, taken, strict=True))
    return np.asarray(added).astype(np.float32)


def _results(
    measured: Sequence[Stored],
    out: Path,
    shares: Sequence[float],
    weights: Sequence[float],
    keys: Sequence[str],
    outcomes: Mapping[str, Mapping[str, Mapping[int, Outcome]]],
    truth: Truth,
    protocols: Sequence[str],
) -> dict[str, Any]:
    """As those of a run, with the members' own numbers."""
    first = measured[0].results
    recipe = recipe_from_dict(first["settings"], where="results.json")
    entries = {key: _entry(measured[0].entries[key]) for key in keys}
    members = [_member(one, share, keys) for one, share in zip(measured, shares, strict=True)]
    settings = recipe_to_dict(recipe)
    settings["data"]["stream"] = " + ".join(member["stream"] for member in members)
    told = ", ".join(f"{member['run']} ({member['weight']:.3g})" for member in members)
    notes = [note for one in measured for note in one.results["notes"]]
    return {
        "format": FORMAT,
        "version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _command(measured, out, weights, protocols),
        "run": str(out),
        "method": " + ".join(f"{member['method']} {member['stream']}" for member in members),
        "model": first["model"] if all(one.results["model"] == first["model"] for one in measured) else {},
        "members": members,
        "seeds": first["seeds"],
        "data": first["data"],
        "protocols": build_entries(entries, outcomes, recipe, truth),
        "notes": [f"Scores of {len(members)} runs, added with these weights: {told}.", *dict.fromkeys(notes)],
        "settings": settings,  # of the first member; its stream and method are those of all
        "machine": machine(),
    }


def _entry(values: Mapping[str, Any]) -> Entry:
    return Entry(values["title"], tuple(Point(**point) for point in values["points"]))


def _member(one: Stored, share: float, keys: Sequence[str]) -> dict[str, Any]:
    results = one.results
    return {
        "run": str(one.run),
        "weight": share,
        "method": results["method"],
        "stream": results["settings"]["data"]["stream"],
        "command": results["command"],
        "values": {
            key: {system: values["value"] for system, values in one.entries[key]["systems"].items()}
            for key in keys
        },
    }


def _command(measured: Sequence[Stored], out: Path, weights: Sequence[float], protocols: Sequence[str]) -> str:
    data = measured[0].results["data"]
    words = ["skelact", "fuse", *(str(one.run) for one in measured), "--split", data["split"]]
    words += ["--hold-out", data["hold_out"]] if data["hold_out"] else []
    words += ["--weights", ",".join(f"{weight:g}" for weight in weights)] if weights else []
    words += ["--protocol", ",".join(protocols)] if protocols else []
    return shlex.join([*words, "-o", str(out)])
