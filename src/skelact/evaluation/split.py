"""Which clips are learnt from and which are measured on."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.sequences.store import Store


@dataclass(frozen=True, eq=False)
class Parts:
    """The training and the test part of a store.

    Args:
        split: name of the split; empty: the whole store, of which ``hold_out`` is the test part.
        hold_out: what was held out of its training part and is the test part instead; empty: nothing.
        train: (N,) rows of the store.
        test: (Q,) rows of the store.
    """

    split: str
    hold_out: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def title(self) -> str:
        """For tables."""
        return ", held out ".join(part for part in (self.split or "all clips", self.hold_out) if part)

    @property
    def folder(self) -> str:
        """For paths."""
        name = "+".join(part for part in (self.split, self.hold_out) if part)
        return re.sub(r"[^\w=,.+-]", "_", name)


def labelled_parts(store: Store, split: str, hold_out: str = "") -> Parts:
    """The two parts of a split, fit to be measured on.

    Raises:
        UserError: unknown split, tag or value; an empty part; a clip in both parts; clips without a label.
    """
    if not split and not hold_out:
        known = (
            f"Splits: {', '.join(store.splits)}" if store.splits else "The store has none; --hold-out makes one"
        )
        raise UserError(f"name the split to measure on with --split. {known}")
    if split and not store.splits:
        raise UserError(f"store {store.path} has no splits, so there is no {split!r} to measure on")
    train, test = store.parts(split, hold_out)
    parts = Parts(split, hold_out, train, test)
    for name, rows in (("train", train), ("test", test)):
        if not len(rows):
            raise UserError(f"split {parts.title!r} of store {store.path} has no {name} clips")
        _check_labels(store, parts, name, rows)
    both = np.intersect1d(train, test)
    if len(both):
        first = store.columns["name"][both[0]]
        raise UserError(f"split {parts.title!r}: {len(both)} clips are in both parts, the first is {first}")
    return parts


def _check_labels(store: Store, parts: Parts, name: str, rows: NDArray[np.int64]) -> None:
    without = rows[store.labels[rows] < 0]
    if len(without):
        first = store.columns["name"][without[0]]
        raise UserError(
            f"split {parts.title!r}: {len(without)} of {len(rows)} {name} clips have no label, the first is "
            f"{first}. Import the store again with a data set or a reader that names the labels"
        )
