"""Late fusion: several models, such as one a stream, answer together by the weighted sum of their scores."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact import __version__
from skelact.errors import FileError, UserError
from skelact.evaluation.protocols import PROTOCOLS
from skelact.evaluation.protocols.protocol import Entry
from skelact.evaluation.results.build import Made, Outcomes, environment_here, measured_entries, now
from skelact.evaluation.results.compare import measured_on
from skelact.evaluation.results.files import ROUNDING, SCORES, Written, write_files
from skelact.evaluation.results.json_form import AGAIN
from skelact.evaluation.results.results import FORMAT, Measured, Member, Results
from skelact.evaluation.results.stored import Stored, check_runs_differ, chosen_entries
from skelact.heads.labelled import Outcome, accuracy


def fuse(
    measured: Sequence[Stored], out: Path, weights: Sequence[float] = (), protocols: Sequence[str] = ()
) -> tuple[Written, Path]:
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
        What was written, and its folder.

    Raises:
        UserError: too few runs; weights that do not fit; results on other clips, with other seeds or protocols or
            settings of them.
        FileError: scores that are not there or do not belong to the results beside them.
    """
    started = time.perf_counter()
    shares = _shares(weights, measured)
    _check_same(measured, out)
    keys = _fusable(measured, protocols)
    outcomes = {key: _systems(key, measured, shares) for key in keys}
    results = _results(measured, out, shares, keys, outcomes, _command(measured, out, weights, protocols))
    results = replace(results, seconds=round(time.perf_counter() - started, 2))
    folder = out / "evaluation" / measured[0].folder.name
    return write_files(folder, results, measured[0].scores.truth, outcomes), folder


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
    for one in measured:
        if one.home.resolve() == out.resolve():
            raise UserError(f"-o {out} is one of the runs to fuse; choose another folder")
    check_runs_differ(measured)
    for other in measured[1:]:
        ours, theirs = (
            measured_on(one.results.data) | {"the seeds": ", ".join(map(str, one.results.seeds))}
            for one in (first, other)
        )
        for what, value in ours.items():
            if theirs[what] != value:
                verb = "are" if what == "the seeds" else "is"
                raise UserError(
                    f"{first.run} and {other.run} cannot be fused: {what} {verb} {value} and {theirs[what]}. "
                    "Measure both on the same store and split, with the same seeds"
                )
        if not first.scores.truth.same_clips(other.scores.truth):
            raise UserError(
                f"{first.run} and {other.run} cannot be fused: their test clips or classes differ. "
                "Measure both on the same store and split"
            )


def _how(key: str) -> str:
    """How scores of an entry are added; nothing where they are not, or its protocol is not known here."""
    protocol = PROTOCOLS.get(key.partition("/")[0])
    return protocol.fuses if protocol else ""


def _fusable(measured: Sequence[Stored], protocols: Sequence[str]) -> list[str]:
    """Keys of the entries to fuse; every run has them, measured with the same settings."""
    first = measured[0]
    keys = chosen_entries(measured, protocols) if protocols else list(first.entries)
    fusable = [key for key in keys if _how(key)]
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
            _check_alike(key, first, one)
    return fusable


def _check_alike(key: str, first: Stored, other: Stored) -> None:
    """The same settings, and the same systems."""
    ours, theirs = first.entries[key], other.entries[key]
    for group, values in ours.settings.items():
        if theirs.settings.get(group) != values:
            raise UserError(
                f"{first.run} and {other.run} cannot be fused by {key}: they were measured with other "
                f"settings {group}.*. Measure both with the same"
            )
    if ours.systems.keys() != theirs.systems.keys():
        raise UserError(
            f"{first.run} and {other.run} cannot be fused by {key}: one has {', '.join(ours.systems)}, the other "
            f"{', '.join(theirs.systems)}. Measure both with the same version"
        )


def _systems(key: str, measured: Sequence[Stored], shares: Sequence[float]) -> dict[str, dict[int, Outcome]]:
    """Fused outcomes by system and seed."""
    labels = measured[0].scores.truth.labels

    def outcome(system: str, seed: int) -> Outcome:
        scores = [_checked(one, key, system, seed) for one in measured]
        added = fused_scores(scores, shares, _how(key))
        predicted = added.argmax(axis=1)
        return Outcome(predicted, accuracy(predicted, labels), added)

    return {
        system: {seed: outcome(system, seed) for seed in measured[0].results.seeds}
        for system in measured[0].entries[key].systems
    }


