"""The linear probe on frozen features; its learning rate is chosen on training clips where asked."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError, unknown
from skelact.evaluation.protocols.protocol import Entry, Protocol, Report, System
from skelact.heads.labelled import Outcome, Progress
from skelact.heads.linear_probe import Probe, best_learning_rate, trained_and_measured
from skelact.heads.subsets import validation_groups, validation_part
from skelact.sequences.store import Store
from skelact.settings import LinearSettings, Recipe


def probe_of(system: System, report: Report) -> tuple[Probe, Outcome]:
    """The probe that learns from all training clips and its outcome on the test clips; trained once."""

    def train() -> tuple[Probe, Outcome]:
        settings, chosen = chosen_settings(system, partial(report, "linear probe, choosing"))
        progress = partial(report, "linear probe")
        probe, outcome = trained_and_measured(system.train, system.test, settings, system.seed, progress)
        return probe, replace(outcome, chosen=chosen)

    return system.once("linear probe", train)


def chosen_settings(system: System, progress: Progress | None = None) -> tuple[LinearSettings, dict[str, float]]:
    """The probe's settings; with ``linear.choose`` the learning rate that does best on a validation part.

    The validation part is taken from the training clips, the test clips are never looked at.

    Args:
        system: what is to be probed; every system chooses for itself.
        progress: called with (candidates done, candidates).

    Returns:
        The settings, and what was chosen with its accuracy on the validation part.

    Raises:
        UserError: no candidates, none that does not diverge, an unknown tag, a single value of it.
    """
    settings = system.recipe.protocols.linear
    if not settings.choose:
        return settings, {}
    learnt, held = (system.train.take(places) for places in _validation(system))
    return best_learning_rate(learnt, held, settings, system.seed, progress)


def _validation(system: System) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places in the training clips to learn from and to choose on."""
    settings, store, rows = system.recipe.protocols.linear, system.store, system.split.train
    if not settings.validate:
        found = validation_part(system.train.labels, system.train_names, settings.validation, system.seed)
    elif settings.validate not in store.tags:
        raise unknown(f"linear.validate: tag of {store.path}:", settings.validate, store.tags)
    else:
        groups = np.array([str(value) for value in store.columns[settings.validate][rows].tolist()])
        found = validation_groups(groups, settings.validation, system.seed)
    if not len(found[1]):
        raise UserError("linear.choose: every class has a single training clip, so there are none to choose on")
    return found


def _entries(_recipe: Recipe, _store: Store) -> Mapping[str, Entry]:
    return {"linear": Entry("linear probe")}


def _run(system: System, report: Report) -> Mapping[str, Outcome]:
    return {"linear": probe_of(system, report)[1]}


LINEAR = Protocol("linear probe", ("linear",), _entries, _run, fuses="softmax")
