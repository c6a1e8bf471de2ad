"""Embedding map: vectors on paper, which clips lie near which."""

import numpy as np
from numpy.typing import NDArray

MOST = 500  # points of a map: enough to see groups, few enough to wait for
NEIGHBOURS = 30  # that t-SNE keeps close (its perplexity)
STEPS = 500  # of t-SNE: the maps of so few points no longer change


def embedding_map(vectors: NDArray[np.float32], seed: int = 0) -> NDArray[np.float64]:
    """(N, D) to (N, 2) so that clips near by cosine stay near: t-SNE, or PCA where there are too few.

    The same vectors give the same map on the same machine.

    Source: van der Maaten and Hinton 2008.
    """
    if len(vectors) < 10:
        return _principal(vectors)
    from sklearn.manifold import TSNE

    perplexity = min(NEIGHBOURS, (len(vectors) - 1) / 3)
    engine = TSNE(2, perplexity=perplexity, metric="cosine", init="random", max_iter=STEPS, random_state=seed)
    places: NDArray[np.float64] = engine.fit_transform(vectors).astype(np.float64)
    return places


def spread_over(count: int, most: int = MOST) -> NDArray[np.int64]:
    """At most ``most`` of 0 .. ``count`` - 1, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def _principal(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The two directions in which the vectors differ most."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(vectors), 2))
    found = min(2, len(sizes))
    places[:, :found] = left[:, :found] * sizes[:found]
    return places
