"""Trained weights of the official SCD-Net implementation, as a model of ours."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skelact.encoders import SCDNetEncoder
from skelact.errors import FileError, UserError
from skelact.models.model import Model
from skelact.models.official_scdnet.names import OfficialSizes, misfit, sizes_in
from skelact.models.official_scdnet.weights import load_official_encoder
from skelact.readers.checkpoints import StoredTensor, read_checkpoint
from skelact.runtime.files import checksum
from skelact.settings import Recipe, SCDNetEncoderSettings, SCDNetSettings, Stream
from skelact.skeletons import Skeleton

HEADS = 8  # of the published transformer; shapes do not show it
PARALLEL = "module."  # what torch's DataParallel puts before every name


def convert_official(
    path: Path,
    skeleton: Skeleton,
    cleaning: Mapping[str, Any],
    stream: Stream = "joint",
    heads: int = HEADS,
) -> Model:
    """The query encoder of an official checkpoint (``.pth.tar``) as a model.

    What the file holds beside tensors and plain values is refused, and never run. Sizes are read
    from the shapes; every name and shape of the query encoder, the key encoder and the queues must fit.

    Args:
        path: the checkpoint, a dictionary with ``state_dict``.
        skeleton: that the encoder was trained on.
        cleaning: of the stores that the model will take, as ``Store.cleaning``; the file does not say.
        stream: that the encoder was trained on; the file does not say.
        heads: of the transformer; the file does not say.

    Raises:
        FileError: the file is damaged, is no such checkpoint, or names are missing, left over or of another shape.
        UserError: another number of joints than the skeleton has.
    """
    checkpoint = _opened(path)
    state = _state(path, checkpoint)
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    sizes = sizes_in(shapes)
    if wrong := misfit(shapes, sizes):
        raise FileError(path, f"these are not the complete weights of SCD-Net. {wrong}")
    if sizes.joints != len(skeleton):
        raise UserError(
            f"{path}: the weights are for {sizes.joints} joints, skeleton {skeleton.name} has {len(skeleton)}. "
            "Name the skeleton that they were trained on with --skeleton"
        )
    _check_finite(path, state)
    recipe = _recipe(sizes, stream, heads, checkpoint)
    assert isinstance(recipe.encoder, SCDNetEncoderSettings)
    encoder = SCDNetEncoder(skeleton, sizes.persons, sizes.frames, sizes.coordinates, recipe.encoder)
    load_official_encoder(encoder, {name: value.numpy() for name, value in state.items()}, "encoder_q.")
    return Model(encoder, recipe, _info(path, checkpoint, cleaning))


def _opened(path: Path) -> dict[Any, Any]:
    if not path.is_file():
        raise FileError(path, "not found")
    checkpoint = read_checkpoint(path)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("state_dict"), Mapping):
        holds = (
            ", ".join(map(str, list(checkpoint)[:8]))
            if isinstance(checkpoint, dict)
            else type(checkpoint).__name__
        )
        raise FileError(
            path, f"no state_dict in it, so it is not a checkpoint of SCD-Net. It holds: {holds or 'nothing'}"
        )
    return checkpoint


def _state(path: Path, checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """Tensors by official name, in float32."""
    state = dict(checkpoint["state_dict"])
    other = [
        name for name, value in state.items() if not isinstance(name, str) or not isinstance(value, StoredTensor)
    ]
    if other:
        raise FileError(path, f"{other[0]} of its state_dict is not a tensor")
    if state and all(name.startswith(PARALLEL) for name in state):
        state = {name.removeprefix(PARALLEL): value for name, value in state.items()}
    return {name: _tensor(value).float() for name, value in state.items()}


def _tensor(stored: StoredTensor) -> Tensor:
    numbers = torch.from_numpy(stored.numbers())
    return numbers.view(torch.bfloat16) if stored.dtype == "bfloat16" else numbers


def _check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    wrong = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    if wrong:
        raise FileError(path, f"{len(wrong)} of its tensors are not finite, the first is {wrong[0]}")


def _recipe(sizes: OfficialSizes, stream: Stream, heads: int, checkpoint: Mapping[str, Any]) -> Recipe:
    """The published settings with the sizes of the file."""
    usual = Recipe()
    epochs = _epoch(checkpoint)
    return replace(
        usual,
        data=replace(usual.data, frames=sizes.frames, persons=sizes.persons, stream=stream),
        encoder=SCDNetEncoderSettings(
            graph_widths=sizes.graph_widths, width=sizes.width, layers=sizes.layers, heads=heads
        ),
        method=SCDNetSettings(queue=sizes.queue, projection=sizes.projection),
        train=usual.train if epochs is None else replace(usual.train, epochs=epochs),
    )


def _epoch(checkpoint: Mapping[str, Any]) -> int | None:
    epoch = checkpoint.get("epoch")
    return epoch if isinstance(epoch, int) else None


def _info(path: Path, checkpoint: Mapping[str, Any], cleaning: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "dataset": "",
        "classes": [],
        "cleaning": dict(cleaning),
        "source": {
            "layout": "official SCD-Net",
            "file": path.name,
            "sha256": checksum(path),
            "epoch": _epoch(checkpoint),
            "ignored": sorted(str(key) for key in checkpoint if key not in ("state_dict", "epoch")),
        },
    }
