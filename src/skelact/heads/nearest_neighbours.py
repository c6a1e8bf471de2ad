"""Nearest neighbours: which classes the most similar training vectors have."""

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.heads.labelled import Labelled, Outcome, Progress, accuracy
from skelact.search.exact import ExactIndex, nearest
from skelact.settings import KnnSettings

BELOW_ALL = -2.0  # score of a class without a training vector: lower than any cosine


def knn(
    train: Labelled,
    test: Labelled,
    settings: KnnSettings,
    progress: Progress | None = None,
) -> Outcome:
    """Give every test vector the class that most of its ``settings.k`` nearest training vectors have.

    Convention: nearest by cosine, of equally similar ones the earlier training vector. Where several classes have
    the most votes, the one among them with the nearest neighbour wins.

    Returns:
        Predictions. Scores are, for k = 1, the highest similarity to a training vector of each class, otherwise
        the shares of the votes; the largest is the answer. ``measures`` say how well all training
        vectors are ranked: ``mean_average_precision``, and ``recall_at_k`` for each k of ``settings.recall``.

    Raises:
        UserError: fewer training vectors than ``settings.k``, or settings below 1.

    Source: SCD-Net, sec. "Retrieval" (k = 1).
    """
    _check(train, settings)
    votes = np.empty((len(test), settings.k), dtype=np.int64)
    best = np.full((len(test), train.classes), BELOW_ALL)
    precision = np.empty(len(test))
    found = np.empty((len(test), len(settings.recall)), dtype=bool)
    known, asked = train.labels.astype(np.int32), test.labels.astype(np.int32)  # gone through once for each class
    index = ExactIndex()
    index.add(train.vectors)
    for some, ranking in index.rankings(test.vectors):
        labels = known[ranking.rows]
        votes[some] = labels[:, : settings.k]
        for label in np.unique(known):
            first = (labels == label).argmax(axis=1)
            best[some, label] = ranking.similarity[np.arange(len(labels)), first]
        hits = labels == asked[some, None]
        precision[some] = average_precision(hits)
        found[some] = np.stack([hits[:, :k].any(axis=1) for k in settings.recall], axis=1)
        if progress is not None:
            progress(some.stop, len(test))
    predicted = majority(votes)
    measures = {"mean_average_precision": float(precision.mean())}
    measures |= {f"recall_at_{k}": float(found[:, i].mean()) for i, k in enumerate(settings.recall)}
    scores = best.astype(np.float32) if settings.k == 1 else _shares(votes, train.classes)
    return Outcome(predicted, accuracy(predicted, test.labels), _agreeing(scores, predicted), measures=measures)


def votes_of_nearest(train: Labelled, test: Labelled, k: int) -> Outcome:
    """As ``knn``, without ranking all training vectors: no measures, and scores are the shares of the votes."""
    indices, _ = nearest(train.vectors, test.vectors, k)
    votes = train.labels[indices]
    predicted = majority(votes)
    scores = _agreeing(_shares(votes, train.classes), predicted)
    return Outcome(predicted, accuracy(predicted, test.labels), scores)


def average_precision(hits: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Average precision of each ranking: the mean, over what is right, of the share that is right up to there.

    Args:
        hits: (Q, N) whether each place of a ranking, best first, is right.

    Returns:
        (Q,); 0 where nothing is right.

    Example:
        >>> average_precision(np.array([[True, False, True], [False, False, True]]))
        array([0.83333333, 0.33333333])
    """
    right = hits.sum(axis=1)
    ranking, place = hits.nonzero()
    nth = np.arange(1, len(place) + 1) - np.repeat(right.cumsum() - right, right)
    total = np.bincount(ranking, nth / (place + 1), minlength=len(hits))
    precision: NDArray[np.float64] = total / np.maximum(right, 1)
    return precision


def majority(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) the most frequent class of each row of (N, k); of several the one that comes first in the row.

    Example:
        >>> majority(np.array([[3, 1, 1], [2, 5, 4], [0, 7, 7]]))
        array([1, 2, 7])
    """
    same = np.zeros(votes.shape, dtype=np.int64)
    for column in votes.T:
        same += votes == column[:, None]
    winner: NDArray[np.int64] = np.take_along_axis(votes, same.argmax(axis=1)[:, None], axis=1)[:, 0]
    return winner


def _check(train: Labelled, settings: KnnSettings) -> None:
    if not 1 <= settings.k <= len(train):
        raise UserError(f"asked for {settings.k} nearest neighbours in a gallery of {len(train)}")
    if any(k < 1 for k in settings.recall):
        raise UserError(f"knn.recall must be numbers of neighbours from 1 on, got {list(settings.recall)}")


def _agreeing(scores: NDArray[np.float32], predicted: NDArray[np.int64]) -> NDArray[np.float32]:
    """Scores whose largest is the answer: where classes are equal, the answer is put the smallest step above."""
    wrong = np.flatnonzero(scores.argmax(axis=1) != predicted)
    scores[wrong, predicted[wrong]] = np.nextafter(scores[wrong].max(axis=1), np.float32(np.inf))
    return scores


def _shares(votes: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    rows = np.repeat(np.arange(len(votes)), votes.shape[1])
    counts = np.zeros((len(votes), classes), dtype=np.float32)
    np.add.at(counts, (rows, votes.reshape(-1)), 1.0)
    return counts / np.float32(votes.shape[1])
