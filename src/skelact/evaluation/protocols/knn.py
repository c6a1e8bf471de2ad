"""Nearest neighbours: the class of the most similar training clips, and how well all of them are ranked."""

from collections.abc import Mapping
from functools import partial

from skelact.evaluation.protocols.protocol import Entry, Protocol, Report, System
from skelact.heads.labelled import Outcome
from skelact.heads.nearest_neighbours import knn
from skelact.sequences.store import Store
from skelact.settings import Recipe


def _entries(recipe: Recipe, _store: Store) -> Mapping[str, Entry]:
    return {"knn": Entry(f"{recipe.protocols.knn.k}-NN by cosine")}


def _run(system: System, report: Report) -> Mapping[str, Outcome]:
    title = _entries(system.recipe, system.store)["knn"].title
    return {"knn": knn(system.train, system.test, system.recipe.protocols.knn, partial(report, title))}


KNN = Protocol("k-NN", ("knn",), _entries, _run, draws=False, fuses="sum")
