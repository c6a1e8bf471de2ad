"""Model: an encoder with all that is needed to use it, in one small folder."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from skelact import __version__
from skelact.batches import Batch, collate, downstream_clip
from skelact.encoders import Encoder, build_encoder
from skelact.errors import UserError
from skelact.runtime.device import check_precision
from skelact.runtime.prefetch import read_ahead
from skelact.sequences.store import Store
from skelact.settings import Precision, Recipe, recipe_from_dict, recipe_to_dict
from skelact.settings.recipe import TRAINING_TABLES
from skelact.skeletons import Skeleton

FORMAT = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"


class Model:
    """A trained encoder, the skeleton and the settings that it belongs to.

    Args:
        encoder: gives the features.
        recipe: the settings it was trained with.
        info: where it comes from: data set, fingerprint, cleaning, epochs ...; plain values.
    """

    def __init__(self, encoder: Encoder, recipe: Recipe, info: Mapping[str, Any]) -> None:
        self.encoder, self.recipe, self.info = encoder.eval(), recipe, dict(info)

    @property
    def skeleton(self) -> Skeleton:
        """The layout that clips must have."""
        return self.encoder.skeleton

    @property
    def dim(self) -> int:
        """D, width of the features."""
        return self.encoder.dim

    @classmethod
    def untrained(cls, recipe: Recipe, store: Store, seed: int) -> "Model":
        """A fresh encoder for the store, drawn from ``seed``."""
        encoder = fresh_encoder(
            recipe, store.skeleton, recipe.data.persons or store.persons, store.coordinates, seed
        )
        return cls(encoder, recipe, describe(store))

    @classmethod
    def load(cls, path: Path) -> "Model":
        """The model in a run folder or a model folder.

        Raises:
            UserError: no model there, another format, or weights that do not fit their description.
        """
        description = path / DESCRIPTION
        if not description.is_file():
            raise UserError(f"{path} holds no model: {DESCRIPTION} not found. {_hint(path)}")
        values = json.loads(description.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise UserError(f"{description}: format {values.get('format')}, this version reads format {FORMAT}")
        # How a model is measured is no part of it: older files have that, too.
        training = {table: group for table, group in values["recipe"].items() if table in TRAINING_TABLES}
        recipe = recipe_from_dict(training, where=str(description))
        built_for = values["encoder"]
        encoder = build_encoder(
            Skeleton.from_dict(values["skeleton"]),
            built_for["persons"],
            built_for["frames"],
            built_for["coordinates"],
            recipe.encoder,
        )
        load_weights(encoder, path / WEIGHTS)
        return cls(encoder, recipe, values["info"])

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors`` and, last, ``model.json``; a model that is there is replaced whole."""
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{WEIGHTS}.partial"
        save_file({name: value.contiguous() for name, value in self.encoder.state_dict().items()}, partial)
        os.replace(partial, folder / WEIGHTS)
        encoder = self.encoder
        values = {
            "format": FORMAT,
            "version": __version__,
            "skeleton": self.skeleton.to_dict(),
            "encoder": {"persons": encoder.persons, "frames": encoder.frames, "coordinates": encoder.coordinates},
            "recipe": recipe_to_dict(self.recipe, protocols=False),
            "info": self.info,
        }
        partial = folder / f"{DESCRIPTION}.partial"
        partial.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, folder / DESCRIPTION)

    def embed(
        self,
        store: Store,
        rows: NDArray[np.int64],
        batch: int = 256,
        progress: Callable[[int, int], None] | None = None,
        change: Callable[[Batch], Batch] | None = None,
        precision: Precision = "float32",
    ) -> NDArray[np.float32]:
        """Features of some sequences of a store: the centre 95 % of each, resized, nothing random.

        Args:
            store: cleaned as the store that the model was trained on.
            rows: which sequences.
            batch: clips at a time.
            progress: called with (done, all) after each batch.
            change: what is done to the whole clips of a batch first, on the encoder's device; nothing when None.
            precision: of what the encoder's products are made of. With bfloat16 features are off by about 1 %, and
                come about twice as fast where the device has instructions for it.

        Returns:
            (len(rows), D).

        Raises:
            UserError: another skeleton, another cleaning, too many people, or a precision that the device lacks.
        """
        self._check(store)
        out = np.empty((len(rows), self.dim), dtype=np.float32)
        device = next(self.encoder.parameters()).device
        check_precision(precision, device, "precision")
        parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
        done = 0
        persons = self.encoder.persons
        with read_ahead(lambda part: load_clips(store, part, persons).ready_for(device), parts) as batches:
            for clips in batches:
                with torch.inference_mode():
                    clips = clips.to(device)
                    clips = change(clips) if change else clips
                    clips = downstream_clip(clips, self.recipe.data)
                    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                        features = self.encoder.embed(clips)
                out[done : done + len(clips)] = features.float().cpu().numpy()
                done += len(clips)
                if progress is not None:
                    progress(done, len(rows))
        return out

    def _check(self, store: Store) -> None:
        if store.skeleton != self.skeleton:
            raise UserError(
                f"the model expects skeleton {self.skeleton.name} ({len(self.skeleton)} joints), "
                f"{store.path} holds {store.skeleton.name} ({len(store.skeleton)})"
            )
        if self.info["cleaning"] != store.cleaning:
            raise UserError(
                f"the model was trained on recordings cleaned as {self.info['cleaning']}, {store.path} as "
                f"{store.cleaning}. Import the recordings again with the same --clean"
            )


def describe(store: Store) -> dict[str, Any]:
    """What a model remembers of the store that it comes from."""
    return {
        "dataset": store.dataset,
        "classes": list(store.classes),
        "fingerprint": store.fingerprint,
        "cleaning": store.cleaning,
    }


def fresh_encoder(recipe: Recipe, skeleton: Skeleton, persons: int, coordinates: int, seed: int) -> Encoder:
    """An encoder whose weights are drawn from ``seed``; the global random state stays as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build_encoder(skeleton, persons, recipe.data.frames, coordinates, recipe.encoder)


def load_clips(store: Store, rows: NDArray[np.int64], persons: int) -> Batch:
    """Whole sequences of a store as a batch for ``persons`` people."""
    clips = [store.stored(row) for row in rows.tolist()]
    return collate(clips, store.skeleton, persons=persons, label=store.labels[rows], index=rows)


def load_weights(module: torch.nn.Module, path: Path) -> None:
    """Strictly load a safetensors file: every name and shape must fit, or a ``UserError`` lists what does not."""
    if not path.is_file():
        raise UserError(f"weights {path} not found")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise UserError(f"weights {path} cannot be read: {error}. Damaged copy?") from error
    own = module.state_dict()
    wrong = [f"missing {name}" for name in own if name not in weights]
    wrong += [f"unknown {name}" for name in weights if name not in own]
    wrong += [
        f"{name} is {tuple(weights[name].shape)}, expected {tuple(own[name].shape)}"
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    if wrong:
        raise UserError(f"weights {path} do not fit: {'; '.join(wrong[:5])} ({len(wrong)} in all)")
    module.load_state_dict(weights)


def _hint(path: Path) -> str:
    if not path.is_dir():
        return "There is no such folder."
    seeds = sorted(child.name for child in path.glob("seed-*") if (child / DESCRIPTION).is_file())
    if seeds:
        return f"It is a run of several seeds: {', '.join(seeds)}."
    if (path / "config.toml").is_file():
        return "The run has not finished: skelact pretrain --resume continues it."
    return "Expected a run folder or a model folder."
