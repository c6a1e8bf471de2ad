"""What searches: vectors go in, the most similar ones of any others come out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Neighbours:
    """What was found.

    Args:
        rows: (Q, k) int64, places of the found vectors in the order in which they were added, most similar first.
        similarity: (Q, k) float64, their cosines, -1 to 1.
    """

    rows: NDArray[np.int64]
    similarity: NDArray[np.float64]


class Index(Protocol):
    """Vectors that are searched by cosine."""

    def __len__(self) -> int:
        """How many vectors it holds."""
        ...

    def add(self, vectors: NDArray[np.floating]) -> None:
        """Add vectors (N, D), finite, after those that are there."""
        ...

    def search(self, vectors: NDArray[np.floating], k: int, where: NDArray[np.bool_] | None = None) -> Neighbours:
        """The ``k`` most similar of those that were added, for each of (Q, D) vectors.

        Args:
            vectors: what is asked for, finite.
            k: how many.
            where: (N,) which of the added vectors may be found; all when None.
        """
        ...
