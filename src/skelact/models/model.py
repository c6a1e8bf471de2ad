"""Model: an encoder with all that is needed to use it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from skelact import __version__
from skelact.batches import Batch, collate, downstream_clip
from skelact.encoders import Encoder, build_encoder
from skelact.errors import UserError
from skelact.models.files import read_model, write_model
from skelact.models.weights import put_weights
from skelact.runtime.device import check_precision
from skelact.runtime.files import Damaged
from skelact.runtime.prefetch import prefetch
from skelact.sequences.clips import Clips
from skelact.sequences.store import Store
from skelact.settings import Precision, Recipe, recipe_of_model, recipe_to_dict
from skelact.skeletons import Skeleton


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
        """The skeleton that clips must have."""
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
    def load(cls, path: Path | str) -> "Model":
        """The model in a run folder, a model folder or a model file.

        Raises:
            UserError: no model there, another format, damaged files, or weights that do not fit their description.
        """
        path = Path(path)
        values, tensors = read_model(path)
        try:
            recipe = recipe_of_model(values["recipe"], where=str(path))
            skeleton, built_for, info = Skeleton.from_dict(values["skeleton"]), values["encoder"], values["info"]
            sizes = built_for["persons"], built_for["frames"], built_for["coordinates"]
            encoder = build_encoder(skeleton, *sizes, recipe.encoder)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged(path, f"its description has {type(error).__name__} {error}") from error
        put_weights(encoder, tensors, path)
        return cls(encoder, recipe, info)

    def save(self, path: Path | str) -> None:
        """Write the model: one file where the name ends in ``.safetensors``, otherwise a folder.

        A model that is there is replaced whole. A file holds what use needs and says nothing of the paths of the
        machine that it was trained on.

        Raises:
            UserError: it cannot be written; a model that was there is as it was.
        """
        write_model(Path(path), self.encoder.state_dict(), self._description())

    def _description(self) -> dict[str, Any]:
        """Everything but the weights."""
        encoder, data = self.encoder, replace(self.recipe.data, store="", feeds=())
        return {
            "version": __version__,
            "skeleton": self.skeleton.to_dict(),
            "encoder": {"persons": encoder.persons, "frames": encoder.frames, "coordinates": encoder.coordinates},
            "recipe": recipe_to_dict(replace(self.recipe, data=data), protocols=False),
            "info": self.info,
        }

    def embed(
        self,
        clips: Clips,
        rows: NDArray[np.int64] | None = None,
        batch: int = 64,
        progress: Callable[[int, int], None] | None = None,
        change: Callable[[Batch], Batch] | None = None,
        precision: Precision = "float32",
    ) -> NDArray[np.float32]:
        """Embeddings of clips: the centre 95 % of each, resized, nothing random.

        Args:
            clips: a store, windows over a recording ...; cleaned as the clips that the model was trained on.
            rows: which of them; all when None.
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
        self._check(clips)
        rows = np.arange(len(clips)) if rows is None else rows
        out = np.empty((len(rows), self.dim), dtype=np.float32)
        device = next(self.encoder.parameters()).device
        check_precision(precision, device, "precision")
        parts = [rows[start : start + batch] for start in range(0, len(rows), batch)]
        done = 0
        persons = self.encoder.persons
        with prefetch(lambda part: load_clips(clips, part, persons).ready_for(device), parts) as batches:
            for whole in batches:
                with torch.inference_mode():
                    on_device = whole.to(device)
                    changed = change(on_device) if change else on_device
                    views = downstream_clip(changed, self.recipe.data)
                    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                        features = self.encoder.embed(views)
                out[done : done + len(whole)] = features.float().cpu().numpy()
                done += len(whole)
                if progress is not None:
                    progress(done, len(rows))
        return out

    def _check(self, clips: Clips) -> None:
        if clips.skeleton != self.skeleton:
            raise UserError(
                f"the model expects skeleton {self.skeleton.name} ({len(self.skeleton)} joints), "
                f"{clips.title} holds {clips.skeleton.name} ({len(clips.skeleton)})"
            )
        if self.info["cleaning"] != clips.cleaning:
            raise UserError(
                f"the model was trained on recordings cleaned as {self.info['cleaning']}, {clips.title} as "
                f"{clips.cleaning}. Import the recordings again with the same --clean"
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


def load_clips(clips: Clips, rows: NDArray[np.int64], persons: int) -> Batch:
    """Whole clips as a batch for ``persons`` people, with the recorder's confidence where there is one."""
    chosen = [clips.clip(row) for row in rows.tolist()]
    return collate(
        [one.positions for one in chosen],
        clips.skeleton,
        persons=persons,
        label=[one.label for one in chosen],
        index=rows,
        confidence=[one.confidence for one in chosen],
    )
