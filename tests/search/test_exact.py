"""Nearest neighbours against a slow literal version."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.search import exact
from skelact.search.exact import GRID, ExactIndex, nearest
from skelact.search.index import Index


def literal(gallery: NDArray, queries: NDArray, k: int) -> tuple[list[list[int]], list[list[float]]]:
    """Cosines one by one in Python, then a sort by (similarity down, index up)."""
    indices, values = [], []
    for query in queries.astype(float):
        found = []
        for index, vector in enumerate(gallery.astype(float)):
            lengths = np.sqrt((query * query).sum()) * np.sqrt((vector * vector).sum())
            cosine = float((query * vector).sum() / lengths) if lengths > 0 else 0.0
            found.append((-round(cosine * GRID) / GRID, index))
        found.sort()
        indices.append([index for _, index in found[:k]])
        values.append([-value for value, _ in found[:k]])
    return indices, values


def filled(gallery: NDArray, **blocks: int) -> ExactIndex:
    index = ExactIndex(**blocks)
    index.add(gallery)
    return index


@pytest.mark.parametrize("k", [1, 3, 11])
@pytest.mark.parametrize(("block", "query_block"), [(4096, 1024), (4, 3), (1, 1), (11, 7)])
def test_equals_the_literal_version(k: int, block: int, query_block: int) -> None:
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(11, 5)).astype(np.float32)
    queries = rng.normal(size=(7, 5)).astype(np.float32)
    found = filled(gallery, block=block, query_block=query_block).search(queries, k)
    expected, values = literal(gallery, queries, k)
    assert found.rows.tolist() == expected
    assert found.similarity.tolist() == values
    assert found.rows.dtype == np.int64
    assert found.rows.shape == found.similarity.shape == (7, k)


def test_what_is_added_bit_by_bit_is_found_as_if_at_once() -> None:
    rng = np.random.default_rng(5)
    gallery, queries = rng.normal(size=(30, 4)), rng.normal(size=(6, 4))
    index: Index = ExactIndex(block=7)
    for part in np.split(gallery, [3, 4, 20]):
        index.add(part)
    assert len(index) == 30
    assert index.search(queries, 9).rows.tolist() == nearest(gallery, queries, 9)[0].tolist()


def test_only_what_is_allowed_is_found() -> None:
    rng = np.random.default_rng(6)
    gallery, queries = rng.normal(size=(30, 4)), rng.normal(size=(6, 4))
    where = rng.random(30) < 0.4
    found = filled(gallery, block=8).search(queries, 5, where)
    allowed = np.flatnonzero(where)
    assert found.rows.tolist() == allowed[nearest(gallery[where], queries, 5)[0]].tolist()
    with pytest.raises(UserError, match=f"asked for 30 nearest neighbours in a gallery of {len(allowed)}"):
        filled(gallery).search(queries, 30, where)
    with pytest.raises(UserError, match=r"30 vectors and \(3,\) of which may be found"):
        filled(gallery).search(queries, 1, where[:3])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
def test_ties_go_to_the_lower_index(seed: int, block: int, width: int) -> None:
    """Small whole numbers: many vectors are equal, parallel or zero."""
    rng = np.random.default_rng(seed)
    gallery = rng.integers(-1, 2, size=(9, width)).astype(np.float32)
    queries = rng.integers(-1, 2, size=(4, width)).astype(np.float32)
    found = filled(gallery, block=block, query_block=2).search(queries, 9)
    assert found.rows.tolist() == literal(gallery, queries, 9)[0]


@pytest.mark.parametrize("in_float64", [exact.IN_FLOAT64, 0])
def test_duplicates_of_a_vector_are_found_in_order_however_the_blocks_fall(
    in_float64: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matrix products may round the same row differently in different places; the order must not show it."""
    monkeypatch.setattr(exact, "IN_FLOAT64", in_float64)
    rng = np.random.default_rng(1)
    vector = rng.normal(size=(1, 513)).astype(np.float32)
    gallery = np.concatenate([np.repeat(vector, 37, axis=0), rng.normal(size=(50, 513)).astype(np.float32)])
    for block in (1, 5, 16, 87):
        found = filled(gallery, block=block).search(vector, 37)
        assert found.rows.tolist() == [list(range(37))]
        assert (found.similarity == 1.0).all()


