"""Nearest neighbours against literal loops and scikit-learn."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier

from skelact.errors import UserError
from skelact.heads.labelled import Labelled
from skelact.heads.nearest_neighbours import average_precision, knn, majority, votes_of_nearest
from skelact.settings import KnnSettings


def random_part(count: int, seed: int, classes: int = 4, width: int = 6) -> Labelled:
    rng = np.random.default_rng(seed)
    return Labelled(rng.normal(size=(count, width)).astype(np.float32), rng.integers(0, classes, count), classes)


def literal_majority(row: list[int]) -> int:
    most = max(Counter(row).values())
    return next(label for label in row if Counter(row)[label] == most)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=8))
def test_majority_equals_counting(rows: list[list[int]]) -> None:
    assert majority(np.array(rows)).tolist() == [literal_majority(row) for row in rows]


def test_one_neighbour_equals_scikit_learn() -> None:
    train, test = random_part(200, 1), random_part(90, 2)
    other = KNeighborsClassifier(1, algorithm="brute", metric="cosine").fit(train.vectors, train.labels)
    outcome = knn(train, test, KnnSettings(k=1))
    assert outcome.predicted.tolist() == other.predict(test.vectors).tolist()
    assert outcome.accuracy == other.score(test.vectors, test.labels)
    assert outcome.curve == ()
    assert outcome.best_on_test is None


@pytest.mark.parametrize("k", [2, 5, 20])
def test_several_neighbours_equal_sorting_by_hand(k: int) -> None:
    train, test = random_part(60, 1), random_part(30, 2)
    outcome = knn(train, test, KnnSettings(k=k))
    for row, vector in enumerate(test.vectors.astype(float)):
        cosine = train.vectors @ vector / np.linalg.norm(train.vectors, axis=1)
        neighbours = [int(train.labels[i]) for i in sorted(range(60), key=lambda i: -cosine[i])[:k]]
        assert outcome.predicted[row] == literal_majority(neighbours) == outcome.scores[row].argmax()
        shares = [neighbours.count(label) / k for label in range(4)]
        np.testing.assert_allclose(outcome.scores[row], shares, rtol=1e-6)


def test_of_classes_with_equal_votes_the_nearest_wins() -> None:
    gallery = Labelled(np.array([[1, 0.2], [1, 0.3], [1, 0.1]], np.float32), np.array([0, 1, 2]), 3)
    query = Labelled(np.array([[1, 0]], np.float32), np.array([2]), 3)
    assert knn(gallery, query, KnnSettings(k=3)).predicted.tolist() == [2]


def test_of_equally_near_clips_the_earlier_wins() -> None:
    gallery = Labelled(np.array([[0, 1], [2, 0], [1, 0]], np.float32), np.array([0, 1, 2]), 3)
    query = Labelled(np.array([[5, 0]], np.float32), np.array([1]), 3)
    assert knn(gallery, query, KnnSettings(k=1)).predicted.tolist() == [1]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7))
def test_order_of_clips_names_of_classes_and_scale_do_not_matter(seed: int, k: int) -> None:
    train, test = random_part(40, seed), random_part(20, seed + 1)
    straight = knn(train, test, KnnSettings(k=k)).predicted
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(40), rng.permutation(4)
    moved = Labelled(train.vectors[rows] * np.float32(4), names[train.labels[rows]], 4)
    assert knn(moved, test, KnnSettings(k=k)).predicted.tolist() == names[straight].tolist()


def test_shuffled_labels_give_chance() -> None:
    train, test = random_part(1500, 1), random_part(1500, 2)
    for k in (1, 10):
        assert abs(knn(train, test, KnnSettings(k=k)).accuracy - 0.25) < 0.05


def test_more_neighbours_than_clips_are_refused() -> None:
    with pytest.raises(UserError, match=r"^asked for 9 nearest neighbours in a gallery of 3$"):
        knn(random_part(3, 1), random_part(3, 2), KnnSettings(k=9))


def test_average_precision_and_recall_equal_scikit_learn_and_counting() -> None:
    train, test = random_part(70, 1), random_part(40, 2)
    outcome = knn(train, test, KnnSettings(recall=(1, 5, 10, 100)))
    unit = [part.vectors / np.linalg.norm(part.vectors, axis=1, keepdims=True) for part in (train, test)]
    cosine = unit[1] @ unit[0].T
    hits = train.labels[None] == test.labels[:, None]
    precision = [average_precision_score(hits[q], cosine[q]) for q in range(40)]
    assert outcome.measures["mean_average_precision"] == pytest.approx(np.mean(precision), abs=1e-9)
    order = np.argsort(-cosine, axis=1)
    for k in (1, 5, 10, 100):
        found = np.take_along_axis(hits, order, axis=1)[:, :k].any(axis=1)
        assert outcome.measures[f"recall_at_{k}"] == found.mean()
    assert outcome.measures["recall_at_1"] == outcome.accuracy
    assert outcome.measures["recall_at_100"] == 1


def test_scores_of_one_neighbour_are_the_highest_similarity_of_each_class() -> None:
    train, test = random_part(70, 1, classes=5), random_part(40, 2, classes=5)
    train = Labelled(train.vectors[train.labels != 3], train.labels[train.labels != 3], 5)
    outcome = knn(train, test, KnnSettings())
    assert outcome.scores.argmax(axis=1).tolist() == outcome.predicted.tolist()
    unit = [part.vectors / np.linalg.norm(part.vectors, axis=1, keepdims=True) for part in (train, test)]
    cosine = unit[1] @ unit[0].T
    for label in (0, 1, 2, 4):
        best = cosine[:, train.labels == label].max(axis=1)
        np.testing.assert_allclose(outcome.scores[:, label], best, atol=1e-6)
    assert (outcome.scores[:, 3] < -1).all()  # nothing is known of it


def test_of_clips_whose_similarity_rounds_to_the_same_the_earlier_wins() -> None:
    gallery = Labelled(np.array([[1, 1e-4], [1, 0.9e-4]], np.float32), np.array([0, 1]), 2)
    outcome = knn(gallery, Labelled(np.array([[1, 0]], np.float32), np.array([1]), 2), KnnSettings())
    assert outcome.predicted.tolist() == outcome.scores.argmax(axis=1).tolist() == [0]


def test_nothing_right_to_find_counts_as_zero() -> None:
    assert average_precision(np.zeros((2, 5), dtype=bool)).tolist() == [0, 0]
    assert average_precision(np.array([[True, False, True], [False, False, True]])) == pytest.approx(
        [5 / 6, 1 / 3]
    )


def test_recall_among_no_neighbours_is_refused() -> None:
    with pytest.raises(UserError, match=r"^knn.recall must be numbers of neighbours from 1 on, got \[0, 5\]$"):
        knn(random_part(9, 1), random_part(3, 2), KnnSettings(recall=(0, 5)))


@pytest.mark.parametrize("k", [1, 7])
def test_votes_alone_are_the_same_answers(k: int) -> None:
    train, test = random_part(70, 1), random_part(40, 2)
    ranked, voted = knn(train, test, KnnSettings(k=k)), votes_of_nearest(train, test, k)
    assert ranked.predicted.tolist() == voted.predicted.tolist()
