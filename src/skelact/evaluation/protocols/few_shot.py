"""Few-shot: a handful of labelled clips per class, and every test clip goes to the class whose mean is nearest."""

from collections.abc import Mapping
from functools import partial

from skelact.evaluation.protocols.protocol import Entry, Point, Protocol, Report, System
from skelact.heads.class_means import few_shot
from skelact.heads.labelled import Outcome
from skelact.sequences.store import Store
from skelact.settings import Recipe


def _entries(recipe: Recipe, _store: Store) -> Mapping[str, Entry]:
    return {
        f"few-shot/{shots}": Entry(
            f"{shots} clip{'s' if shots != 1 else ''} per class, nearest mean",
            (Point("Few clips per class, nearest mean", "clips per class", float(shots)),),
        )
        for shots in sorted(recipe.protocols.few_shot.shots)
    }


def _run(system: System, report: Report) -> Mapping[str, Outcome]:
    settings, names = system.recipe.protocols.few_shot, system.train_names
    entries = _entries(system.recipe, system.store)
    outcomes = {}
    for shots, (key, entry) in zip(sorted(settings.shots), entries.items(), strict=True):
        progress = partial(report, entry.title)
        outcomes[key] = few_shot(system.train, system.test, names, shots, settings.episodes, system.seed, progress)
    return outcomes


FEW_SHOT = Protocol("few-shot", ("few_shot",), _entries, _run)