def _checked(one: Stored, key: str, system: str, seed: int) -> NDArray[np.float32]:
    """Scores that give the accuracy that the results beside them have."""
    name = f"{key}/{system}/seed-{seed}"
    expected = one.entries[key].systems[system].seeds[str(seed)]
    found = one.scores.scores.get(name)
    if found is None or abs(accuracy(found.argmax(axis=1), one.scores.truth.labels) - expected) > ROUNDING:
        raise FileError(one.folder / SCORES, f"{name} does not give the accuracy that results.json has. {AGAIN}")
    return found


def fused_scores(scores: Sequence[NDArray[np.float32]], shares: Sequence[float], how: str) -> NDArray[np.float32]:
    """(Q, classes) weighted sum, of probabilities where ``how`` is ``softmax``, of the scores where ``sum``."""
    from scipy.special import softmax

    taken = (softmax(one.astype(np.float64), axis=1) if how == "softmax" else one for one in scores)
    added = sum(share * one.astype(np.float64) for share, one in zip(shares, taken, strict=True))
    return np.asarray(added).astype(np.float32)


def _results(
    measured: Sequence[Stored],
    out: Path,
    shares: Sequence[float],
    keys: Sequence[str],
    outcomes: Outcomes,
    command: str,
) -> Results:
    """As those of a run, with the members' own numbers."""
    first = measured[0].results
    members = [_member(one, share, keys) for one, share in zip(measured, shares, strict=True)]
    added = ", ".join(f"{member.run} ({member.weight:.3g})" for member in members)
    caveats = dict.fromkeys(caveat for one in measured for caveat in one.results.caveats)
    return replace(
        first,
        format=FORMAT,
        version=__version__,
        created=(created := now()),
        command=command,
        environment=(environment := environment_here()),
        run=str(out),
        method=" + ".join(f"{member.method} {member.stream}" for member in members),
        stream=" + ".join(member.stream for member in members),
        weights={str(seed): _digest(measured, shares, str(seed)) for seed in first.seeds},
        model=first.model if all(one.results.model == first.model for one in measured) else {},
        members=tuple(members),
        caveats=(f"Scores of {len(members)} runs, added with these weights: {added}.", *caveats),
        protocols={
            key: _entry(key, measured, outcomes, Made(command, created, environment, {}, {})) for key in keys
        },
    )


def _entry(key: str, measured: Sequence[Stored], outcomes: Outcomes, made: Made) -> Measured:
    """An entry with the settings of the members and all of their caveats."""
    first, name = measured[0].entries[key], key.partition("/")[0]
    caveats = dict.fromkeys(caveat for one in measured for caveat in one.entries[key].caveats)
    made = replace(made, settings=first.settings, caveats={name: tuple(caveats)})
    truth = measured[0].scores.truth
    return measured_entries({key: Entry(first.title, first.points)}, outcomes, truth, made)[key]


def _digest(measured: Sequence[Stored], shares: Sequence[float], seed: str) -> str:
    """Of a seed's encoders and what their scores are multiplied by."""
    digests = (f"{one.results.weights[seed]} {share!r}" for one, share in zip(measured, shares, strict=True))
    return sha256("\n".join(digests).encode()).hexdigest()


def _member(one: Stored, share: float, keys: Sequence[str]) -> Member:
    results = one.results
    values = {key: {system: found.value for system, found in one.entries[key].systems.items()} for key in keys}
    return Member(str(one.run), share, results.method, results.stream, results.command, values)


def _command(measured: Sequence[Stored], out: Path, weights: Sequence[float], protocols: Sequence[str]) -> str:
    data = measured[0].results.data
    words = ["skelact", "fuse", *(str(one.run) for one in measured), "--split", data.split]
    words += ["--hold-out", data.hold_out] if data.hold_out else []
    words += ["--weights", ",".join(f"{weight:g}" for weight in weights)] if weights else []
    words += ["--protocol", ",".join(protocols)] if protocols else []
    return shlex.join([*words, "-o", str(out)])
