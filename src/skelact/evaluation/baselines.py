"""What every learnt number is printed beside: raw coordinates and the encoder before any training."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from skelact.batches import Batch, collate
from skelact.batches.crop import centre_crop_resize
from skelact.sequences.store import Store

BLOCK = 256  # clips resized at a time


def raw_coordinates(
    store: Store,
    rows: NDArray[np.int64],
    frames: int,
    persons: int = 0,
    progress: Callable[[int, int], None] | None = None,
    change: Callable[[Batch], Batch] | None = None,
) -> NDArray[np.float32]:
    """Each clip's coordinates as one vector: no learning at all.

    The centre 95 % of each clip, resized to ``frames``, joints as they are, zeros where nothing was measured.

    Args:
        store: where they lie.
        rows: (N,) which of its sequences.
        frames: T, frames of the resized clip.
        persons: M; that of the fullest sequence of the store when 0.
        progress: called with (clips done, clips).
        change: what is done to the whole clips first; nothing when None.

    Returns:
        (N, T M V C) float32.
    """
    persons = persons or store.persons
    width = frames * persons * len(store.skeleton) * store.coordinates
    vectors = np.empty((len(rows), width), dtype=np.float32)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        batch = collate([store.positions(row) for row in block], store.skeleton, persons=persons)
        clips = centre_crop_resize(change(batch) if change else batch, frames).positions
        vectors[start : start + len(block)] = clips.reshape(len(block), width).numpy()
        if progress is not None:
            progress(start + len(block), len(rows))
    return vectors
