"""Parts of the training clips that are the same for every encoder: drawn by name and label alone."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError


def drawn_order(names: Sequence[str], seed: int, purpose: str = "") -> NDArray[np.int64]:
    """(N,) places in a random order that depends on seed, purpose and each clip's own name alone.

    Whether other clips are there, and where, does not change which of two clips comes first.
    """
    keys = [blake2b(f"{seed}/{purpose}/{name}".encode(), digest_size=16).digest() for name in names]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def balanced_subset(
    labels: NDArray[np.int64], names: Sequence[str], share: float, seed: int, purpose: str = ""
) -> NDArray[np.int64]:
    """The same share of every class, rounded, at least one clip.

    With the same seed a smaller share is part of a larger one.

    Args:
        labels: (N,) classes of the clips.
        names: (N) their names.
        share: of each class, above 0, at most 1.
        seed: of the draw.
        purpose: draws for different purposes are independent.

    Returns:
        Places in ``labels``, upwards.

    Raises:
        UserError: a share that is none.
    """
    if not 0 < share <= 1:
        raise UserError(f"a share of the training clips must be above 0 and at most 100 %, got {100 * share:g} %")
    order = drawn_order(names, seed, purpose)
    chosen = []
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        chosen.append(of_class[: max(1, int(share * len(of_class) + 0.5))])
    return np.sort(np.concatenate(chosen))


def validation_part(
    labels: NDArray[np.int64], names: Sequence[str], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training clips split in two, class by class: to learn from and to choose on.

    A class of a single clip is only learnt from.

    Returns:
        Places to learn from and places to choose on, both upwards.
    """
    held = balanced_subset(labels, names, share, seed, "validation")
    counts = np.bincount(labels)
    taken = np.bincount(labels[held], minlength=len(counts))
    held = held[(taken < counts)[labels[held]]]
    return np.setdiff1d(np.arange(len(labels)), held), held


def validation_groups(
    groups: NDArray[np.str_], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training clips split in two so that no person, or no camera, is on both sides.

    Whole groups, in an order drawn from the seed, are held out until they make up ``share`` of the clips; one
    always stays to learn from.

    Args:
        groups: (N,) what each clip belongs to, such as its subject.
        share: of the clips that is to be held out.
        seed: of the draw.

    Raises:
        UserError: fewer than two groups.
    """
    values = np.unique(groups)
    if len(values) < 2:
        only = str(values[0])
        raise UserError(f"all training clips have the value {only!r}, so none can be left out to choose on")
    held = np.zeros(len(groups), dtype=bool)
    for place in drawn_order(values.tolist(), seed, "validation")[:-1]:
        held |= groups == values[place]
        if held.mean() >= share:
            break
    return np.flatnonzero(~held), np.flatnonzero(held)
