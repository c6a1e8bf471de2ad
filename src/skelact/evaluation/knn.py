"""Nearest neighbours: which classes the most similar training vectors have."""

import numpy as np
from numpy.typing import NDArray

from skelact.config import KnnSettings
from skelact.evaluation.labelled import Labelled, Outcome, accuracy
from skelact.models.search import nearest


def knn(train: Labelled, test: Labelled, settings: KnnSettings) -> Outcome:
    """Give every test vector the class that most of its ``settings.k`` nearest training vectors have.

    Convention: nearest by cosine, of equally similar ones the earlier training vector. Where several classes have
    the most votes, the one among them with the nearest neighbour wins.

    Returns:
        Predictions; scores are the shares of the votes.

    Raises:
        UserError: fewer training vectors than ``settings.k``.

    Source: SCD-Net, sec. "Retrieval" (k = 1).
    """
    indices, _ = nearest(train.vectors, test.vectors, settings.k)
    votes = train.labels[indices]
    predicted = majority(votes)
    return Outcome(predicted, accuracy(predicted, test.labels), _shares(votes, train.classes))


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


def _shares(votes: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    rows = np.repeat(np.arange(len(votes)), votes.shape[1])
    counts = np.zeros((len(votes), classes), dtype=np.float32)
    np.add.at(counts, (rows, votes.reshape(-1)), 1.0)
    return counts / np.float32(votes.shape[1])