def test_many_vectors_are_compared_in_float32_to_the_same_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    gallery, queries = (rng.normal(size=(n, 64)).astype(np.float32) for n in (300, 40))
    rows, similarity = nearest(gallery, queries, 5)
    monkeypatch.setattr(exact, "IN_FLOAT64", 0)
    other_rows, other = nearest(gallery, queries, 5)
    assert (rows == other_rows).mean() > 0.97
    np.testing.assert_allclose(other, similarity, rtol=0, atol=2 / GRID)
    again, _ = nearest(gallery.astype(np.float64), queries, 5)  # float64 stays float64
    assert again.tolist() == rows.tolist()


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_length_does_not_matter_but_direction_does(size: float) -> None:
    gallery = (size * np.array([[-5.0, 0.0], [0.0, 1.0], [100.0, 0.0]])).astype(np.float32)
    rows, similarity = nearest(gallery, np.array([[0.001 * size, 0.0]], np.float32), 3)
    assert rows.tolist() == [[2, 1, 0]]
    assert similarity.tolist() == [[1.0, 0.0, -1.0]]


def test_a_zero_vector_is_at_right_angles_to_all() -> None:
    gallery = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    assert nearest(gallery, np.zeros((1, 2)), 3)[0].tolist() == [[0, 1, 2]]
    assert nearest(gallery, np.array([[1.0, 0.0]]), 2)[0].tolist() == [[2, 1]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_permuting_the_gallery_permutes_what_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gallery, queries = rng.normal(size=(20, 6)), rng.normal(size=(5, 6))
    order = rng.permutation(20)
    straight, values = nearest(gallery, queries, 4)
    permuted, permuted_values = nearest(gallery[order], queries, 4)
    assert permuted_values.tolist() == values.tolist()
    apart = np.array([len(set(row)) == 4 for row in values.tolist()])  # equally similar ones keep their own order
    assert order[permuted][apart].tolist() == straight[apart].tolist()


def test_the_inputs_are_left_alone() -> None:
    gallery = np.array([[3.0, 4.0], [1.0, 0.0]])
    nearest(gallery, gallery, 1)
    assert gallery.tolist() == [[3.0, 4.0], [1.0, 0.0]]


def test_no_queries_give_no_rows() -> None:
    rows, similarity = nearest(np.ones((3, 2)), np.ones((0, 2)), 2)
    assert rows.shape == similarity.shape == (0, 2)


@pytest.mark.parametrize(
    ("gallery", "queries", "k", "message"),
    [
        (
            np.ones((3, 2)),
            np.ones((1, 4)),
            1,
            "gallery (3, 2) and queries (1, 4) must be tables of the same width",
        ),
        (np.ones((3, 2)), np.ones(2), 1, "gallery (3, 2) and queries (2,) must be tables of the same width"),
        (np.ones(3), np.ones((1, 2)), 1, "cannot add vectors (3,)"),
        (np.ones((3, 2)), np.ones((1, 2)), 4, "asked for 4 nearest neighbours in a gallery of 3"),
        (np.ones((3, 2)), np.ones((1, 2)), 0, "asked for 0 nearest neighbours in a gallery of 3"),
        (np.full((3, 2), np.nan), np.ones((1, 2)), 1, "a gallery vector holds values that are not finite"),
        (np.ones((3, 2)), np.full((1, 2), np.inf), 1, "a query vector holds values that are not finite"),
    ],
)
def test_what_cannot_be_searched_is_refused(gallery: NDArray, queries: NDArray, k: int, message: str) -> None:
    with pytest.raises(UserError) as error:
        nearest(gallery, queries, k)
    assert str(error.value) == message


def test_vectors_of_another_width_are_not_added() -> None:
    with pytest.raises(UserError, match=r"^cannot add vectors \(2, 3\) to vectors of width 4$"):
        filled(np.ones((5, 4))).add(np.ones((2, 3)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 40))
def test_a_ranking_is_the_search_of_everything_whatever_the_blocks(seed: int, block: int, ranked: int) -> None:
    rng = np.random.default_rng(seed)
    gallery = rng.integers(-1, 2, size=(9, 3)).astype(np.float32)
    queries = rng.integers(-1, 2, size=(7, 3)).astype(np.float32)
    index, done = filled(gallery, block=block), 0
    whole = index.search(queries, 9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "RANKED", ranked)
        for some, found in index.rankings(queries):
            assert some.start == done
            assert (some.stop - some.start) * 9 <= max(ranked, 9)
            assert found.rows.tolist() == whole.rows[some].tolist()
            assert found.similarity.tolist() == whole.similarity[some].tolist()
            done = some.stop
    assert done == 7


def test_what_cannot_be_ranked_is_refused() -> None:
    message = r"^gallery \(3, 2\) and queries \(2, 3\) must be tables of the same width$"
    with pytest.raises(UserError, match=message):
        list(filled(np.ones((3, 2))).rankings(np.ones((2, 3))))
    with pytest.raises(UserError, match="^a gallery vector holds values that are not finite$"):
        list(filled(np.full((3, 2), np.nan)).rankings(np.ones((2, 2))))
