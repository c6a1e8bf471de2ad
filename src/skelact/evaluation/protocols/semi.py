"""Few labels: the linear probe on a share of the training clips' labels."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skelact.evaluation.protocols.protocol import Entry, Point, Protocol, Report, System
from skelact.heads.labelled import Outcome
from skelact.heads.linear_probe import linear_probe
from skelact.heads.subsets import balanced_subset
from skelact.sequences.store import Store
from skelact.settings import Recipe


def labelled_share(system: System, percent: float) -> NDArray[np.int64]:
    """Places in the training clips of those whose labels are known: the same for every encoder of a seed."""
    return balanced_subset(system.train.labels, system.train_names, percent / 100, system.seed, "semi")


def share_entries(name: str, title: str, recipe: Recipe) -> Mapping[str, Entry]:
    """An entry for each share of the labels, on one curve."""
    return {
        f"{name}/{percent:g}": Entry(
            f"{title}, {percent:g} % of the labels", (Point(f"{title}, few labels", "labels, %", percent),)
        )
        for percent in sorted(recipe.protocols.semi.percent)
    }


def run_shares(
    system: System, entries: Mapping[str, Entry], measure: Callable[[NDArray[np.int64], str], Outcome]
) -> Mapping[str, Outcome]:
    """Measure with each share of the labels.

    Args:
        system: what is measured.
        entries: those of ``share_entries``.
        measure: (places of the labelled clips in the training clips, title) to the outcome.
    """
    shares = zip(sorted(system.recipe.protocols.semi.percent), entries.items(), strict=True)
    return {key: measure(labelled_share(system, percent), entry.title) for percent, (key, entry) in shares}


def _entries(recipe: Recipe, _store: Store) -> Mapping[str, Entry]:
    return share_entries("semi", "linear probe", recipe)


def _run(system: System, report: Report) -> Mapping[str, Outcome]:
    def probe(clips: NDArray[np.int64], title: str) -> Outcome:
        train, settings = system.train.take(clips), system.recipe.protocols.linear
        return linear_probe(train, system.test, settings, system.seed, partial(report, title))

    return run_shares(system, _entries(system.recipe, system.store), probe)


SEMI = Protocol("linear probe, few labels", ("semi", "linear"), _entries, _run, fuses="softmax")
