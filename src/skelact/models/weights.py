"""Named tensors on disk, as safetensors, with what the system says when they cannot be written or read."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from skelact.errors import UserError
from skelact.runtime.files import Damaged, sync

SYSTEM = re.compile(r"\(os error (\d+)\)")  # how the library reports what the system refused


def save_tensors(tensors: Mapping[str, Tensor], path: Path, about: Mapping[str, str] | None = None) -> None:
    """Write tensors and wait until they are on the disk.

    Args:
        tensors: of any device.
        path: the file.
        about: text that is kept with them.

    Raises:
        OSError: what the system said.
    """
    whole = {name: value.contiguous() for name, value in tensors.items()}
    path.touch()  # with the permissions that new files have; the library lets nobody else read its own
    mode = path.stat().st_mode
    try:
        save_file(whole, path, dict(about) if about else None)
        path.chmod(mode)
    except SafetensorError as error:
        found = SYSTEM.search(str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error
    sync(path)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors, on the CPU, and the text kept with them.

    Raises:
        Damaged: not a whole safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise Damaged(path, f"{error}") from error


def misfits(own: Mapping[str, Tensor], loaded: Mapping[str, Tensor]) -> list[str]:
    """What keeps loaded tensors from taking the place of others: names and shapes, in words."""
    wrong = [f"missing {name}" for name in own if name not in loaded]
    wrong += [f"unknown {name}" for name in loaded if name not in own]
    wrong += [
        f"{name} is {tuple(loaded[name].shape)}, expected {tuple(own[name].shape)}"
        for name in own
        if name in loaded and loaded[name].shape != own[name].shape
    ]
    return wrong


def put_weights(module: torch.nn.Module, weights: Mapping[str, Tensor], path: Path) -> None:
    """Strictly put weights from a file into a module: what does not fit is listed.

    Raises:
        UserError: a name or shape that does not fit.
    """
    wrong = misfits(module.state_dict(), weights)
    if wrong:
        raise UserError(f"weights of {path} do not fit: {'; '.join(wrong[:5])} ({len(wrong)} in all)")
    module.load_state_dict(dict(weights))
