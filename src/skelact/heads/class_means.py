"""Few-shot: a handful of clips per class, and every test clip goes to the class whose mean is nearest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.heads.labelled import Labelled, Outcome, Progress, accuracy, mean_and_deviation

BELOW_ALL = -2.0  # score of a class that nothing was learnt of: lower than any cosine


def few_shot(
    train: Labelled,
    test: Labelled,
    names: Sequence[str],
    shots: int,
    episodes: int,
    seed: int,
    progress: Progress | None = None,
) -> Outcome:
    """Draw ``shots`` training clips per class, give each test clip the class with the nearest mean, many times.

    Convention: the mean is that of the clips' directions (vectors of length 1), nearest is by cosine; with one
    shot this is the nearest neighbour. A class with fewer clips gives all it has. The draws depend on names,
    labels and seed alone.

    Args:
        train: what is drawn from.
        test: what is measured on.
        names: (N) of the training clips.
        shots: clips per class.
        episodes: draws.
        seed: of the draws.
        progress: called with (episodes done, episodes).

    Returns:
        Mean accuracy over the episodes; predictions and scores of the first one, predictions of all.

    Raises:
        UserError: no shots or no episodes.
    """
    if shots < 1 or episodes < 1:
        raise UserError(
            f"few-shot needs at least 1 clip a class and 1 episode, got few_shot.shots = {shots} and "
            f"few_shot.episodes = {episodes}"
        )
    by_name = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
    x_train, x_test = _unit(train.vectors), _unit(test.vectors)
    predicted = np.empty((episodes, len(test)), dtype=np.int64)
    for episode in range(episodes):
        keys = np.empty(len(names))
        keys[by_name] = np.random.default_rng((seed, episode)).random(len(names))
        drawn = draw_per_class(train.labels, keys, shots)
        scores = x_test @ _class_means(x_train[drawn], train.labels[drawn], train.classes).T
        scores[:, np.setdiff1d(np.arange(train.classes), train.labels)] = BELOW_ALL
        predicted[episode] = scores.argmax(axis=1)
        if episode == 0:
            first = scores.astype(np.float32)
        if progress is not None:
            progress(episode + 1, episodes)
    mean, deviation = mean_and_deviation([accuracy(one, test.labels) for one in predicted])
    measures = {} if deviation is None else {"deviation_over_episodes": deviation}
    return Outcome(predicted[0], mean, first, measures=measures, episodes=predicted)


def draw_per_class(labels: NDArray[np.int64], keys: NDArray[np.float64], shots: int) -> NDArray[np.int64]:
    """Places of the ``shots`` clips of each class with the lowest keys; all of a class that has fewer.

    Example:
        >>> draw_per_class(np.array([0, 1, 0, 0]), np.array([0.9, 0.5, 0.1, 0.2]), 2)
        array([2, 3, 1])
    """
    order = np.lexsort((keys, labels))
    inside = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])  # rank within the class
    return order[inside < shots]


def _class_means(vectors: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """(classes, D) directions of the means; zero where a class has no vector."""
    sums = np.zeros((classes, vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    return _unit(sums)


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)
