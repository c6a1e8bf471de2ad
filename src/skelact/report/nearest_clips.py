"""Queries of the test part with the training clips that are nearest to them."""

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skelact.heads.labelled import accuracy
from skelact.report.figures import pose_strip
from skelact.search.exact import nearest

if TYPE_CHECKING:
    from skelact.evaluation.evaluate import Evaluation

RIGHT, WRONG = 4, 2  # queries shown whose nearest clip has their label, and has another
NEIGHBOURS = 3
POSES = 4


def examples(evaluation: "Evaluation") -> str:
    """HTML of some queries, each beside its nearest training clips."""
    train, test = evaluation.vectors["model"]
    parts, labels = evaluation.parts, evaluation.store.labels
    count = min(NEIGHBOURS, len(train))
    found, similarity = nearest(train, test, count)
    neighbours = parts.train[found]
    right = labels[neighbours[:, 0]] == labels[parts.test]
    rows = [
        _row(evaluation, parts.test[query], neighbours[query], similarity[query])
        for query in choose(labels[parts.test], right)
    ]
    share = accuracy(labels[neighbours[:, 0]], labels[parts.test])
    return (
        f"<h2>Nearest clips</h2><p>Test clips (blue rule) and the {count} training clips with the most similar "
        f"features; the first shares the action for {100 * share:.1f} % of all test clips, seed "
        f"{evaluation.results['seeds'][0]}. Some that succeed and some that fail, none picked by hand.</p>"
        f"{''.join(rows)}"
    )


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


def _row(
    evaluation: "Evaluation", query: int, neighbours: NDArray[np.int64], similarity: NDArray[np.float64]
) -> str:
    store = evaluation.store
    cells = [_clip(evaluation, query, "asked", "test clip")]
    for neighbour, value in zip(neighbours, similarity, strict=True):
        same = store.labels[neighbour] == store.labels[query]
        mark = "✓" if same else "✗"
        cells.append(_clip(evaluation, neighbour, "right" if same else "wrong", f"<em>{mark}</em> {value:.3f}"))
    return f'<div class="query">{"".join(cells)}</div>'


def _clip(evaluation: "Evaluation", row: int, kind: str, remark: str) -> str:
    store = evaluation.store
    strip = pose_strip(store.positions(row), store.skeleton, store.up, POSES)
    label, name = (escape(str(store.columns[column][row])) for column in ("label", "name"))
    return f'<div class="{kind}">{strip}<b>{label}</b> {remark}<small>{name}</small></div>'
