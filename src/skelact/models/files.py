"""Models on disk: a folder of two files, as a run has it, or one file to pass on.

Both hold the weights and a description: format, skeleton, sizes, settings of the training, where it comes from.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skelact.errors import UserError
from skelact.models.weights import load_tensors, save_tensors
from skelact.runtime.files import (
    Damaged,
    checksum,
    read_json,
    reading,
    replacing,
    sealed,
    sync,
    unsealed,
    write_text,
    writing,
    written_beside,
)

FORMAT = 2
WITHOUT_CHECKSUMS = 1  # the format before, which is read all the same
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
KEY = "skelact"  # of the description in the text that a safetensors file carries

Tensors = Mapping[str, Tensor]


def write_model(path: Path, tensors: Tensors, description: Mapping[str, Any]) -> None:
    """Write a model: one file where the name ends in ``.safetensors``, otherwise a folder.

    Raises:
        UserError: it cannot be written; a model that was there is as it was.
    """
    if path.suffix == ".safetensors":
        text = sealed({"format": FORMAT, **description, "weights": _digest(tensors)})
        with writing(path), replacing(path) as partial:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_tensors(tensors, partial, {KEY: text})
    else:
        _write_folder(path, tensors, description)


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Description and weights of a model file, a model folder or a run folder; found undamaged.

    Raises:
        UserError: no model there, another format.
        Damaged: which file is.
    """
    with reading(path):
        return _read_file(path) if path.is_file() else _read_folder(path)


def _write_folder(folder: Path, tensors: Tensors, description: Mapping[str, Any]) -> None:
    """Weights first, the description last."""
    weights, text = folder / WEIGHTS, folder / DESCRIPTION
    with writing(folder), written_beside(weights) as new_weights, written_beside(text) as new_text:
        folder.mkdir(parents=True, exist_ok=True)
        save_tensors(tensors, new_weights)
        write_text(new_text, sealed({"format": FORMAT, **description, "weights": checksum(new_weights)}))
        text.unlink(missing_ok=True)  # between here and the end there is no model, rather than half of two
        os.replace(new_weights, weights)
        os.replace(new_text, text)
        sync(folder)


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    tensors, about = load_tensors(path)
    if KEY not in about:
        raise UserError(f"{path} holds weights alone, no model of skelact: it does not say what they are for")
    try:
        values = json.loads(about[KEY])
    except (ValueError, RecursionError) as error:
        raise Damaged(path, f"its description is not JSON ({error})") from error
    values = unsealed(path, _of_a_format(path, values))
    if values.get("weights") != _digest(tensors):
        raise Damaged(path, f"its weights do not match their checksum. {_again(path)}")
    return values, tensors


def _read_folder(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    description, weights = path / DESCRIPTION, path / WEIGHTS
    if not description.is_file():
        raise UserError(f"{path} holds no model: {DESCRIPTION} not found. {_hint(path)}")
    try:
        values = _of_a_format(description, read_json(description))
        if values["format"] != WITHOUT_CHECKSUMS:
            values = unsealed(description, values)
        if not weights.is_file():
            raise UserError(f"weights {weights} not found")
        if values["format"] != WITHOUT_CHECKSUMS and checksum(weights) != values.get("weights"):
            raise Damaged(weights, f"it does not match its checksum in {DESCRIPTION}")
        tensors, _ = load_tensors(weights)
    except Damaged as error:
        raise Damaged(error.path, f"{error.reason}. {_again(path)}") from error
    return values, tensors


def _of_a_format(path: Path, values: Any) -> dict[str, Any]:
    """A description whose format this version reads."""
    if not isinstance(values, dict):
        raise Damaged(path, "it holds no settings by name")
    if values.get("format") not in (FORMAT, WITHOUT_CHECKSUMS):
        raise UserError(
            f"{path}: format {values.get('format')}, this version reads format {FORMAT} and {WITHOUT_CHECKSUMS}"
        )
    return values


def _digest(tensors: Tensors) -> str:
    """Of names, types, shapes and numbers."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        whole = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {whole.dtype} {tuple(whole.shape)}\n".encode())
        digest.update(whole.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _again(path: Path) -> str:
    if (path / "config.toml").is_file():
        return "skelact pretrain --resume writes it again from the last checkpoint"
    return "Copy it again from where it came from"


def _hint(path: Path) -> str:
    if not path.is_dir():
        return "There is no such file or folder."
    seeds = sorted(child.name for child in path.glob("seed-*") if (child / DESCRIPTION).is_file())
    if seeds:
        return f"It is a run of several seeds: {', '.join(seeds)}."
    if (path / "config.toml").is_file():
        return "The run has not finished: skelact pretrain --resume continues it."
    return "Expected a run folder, a model folder or a model file."
