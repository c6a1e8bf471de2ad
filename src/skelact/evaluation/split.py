"""Which clips are learnt from and which are measured on."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.sequences.store import Store


@dataclass(frozen=True, eq=False)
class Split:
    """A store's partition into training and test clips.

    Args:
        name: as the store has it; empty: the whole store, of which ``hold_out`` are the test clips.
        hold_out: what was held out of its training clips and is measured on instead; empty: nothing.
        train: (N,) rows of the store.
        test: (Q,) rows of the store.
    """

    name: str
    hold_out: str
    train: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def title(self) -> str:
        """For tables."""
        return split_title(self.name, self.hold_out)

    @property
    def folder(self) -> str:
        """For paths."""
        name = "+".join(part for part in (self.name, self.hold_out) if part)
        return re.sub(r"[^\w=,.+-]", "_", name)


def split_title(name: str, hold_out: str) -> str:
    """A split in words.

    Example:
        >>> split_title("xview", "camera=2")
        'xview, held out camera=2'
    """
    return ", held out ".join(part for part in (name or "all clips", hold_out) if part)


def labelled_split(store: Store, name: str, hold_out: str = "") -> Split:
    """A split that is fit to be measured on.

    Raises:
        UserError: unknown split, tag or value; no training or no test clips; a clip in both; clips without a
            label.
    """
    if not name and not hold_out:
        known = (
            f"Splits: {', '.join(store.splits)}" if store.splits else "The store has none; --hold-out makes one"
        )
        raise UserError(f"name the split to measure on with --split. {known}")
    if name and not store.splits:
        raise UserError(f"store {store.path} has no splits, so there is no {name!r} to measure on")
    train, test = store.parts(name, hold_out)
    split = Split(name, hold_out, train, test)
    for part, rows in (("train", train), ("test", test)):
        if not len(rows):
            raise UserError(f"split {split.title!r} of store {store.path} has no {part} clips")
        _check_labels(store, split, part, rows)
    both = np.intersect1d(train, test)
    if len(both):
        first = store.columns["name"][both[0]]
        raise UserError(
            f"split {split.title!r}: {len(both)} clips are training and test clips, the first is {first}"
        )
    return split


def _check_labels(store: Store, split: Split, part: str, rows: NDArray[np.int64]) -> None:
    without = rows[store.labels[rows] < 0]
    if len(without):
        first = store.columns["name"][without[0]]
        raise UserError(
            f"split {split.title!r}: {len(without)} of {len(rows)} {part} clips have no label, the first is "
            f"{first}. Import the store again with a data set or a reader that names the labels"
        )
