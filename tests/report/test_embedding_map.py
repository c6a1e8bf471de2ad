"""Maps keep together what is similar."""

import numpy as np
import pytest

from skelact.report.embedding_map import MOST, embedding_map, spread_over


def test_groups_stay_groups() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 20)
    vectors = (np.eye(4, 30)[labels] + rng.normal(scale=0.05, size=(80, 30))).astype(np.float32)
    places = embedding_map(vectors)
    assert places.shape == (80, 2)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.diag(np.full(80, np.inf))
    assert (labels[apart.argmin(axis=1)] == labels).all()


def test_the_same_vectors_give_the_same_map() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    np.random.seed(1)  # noqa: NPY002  the global state must not matter
    first = embedding_map(vectors)
    np.random.seed(2)  # noqa: NPY002
    assert embedding_map(vectors).tobytes() == first.tobytes()


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_few_clips_lie_along_their_main_directions(count: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(count, 6)).astype(np.float32)
    places = embedding_map(vectors)
    assert places.shape == (count, 2)
    centred = vectors - vectors.mean(axis=0)
    spread = np.sort(np.linalg.eigvalsh(centred.T @ centred))[::-1][:2]
    np.testing.assert_allclose((places**2).sum(axis=0), spread, rtol=1e-4, atol=1e-4)


def test_a_choice_is_spread_evenly() -> None:
    assert spread_over(5).tolist() == [0, 1, 2, 3, 4]
    chosen = spread_over(10 * MOST)
    assert len(chosen) == MOST
    assert (chosen[0], chosen[-1]) == (0, 10 * MOST - 1)
    assert set(np.diff(chosen).tolist()) <= {10, 11}
