"""How sure an accuracy is: over clips, over seeds, and of the difference of two."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def wilson(share: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for an accuracy measured on ``count`` clips.

    Args:
        share: the accuracy, 0 to 1.
        count: number of clips, at least 1.
        confidence: probability that the interval holds the accuracy on endlessly many such clips.

    Example:
        >>> low, high = wilson(0.85, 464)
        >>> round(low, 3), round(high, 3)
        (0.815, 0.880)

    Source: Wilson 1927, without continuity correction.
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Paired:
    """Two sets of predictions on the same clips.

    Args:
        only_first: clips that only the first has right.
        only_second: clips that only the second has right.
        p: probability of a split at least as uneven if both were equally good.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first_right: NDArray[np.bool_], second_right: NDArray[np.bool_]) -> Paired:
    """Exact two-sided McNemar test: are two classifiers equally good on the same clips?

    Args:
        first_right: (N,) whether the first is right on each clip.
        second_right: (N,) whether the second is.

    Source: McNemar 1947; exact binomial form.
    """
    from scipy.special import bdtr

    first = int((first_right & ~second_right).sum())
    second = int((second_right & ~first_right).sum())
    tail = float(bdtr(min(first, second), first + second, 0.5)) if first + second else 1.0
    return Paired(first, second, min(1.0, 2 * tail))


@dataclass(frozen=True)
class Difference:
    """How much higher one accuracy is than another on the same clips.

    Args:
        value: first minus second, -1 to 1.
        low: lower end of its interval.
        high: upper end.
    """

    value: float
    low: float
    high: float


def paired_bootstrap(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    rng: np.random.Generator,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> Difference:
    """Percentile interval of the difference of two accuracies, by drawing the clips anew with replacement.

    A clip stays with both of its values, so that what is hard for both does not widen the interval. Seeds are not
    drawn: the interval says what other clips would change, not what other seeds would.

    Args:
        first: (N,) for each clip the share of the first's seeds that are right.
        second: (N,) the same for the second.
        rng: of the draws.
        resamples: how many times the clips are drawn.
        confidence: share of the draws within the interval.

    Source: Efron and Tibshirani 1993, chapter 13.
    """
    # Clips with the same difference are alike: how many of each kind are drawn is multinomial.
    kinds, counts = np.unique(first - second, return_counts=True)
    clips = len(first)
    drawn = rng.multinomial(clips, counts / clips, size=resamples) @ kinds / clips
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))
    return Difference(float(first.mean() - second.mean()), float(low), float(high))
