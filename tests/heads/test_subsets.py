"""Parts of the training clips: balanced, nested, and the same whatever else there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import UserError
from skelact.heads.subsets import balanced_subset, drawn_order, validation_groups, validation_part


def clips(count: int, classes: int, seed: int) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, classes, count), [f"clip-{k}" for k in rng.permutation(count)]


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 80), st.integers(1, 6), st.integers(0, 999))
def test_every_class_gives_its_share_and_smaller_parts_lie_in_larger_ones(n: int, classes: int, seed: int) -> None:
    labels, names = clips(n, classes, seed)
    smaller: set[int] = set()
    for share in (0.01, 0.05, 0.1, 0.2, 0.4, 1.0):
        chosen = balanced_subset(labels, names, share, seed)
        assert np.all(np.diff(chosen) > 0)
        for label in np.unique(labels):
            there = int((labels == label).sum())
            assert (labels[chosen] == label).sum() == max(1, int(share * there + 0.5))
        assert smaller <= set(chosen.tolist())
        smaller = set(chosen.tolist())
    assert smaller == set(range(n))


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 60), st.integers(0, 999))
def test_the_order_of_the_clips_does_not_matter(n: int, seed: int) -> None:
    labels, names = clips(n, 3, seed)
    order = np.random.default_rng(seed).permutation(n)
    straight = {names[k] for k in balanced_subset(labels, names, 0.3, seed)}
    moved = [names[k] for k in order]
    assert {moved[k] for k in balanced_subset(labels[order], moved, 0.3, seed)} == straight


def test_seeds_and_purposes_draw_for_themselves() -> None:
    names = [f"clip-{k}" for k in range(200)]
    orders = [drawn_order(names, *words).tolist() for words in ((0,), (0,), (1,), (0, "other"))]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2] != orders[3] != orders[0]
    assert sorted(orders[0]) == list(range(200))
    first = np.array([drawn_order(names, seed)[0] for seed in range(400)])
    assert abs(first.mean() - 99.5) < 4 * 57.7 / 20  # uniform over 0 to 199


def test_a_share_that_is_none_is_refused() -> None:
    labels, names = clips(10, 2, 0)
    for share, shown in ((0.0, "0"), (1.5, "150"), (-0.1, "-10")):
        with pytest.raises(UserError) as error:
            balanced_subset(labels, names, share, 0)
        assert str(error.value) == (
            f"a share of the training clips must be above 0 and at most 100 %, got {shown} %"
        )


def test_a_validation_part_leaves_every_class_to_learn_from() -> None:
    labels = np.array([0] * 10 + [1] * 2 + [2])
    learnt, held = validation_part(labels, [f"c{k}" for k in range(13)], 0.2, seed=3)
    assert sorted([*learnt, *held]) == list(range(13))
    assert np.bincount(labels[held], minlength=3).tolist() == [2, 1, 0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from("abcde"), min_size=4, max_size=40), st.integers(0, 99))
def test_a_group_is_on_one_side(values: list[str], seed: int) -> None:
    groups = np.array([*values, "x", "y"])
    learnt, held = validation_groups(groups, 0.2, seed)
    assert sorted([*learnt, *held]) == list(range(len(groups)))
    assert not set(groups[learnt]) & set(groups[held])
    assert len(learnt)
    largest = max(int((groups == value).sum()) for value in groups)
    assert len(held) < 0.2 * len(groups) + largest  # no group more than needed
    assert len(held) >= 0.2 * len(groups) or len(set(groups[learnt])) == 1


def test_a_single_group_cannot_be_left_out() -> None:
    with pytest.raises(UserError) as error:
        validation_groups(np.array(["3", "3"]), 0.2, 0)
    assert str(error.value) == "all training clips have the value '3', so none can be left out to choose on"
