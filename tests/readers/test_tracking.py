"""Identities of people from frame to frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skelact.readers.tracking import REMEMBERED, follow, places_of


def body(x: float, y: float = 0.0, size: float = 1.0) -> NDArray[np.float64]:
    """(V, C) a small body about (x, y)."""
    return np.array([[x - size / 2, y], [x + size / 2, y], [x, y + size], [x, y - size]])


def frame(*places: float) -> NDArray[np.float64]:
    return np.array([body(x) for x in places]).reshape(-1, 4, 2)


def test_people_stand_still_and_the_order_changes() -> None:
    assert follow([frame(0, 9), frame(9, 0), frame(0, 9)]) == [[0, 1], [1, 0], [0, 1]]


def test_two_walk_past_each_other() -> None:
    """One goes right, one goes left; they are 3 apart where they pass, in the other direction."""
    frames = [np.array([body(0.5 * t), body(10 - 0.5 * t, 3.0)]) for t in range(21)]
    assert follow(frames) == [[0, 1]] * 21


def test_the_sum_of_distances_decides_not_the_nearest_alone() -> None:
    """Both are nearest to where the first was; one of them must be the second."""
    assert follow([frame(0, 2), frame(-0.5, 0.4)]) == [[0, 1], [0, 1]]


def test_a_person_far_away_is_a_new_person() -> None:
    assert follow([frame(0), frame(50)]) == [[0], [1]]


def test_a_lost_person_is_expected_for_a_while() -> None:
    gone = [frame()] * 5
    assert follow([frame(0), *gone, frame(0.1)])[-1] == [0]
    assert follow([frame(0), *([frame()] * REMEMBERED), frame(0.1)])[-1] == [1]


def test_a_joint_that_is_missing_does_not_matter() -> None:
    second = frame(0.1, 9)
    second[0, 2] = np.nan
    assert follow([frame(0, 9), second[::-1]]) == [[0, 1], [1, 0]]


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(0, 4), min_size=1, max_size=12), seed=st.integers(0, 999))
def test_no_person_occurs_twice(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [np.array([body(x) for x in rng.uniform(0, 9, count)]).reshape(-1, 4, 2) for count in counts]
    identities = follow(frames)
    assert [len(one) for one in identities] == counts
    assert all(len(set(one)) == len(one) for one in identities)
    seen: list[int] = []
    for one in identities:
        seen += [number for number in one if number not in seen]
    assert sorted(seen) == list(range(len(seen)))
    places = places_of(identities)
    assert all(len(set(one)) == len(one) for one in places)
    where = {
        (number, place)
        for ids, held in zip(identities, places, strict=True)
        for number, place in zip(ids, held, strict=True)
    }
    assert len(where) == len(seen)  # every person has one place throughout


@pytest.mark.parametrize(
    ("identities", "places"),
    [
        ([[7, 8], [8], [8, 9]], [[0, 1], [1], [1, 0]]),
        ([[], [5], []], [[], [0], []]),
        ([[1], [2], [1]], [[0], [1], [0]]),  # 1 comes back, so no other person takes its place meanwhile
    ],
)
def test_places(identities: list[list[int]], places: list[list[int]]) -> None:
    assert places_of(identities) == places
