"""What a reader must know to judge the numbers of an evaluation."""

import numpy as np
from numpy.typing import NDArray

from skelact.evaluation.split import Split
from skelact.methods import METHODS
from skelact.models import Model
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store


def caveats_of(model: Model, store: Store, split: Split, originals: NDArray[np.int64]) -> list[str]:
    """What a reader must know to judge the numbers, a sentence each.

    Args:
        model: the encoder of the first seed.
        store: what was measured on.
        split: its training and test clips.
        originals: (Q,) the training clip that each test clip duplicates, -1 where it is none.
    """
    caveats = []
    method = METHODS.get(model.recipe.method.name)
    if method is not None and method.uses_labels:
        caveats.append(
            "The encoder was trained with labels: a ceiling to compare with, no self-supervised result."
        )
    without = set(store.labels[split.test].tolist()) - set(store.labels[split.train].tolist())
    if without:
        names = ", ".join(store.classes[c] for c in sorted(without))
        caveats.append(f"Classes without a training clip, which no protocol can get right: {names}.")
    caveats += _duplicates(store, split, originals)
    source = model.info.get("source")
    if isinstance(source, dict):
        file, digest = source.get("file", "a file"), str(source.get("sha256", "unknown"))[:12]
        caveats.append(
            f"The weights come from elsewhere ({file}, sha256 {digest}): what they were "
            "trained on is not known, and the training settings given here are the published ones, not theirs."
        )
    seen = _seen_in_pretraining(model, store, split)
    if seen:
        caveats.append(
            f"{seen} of the {len(split.test)} test clips were seen when the encoder was trained: "
            f"that was on {_trained_on(model)}."
        )
    if model.info.get("fingerprint", store.fingerprint) != store.fingerprint:
        caveats.append(_other_store(str(model.info.get("dataset", "")), store))
    if isinstance(store, MappedStore):
        missing = f"; missing: {', '.join(store.map.missing)}" if store.map.missing else ""
        caveats.append(
            f"Joints of {store.map.source.name} were mapped by their names to {store.skeleton.name}, which the "
            f"encoder was trained on{missing}."
        )
    return caveats


def _duplicates(store: Store, split: Split, originals: NDArray[np.int64]) -> list[str]:
    places = np.flatnonzero(originals >= 0)
    if not len(places):
        return []
    one = places[0]
    duplicate, original = (store.columns["name"][row] for row in (split.test[one], originals[one]))
    return [
        f"{len(places)} of the {len(split.test)} test clips are exact duplicates of training clips, such as "
        f"{duplicate} of {original}: all numbers count them, except those called without duplicates."
    ]


def _other_store(dataset: str, store: Store) -> str:
    if dataset and dataset == store.dataset:
        return (
            f"The encoder was trained on another store of {dataset} than it is measured on: whether test clips "
            "were among its clips is not known."
        )
    names = (name or "a store without a name" for name in (dataset, store.dataset))
    return "The encoder was trained on {}, and is measured on {}.".format(*names)


def _trained_on(model: Model) -> str:
    data = model.recipe.data
    if not data.split:
        return "all clips"
    return f"the training part of {data.split}{f', {data.hold_out} held out' if data.hold_out else ''}"


def _seen_in_pretraining(model: Model, store: Store, split: Split) -> int:
    """How many test clips the encoder was trained on, if this is the store of its training."""
    if model.info.get("fingerprint") != store.fingerprint:
        return 0
    train, _ = store.parts(model.recipe.data.split, model.recipe.data.hold_out)
    return len(np.intersect1d(train, split.test))
