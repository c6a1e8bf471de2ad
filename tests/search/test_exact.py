"""Nearest neighbours against a slow literal version."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.search import exact as search
from skelact.search.exact import nearest, rankings


def literal(gallery: NDArray, queries: NDArray, k: int) -> tuple[list[list[int]], list[list[float]]]:
    """Cosines one by one in Python, then a sort by (similarity down, index up)."""
    indices, values = [], []
    for query in queries.astype(float):
        found = []
        for index, vector in enumerate(gallery.astype(float)):
            lengths = np.sqrt((query * query).sum()) * np.sqrt((vector * vector).sum())
            cosine = float((query * vector).sum() / lengths) if lengths > 0 else 0.0
            found.append((-round(cosine * 2**30) / 2**30, index))
        found.sort()
        indices.append([index for _, index in found[:k]])
        values.append([-value for value, _ in found[:k]])
    return indices, values


@pytest.mark.parametrize("k", [1, 3, 11])
@pytest.mark.parametrize(("gallery_block", "query_block"), [(4096, 1024), (4, 3), (1, 1), (11, 7)])
def test_equals_the_literal_version(k: int, gallery_block: int, query_block: int) -> None:
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(11, 5)).astype(np.float32)
    queries = rng.normal(size=(7, 5)).astype(np.float32)
    indices, similarities = nearest(gallery, queries, k, gallery_block=gallery_block, query_block=query_block)
    expected, values = literal(gallery, queries, k)
    assert indices.tolist() == expected
    np.testing.assert_allclose(similarities, values, rtol=0, atol=2**-29)
    assert indices.dtype == np.int64
    assert indices.shape == similarities.shape == (7, k)


def test_similarities_are_rounded_to_the_nearest_step() -> None:
    rng = np.random.default_rng(2)
    gallery, queries = rng.normal(size=(40, 7)), rng.normal(size=(9, 7))
    indices, similarities = nearest(gallery, queries, 40)
    lengths = np.linalg.norm(gallery, axis=1), np.linalg.norm(queries, axis=1)[:, None]
    exact = np.take_along_axis(queries @ gallery.T / lengths[0] / lengths[1], indices, axis=1)
    assert np.abs(similarities - exact).max() <= 2**-31 + 1e-14
    assert (similarities * 2**30 == np.round(similarities * 2**30)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
def test_ties_go_to_the_lower_index(seed: int, block: int, width: int) -> None:
    """Small whole numbers: many vectors are equal, parallel or zero."""
    rng = np.random.default_rng(seed)
    gallery = rng.integers(-1, 2, size=(9, width)).astype(np.float32)
    queries = rng.integers(-1, 2, size=(4, width)).astype(np.float32)
    indices, _ = nearest(gallery, queries, 9, gallery_block=block, query_block=2)
    assert indices.tolist() == literal(gallery, queries, 9)[0]


def test_copies_of_a_vector_are_found_in_order_however_the_blocks_fall() -> None:
    """Matrix products may round the same row differently in different places; the order must not show it."""
    rng = np.random.default_rng(1)
    vector = rng.normal(size=(1, 513)).astype(np.float32)
    gallery = np.concatenate([np.repeat(vector, 37, axis=0), rng.normal(size=(50, 513)).astype(np.float32)])
    for block in (1, 5, 16, 87):
        indices, similarities = nearest(gallery, vector, 37, gallery_block=block)
        assert indices.tolist() == [list(range(37))]
        assert (similarities == 1.0).all()


@pytest.mark.parametrize("spread", [1e-7, 1e-5, 1e-3, 1e-1])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_vectors_that_are_hard_to_tell_apart_are_found_as_in_float64(spread: float, size: float) -> None:
    """Around a common direction float32 cannot order them; large and small ones would overflow in products."""
    rng = np.random.default_rng(3)
    common = rng.normal(size=600)
    gallery = (size * (common + spread * rng.normal(size=(90, 600)))).astype(np.float32)
    queries = (size * (common + spread * rng.normal(size=(12, 600)))).astype(np.float32)
    for k in (1, 5, 80):
        indices, similarities = nearest(gallery, queries, k, gallery_block=40, query_block=5)
        expected, values = literal(gallery, queries, k)
        assert indices.tolist() == expected
        np.testing.assert_allclose(similarities, values, rtol=0, atol=2**-29)


def test_float32_alone_answers_where_vectors_differ_and_never_where_they_do_not() -> None:
    rng = np.random.default_rng(4)
    gallery = rng.normal(size=(200, 64)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "_compared", lambda *_: pytest.fail("float64 was asked about all"))
        found, _ = nearest(gallery, gallery, 1)
        assert found[:, 0].tolist() == list(range(200))
        with pytest.raises(pytest.fail.Exception):
            nearest(np.repeat(gallery[:1], 200, axis=0), gallery, 1)


def test_length_does_not_matter_but_direction_does() -> None:
    gallery = np.array([[-5.0, 0.0], [0.0, 1.0], [100.0, 0.0]])
    indices, similarities = nearest(gallery, np.array([[0.001, 0.0]]), 3)
    assert indices.tolist() == [[2, 1, 0]]
    assert similarities.tolist() == [[1.0, 0.0, -1.0]]


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
    assert order[permuted].tolist() == straight.tolist()
    assert permuted_values.tolist() == values.tolist()


def test_the_inputs_are_left_alone() -> None:
    gallery = np.array([[3.0, 4.0], [1.0, 0.0]])
    nearest(gallery, gallery, 1)
    assert gallery.tolist() == [[3.0, 4.0], [1.0, 0.0]]


def test_no_queries_give_no_rows() -> None:
    indices, similarities = nearest(np.ones((3, 2)), np.ones((0, 2)), 2)
    assert indices.shape == similarities.shape == (0, 2)


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


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 40))
def test_a_ranking_is_nearest_of_the_whole_gallery_whatever_the_blocks(
    seed: int, block: int, entries: int
) -> None:
    rng = np.random.default_rng(seed)
    gallery = rng.integers(-1, 2, size=(9, 3)).astype(np.float32)
    queries = rng.integers(-1, 2, size=(7, 3)).astype(np.float32)
    indices, similarities = nearest(gallery, queries, 9)
    done = 0
    for some, order, similarity in rankings(gallery, queries, gallery_block=block, entries=entries):
        assert some.start == done
        assert (some.stop - some.start) * 9 <= max(entries, 9)
        assert order.tolist() == indices[some].tolist()
        assert similarity.tolist() == similarities[some].tolist()
        done = some.stop
    assert done == 7


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"^gallery \(3, 2\) and queries \(2, 3\) must be tables of the same width$"
    ):
        list(rankings(np.ones((3, 2)), np.ones((2, 3))))
    with pytest.raises(UserError, match="^a gallery vector holds values that are not finite$"):
        list(rankings(np.full((3, 2), np.nan), np.ones((2, 2))))
