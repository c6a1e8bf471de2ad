"""Test clips with the training clips that are nearest to them."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from skelact.evaluation.evaluate import Evaluation
from skelact.heads.labelled import accuracy
from skelact.report.figures import pose_strip
from skelact.search.exact import ExactIndex
from skelact.sequences.store import Store

RIGHT, WRONG = 4, 2  # queries shown whose nearest clip has their label, and has another
NEIGHBOURS = 3
POSES = 4


@dataclass(frozen=True)
class Clip:
    """A clip on the page.

    Args:
        label: its class.
        name: its name.
        picture: poses, SVG.
        similarity: to the query; None for the query itself.
        right: whether it has the label of the query.
    """

    label: str
    name: str
    picture: Markup
    similarity: float | None
    right: bool


@dataclass(frozen=True)
class NearestClips:
    """Some queries with their neighbours.

    Args:
        neighbours: how many each has.
        share: of all test clips, those whose nearest training clip has their label.
        queries: each a test clip, then its neighbours, nearest first.
    """

    neighbours: int
    share: float
    queries: tuple[tuple[Clip, ...], ...]


def nearest_clips(evaluation: Evaluation) -> NearestClips:
    """Some test clips that are recognised by their neighbours and some that are not, none picked by hand."""
    train, test = evaluation.vectors["model"]
    split, labels = evaluation.split, evaluation.store.labels
    count = min(NEIGHBOURS, len(train))
    index = ExactIndex()
    index.add(train)
    found = index.search(test, count)
    neighbours = split.train[found.rows]
    right = labels[neighbours[:, 0]] == labels[split.test]
    queries = []
    for query in choose(labels[split.test], right):
        rows = zip(neighbours[query].tolist(), found.similarity[query].tolist(), strict=True)
        asked = int(split.test[query])
        clips = [_clip(evaluation.store, asked, asked, None)]
        queries.append((*clips, *(_clip(evaluation.store, row, asked, value) for row, value in rows)))
    return NearestClips(count, accuracy(labels[neighbours[:, 0]], labels[split.test]), tuple(queries))


def choose(labels: NDArray[np.int64], right: NDArray[np.bool_]) -> list[int]:
    """Queries to show: some that are right and some that are wrong, of as many classes as possible.

    Args:
        labels: (N,) classes of the queries.
        right: (N,) whether the nearest neighbour has the query's class.

    Returns:
        Up to ``RIGHT`` + ``WRONG`` places in ``labels``; the same for the same input.
    """
    chosen: list[int] = []
    for wanted, most in ((True, RIGHT), (False, WRONG)):
        first = [
            int(np.flatnonzero((labels == c) & (right == wanted))[0]) for c in np.unique(labels[right == wanted])
        ]
        spread = np.unique(np.linspace(0, len(first) - 1, min(len(first), most)).round().astype(int))
        chosen += [first[k] for k in spread]
    return chosen


def _clip(store: Store, row: int, query: int, similarity: float | None) -> Clip:
    picture = Markup(pose_strip(store.positions(row), store.skeleton, store.up, POSES))
    label, name = (str(store.columns[column][row]) for column in ("label", "name"))
    return Clip(label, name, picture, similarity, bool(store.labels[row] == store.labels[query]))
