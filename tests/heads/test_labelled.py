"""What goes into a protocol is checked at the door."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from skelact.errors import UserError
from skelact.heads.labelled import Labelled, accuracy, confusion


@pytest.mark.parametrize(
    ("vectors", "labels", "message"),
    [
        (np.ones((3, 2)), np.zeros(2, int), "vectors (3, 2) and labels (2,) do not fit together"),
        (np.ones(3), np.zeros(3, int), "vectors (3,) and labels (3,) do not fit together"),
        (np.ones((0, 2)), np.zeros(0, int), "no vectors to learn from or to measure on"),
        (
            np.array([[1.0], [np.nan]]),
            np.zeros(2, int),
            "vector 1 holds values that are not finite: did the training diverge?",
        ),
        (np.ones((2, 2)), np.array([0, 3]), "labels run from 0 to 3, expected 0 to 2"),
        (np.ones((2, 2)), np.array([-1, 2]), "labels run from -1 to 2, expected 0 to 2"),
    ],
)
def test_what_does_not_fit_is_refused(vectors: NDArray, labels: NDArray, message: str) -> None:
    with pytest.raises(UserError) as error:
        Labelled(vectors, labels, 3)
    assert str(error.value) == message


def test_confusion_and_accuracy_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, 300), rng.integers(0, 4, 300)
    table = confusion(predicted, labels, 5)
    assert table.tolist() == confusion_matrix(labels, predicted, labels=range(5)).tolist()
    assert accuracy(predicted, labels) == pytest.approx(np.trace(table) / 300)
