"""What every head takes and gives: vectors with labels in, predictions out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError

Progress = Callable[[int, int], None]  # how much is done, of how much


@dataclass(frozen=True, eq=False)
class Labelled:
    """Vectors and what they show. Where the vectors come from does not matter here.

    Args:
        vectors: (N, D) finite.
        labels: (N,) int64, 0 to ``classes`` - 1.
        classes: number of classes, also of those that do not occur.

    Raises:
        UserError: shapes that do not fit, no vectors, values that are not finite, labels out of range.
    """

    vectors: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or self.labels.shape != self.vectors.shape[:1]:
            raise UserError(f"vectors {self.vectors.shape} and labels {self.labels.shape} do not fit together")
        if not len(self.vectors):
            raise UserError("no vectors to learn from or to measure on")
        if not np.isfinite(self.vectors).all():
            row = int(np.flatnonzero(~np.isfinite(self.vectors).all(axis=1))[0])
            raise UserError(f"vector {row} holds values that are not finite: did the training diverge?")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= self.classes:
            raise UserError(f"labels run from {low} to {high}, expected 0 to {self.classes - 1}")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: NDArray[np.int64]) -> "Labelled":
        """Some of them, in this order."""
        return Labelled(self.vectors[places], self.labels[places], self.classes)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a head says of the test vectors.

    Args:
        predicted: (N,) int64, the class given to each test vector; after the last epoch where there are epochs, of
            the first episode where there are several.
        accuracy: share of them that is right, the mean over the episodes where there are several: the headline.
        scores: (N, classes) float32, higher is likelier; of the same epoch and episode.
        curve: test accuracy after each epoch; empty for a head without epochs.
        measures: other numbers by name, such as the mean average precision.
        chosen: what was chosen without the test vectors, by name, such as the learning rate.
        episodes: (E, N) int64, predictions of each episode; None where there is only one.
    """

    predicted: NDArray[np.int64]
    accuracy: float
    scores: NDArray[np.float32]
    curve: tuple[float, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    chosen: Mapping[str, float] = field(default_factory=dict)
    episodes: NDArray[np.int64] | None = None

    @property
    def best_on_test(self) -> float | None:
        """The highest test accuracy of all epochs: chosen on the test vectors, so never a headline."""
        return max(self.curve) if self.curve else None


def accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Share of predictions that equal the label.

    Example:
        >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
        0.75
    """
    return float((predicted == labels).mean())


def confusion(predicted: NDArray[np.int64], labels: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(classes, classes) how many vectors of class ``row`` were taken for class ``column``."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean over seeds or episodes, and the sample standard deviation: None for a single value."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
