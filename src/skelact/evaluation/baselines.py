"""What every learnt number stands beside: the encoder before any training, and raw coordinates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelact.batches import Batch, collate
from skelact.batches.crop import centre_crop_resize
from skelact.models import Model
from skelact.runtime.device import best_device
from skelact.sequences.store import Store
from skelact.settings import Precision, Recipe

Change = Callable[[Batch], Batch]
Embed = Callable[[NDArray[np.int64], Change | None, Callable[[int, int], None]], NDArray[np.float32]]
# The trained model, the store, the recipe with its data settings, the precision.
Build = Callable[[Model, Store, Recipe, Precision], tuple[Model | None, Embed]]

BLOCK = 256  # clips resized at a time


@dataclass(frozen=True)
class Baseline:
    """Something that was not trained, measured like the trained encoder.

    Args:
        title: what a table calls it.
        build: what makes its features: an encoder, if it has one, and (rows, change, progress) to features.
        of_each_seed: whether other seeds have other features; without it features are computed once.
    """

    title: str
    build: Build
    of_each_seed: bool


def embedding(model: Model, store: Store, precision: Precision) -> Embed:
    """Features of a store's clips by an encoder, on the device at hand."""
    model.encoder.to(best_device())
    return lambda rows, change, report: model.embed(
        store, rows, progress=report, change=change, precision=precision
    )


def _untrained(model: Model, store: Store, _recipe: Recipe, precision: Precision) -> tuple[Model | None, Embed]:
    fresh = type(model).untrained(model.recipe, store, model.recipe.train.seed)
    return fresh, embedding(fresh, store, precision)


def _raw(_model: Model, store: Store, recipe: Recipe, _precision: Precision) -> tuple[Model | None, Embed]:
    def coordinates(
        rows: NDArray[np.int64], change: Change | None, report: Callable[[int, int], None]
    ) -> NDArray[np.float32]:
        return raw_coordinates(store, rows, recipe.data.frames, recipe.data.persons, report, change)

    return None, coordinates


def raw_coordinates(
    store: Store,
    rows: NDArray[np.int64],
    frames: int,
    persons: int = 0,
    progress: Callable[[int, int], None] | None = None,
    change: Change | None = None,
) -> NDArray[np.float32]:
    """Each clip's coordinates as one vector: no learning at all.

    The centre 95 % of each clip, resized to ``frames``, joints as they are, zeros where nothing was observed.

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


BASELINES: Mapping[str, Baseline] = {
    "untrained": Baseline("untrained encoder", _untrained, of_each_seed=True),
    "raw": Baseline("raw coordinates", _raw, of_each_seed=False),
}

# What is measured, by name, and what a table calls it; the trained encoder first.
SYSTEMS: Mapping[str, str] = {"model": "trained encoder"} | {name: one.title for name, one in BASELINES.items()}
