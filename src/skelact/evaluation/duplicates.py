"""Test clips that are also training clips: they measure memory, and data sets in circulation have them."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from skelact.evaluation.split import Split
from skelact.sequences.store import Store


def duplicates_of(store: Store, split: Split) -> NDArray[np.int64]:
    """For each test clip the training clip with exactly the same positions.

    Returns:
        (Q,) rows of the store, the first where there are several; -1 where there is none.
    """
    originals: dict[bytes, int] = {}
    for row in split.train:
        originals.setdefault(_digest(store, int(row)), int(row))
    return np.array([originals.get(_digest(store, int(row)), -1) for row in split.test], dtype=np.int64)


def _digest(store: Store, row: int) -> bytes:
    positions = store.positions(row)
    return blake2b(positions.tobytes(), digest_size=16, person=str(positions.shape[:2]).encode()[:16]).digest()
