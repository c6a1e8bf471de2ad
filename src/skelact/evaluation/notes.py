"""What a reader must know to judge the numbers of an evaluation."""

from typing import TYPE_CHECKING

import numpy as np

from skelact.evaluation.parts import Parts
from skelact.sequences.store import Store

if TYPE_CHECKING:
    from skelact.models import Model


def notes_on(model: "Model", store: Store, parts: Parts) -> list[str]:
    """What a reader must know to judge the numbers."""
    notes = []
    without = set(store.labels[parts.test].tolist()) - set(store.labels[parts.train].tolist())
    if without:
        names = ", ".join(store.classes[c] for c in sorted(without))
        notes.append(f"Classes without a training clip, which no protocol can get right: {names}.")
    seen = _seen_in_pretraining(model, store, parts)
    if seen:
        notes.append(
            f"{seen} of the {len(parts.test)} test clips were seen in pretraining, without labels: "
            f"the encoder was trained on {_training_part(model)}."
        )
    if model.info.get("fingerprint", store.fingerprint) != store.fingerprint:
        notes.append("The encoder was trained on another store than it is measured on.")
    return notes


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
