"""What a reader must know to judge the numbers of an evaluation."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skelact.evaluation.split import Parts
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store

if TYPE_CHECKING:
    from skelact.models import Model


def notes_on(model: "Model", store: Store, parts: Parts, originals: NDArray[np.int64]) -> list[str]:
    """What a reader must know to judge the numbers.

    Args:
        model: the encoder of the first seed.
        store: what was measured on.
        parts: its training and test part.
        originals: (Q,) the training clip that each test clip is a copy of, -1 where it is none.
    """
    notes = []
    if model.recipe.method.name == "supervised":
        notes.append("The encoder was trained with labels: a ceiling to compare with, no self-supervised result.")
    without = set(store.labels[parts.test].tolist()) - set(store.labels[parts.train].tolist())
    if without:
        names = ", ".join(store.classes[c] for c in sorted(without))
        notes.append(f"Classes without a training clip, which no protocol can get right: {names}.")
    copies = np.flatnonzero(originals >= 0)
    if len(copies):
        one = copies[0]
        copy, original = (store.columns["name"][row] for row in (parts.test[one], originals[one]))
        notes.append(
            f"{len(copies)} of the {len(parts.test)} test clips are exact copies of training clips, such as "
            f"{copy} of {original}: all numbers count them, except those called without copies."
        )
    source = model.info.get("source")
    if source:
        notes.append(
            f"The weights come from elsewhere ({source['file']}, sha256 {source['sha256'][:12]}): what they were "
            "trained on is not known, and the training settings given here are the published ones, not theirs."
        )
    seen = _seen_in_pretraining(model, store, parts)
    if seen:
        notes.append(
            f"{seen} of the {len(parts.test)} test clips were seen when the encoder was trained: "
            f"that was on {_training_part(model)}."
        )
    if model.info.get("fingerprint", store.fingerprint) != store.fingerprint:
        notes.append(_other_store(str(model.info.get("dataset", "")), store))
    if isinstance(store, MappedStore):
        missing = f"; missing: {', '.join(store.map.missing)}" if store.map.missing else ""
        notes.append(
            f"Joints of {store.map.source.name} were mapped by their names to {store.skeleton.name}, which the "
            f"encoder was trained on{missing}."
        )
    return notes


def _other_store(dataset: str, store: Store) -> str:
    if dataset and dataset == store.dataset:
        return (
            f"The encoder was trained on another store of {dataset} than it is measured on: whether test clips "
            "were among its clips cannot be told."
        )
    names = (name or "a store without a name" for name in (dataset, store.dataset))
    return "The encoder was trained on {}, and is measured on {}.".format(*names)


def _training_part(model: "Model") -> str:
    data = model.recipe.data
    if not data.split:
        return "all clips"
    return f"the training part of {data.split}{f', {data.hold_out} held out' if data.hold_out else ''}"


def _seen_in_pretraining(model: "Model", store: Store, parts: Parts) -> int:
    """How many test clips the encoder was trained on, if this is the store of its training."""
    if model.info.get("fingerprint") != store.fingerprint:
        return 0
    train, _ = store.parts(model.recipe.data.split, model.recipe.data.hold_out)
    return len(np.intersect1d(train, parts.test))
