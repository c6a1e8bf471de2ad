"""Intervals against scipy and textbook numbers."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from skelact.evaluation.results.statistics import mcnemar, wilson
from skelact.heads.labelled import mean_and_deviation


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_equals_scipy(count: int, share: float, confidence: float) -> None:
    right = round(share * count)
    interval = binomtest(right, count).proportion_ci(confidence, method="wilson")
    low, high = wilson(right / count, count, confidence)
    assert low == pytest.approx(interval.low, abs=1e-12)
    assert high == pytest.approx(interval.high, abs=1e-12)


def test_wilson_of_the_worked_example() -> None:
    low, high = wilson(0.85, 464)
    assert (round(low, 3), round(high, 3)) == (0.815, 0.880)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_mean_and_deviation_equal_the_standard_library(values: list[float]) -> None:
    mean, deviation = mean_and_deviation(values)
    assert mean == pytest.approx(statistics.mean(values), abs=1e-12)
    assert deviation == pytest.approx(statistics.stdev(values), abs=1e-9)


def test_one_seed_has_no_deviation() -> None:
    assert mean_and_deviation([0.5]) == (0.5, None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
def test_mcnemar_equals_the_binomial_test(pairs: list[tuple[bool, bool]]) -> None:
    first, second = (np.array(column) for column in zip(*pairs, strict=True))
    paired = mcnemar(first, second)
    only_first = sum(a and not b for a, b in pairs)
    only_second = sum(b and not a for a, b in pairs)
    assert (paired.only_first, paired.only_second) == (only_first, only_second)
    discordant = only_first + only_second
    expected = binomtest(only_first, discordant).pvalue if discordant else 1.0
    assert paired.p == pytest.approx(expected, abs=1e-12)
    assert mcnemar(second, first).p == paired.p
