"""Checkpoints of a training: weights and counters, written so that damage, whenever it comes, is seen.

Weights are written first, then the counters, which carry the checksum of the weights and their own; each is on the
disk before it gets its name. So a crash leaves no half of a checkpoint, and whatever changes later does not match.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skelact.errors import UserError
from skelact.methods import Method
from skelact.models.weights import load_tensors, misfits, save_tensors
from skelact.runtime.files import (
    Damaged,
    checksum,
    read_json,
    reading,
    replacing,
    sealed,
    unsealed,
    write_text,
    writing,
)

NAME = re.compile(r"epoch-(\d+)-step-(\d+)\.json")
RESUME = "--resume then continues from the last complete checkpoint"


@dataclass
class Counters:
    """Where a training stands: ``step`` steps of epoch ``epoch`` are done."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)  # of the loss terms in the epoch so far


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found undamaged.

    Args:
        path: of the counters.
        counters: where the training stood.
        settings: those that decide about weights, by name, such as ``train.lr``.
        tensors: of method and optimiser.
    """

    path: Path
    counters: Counters
    settings: dict[str, Any]
    tensors: dict[str, Tensor]


def save_checkpoint(
    folder: Path,
    counters: Counters,
    method: Method,
    optimizer: torch.optim.Optimizer,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write weights, optimiser state and, last, the counters; returns the path of the counters.

    Raises:
        UserError: they cannot be written; earlier checkpoints are as they were.
    """
    path = folder / _name(counters)
    weights = path.with_suffix(".safetensors")
    tensors = {f"method.{name}": value for name, value in method.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in _optimizer_tensors(method, optimizer).items()}
    with writing(path, RESUME):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(weights) as partial:
            save_tensors(tensors, partial, {"stands": _stands(counters)})
            found = checksum(partial)
        with replacing(path) as partial:
            write_text(partial, sealed({**asdict(counters), "settings": dict(settings or {}), "weights": found}))
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """A checkpoint whose two files are as they were written and belong together.

    Raises:
        Damaged: which of them is not.
    """
    with reading(path):
        return _read(path)


def _read(path: Path) -> Checkpoint:
    values = unsealed(path, read_json(path))
    try:
        counters = Counters(values["epoch"], values["step"], values["sums"])
        settings, expected = values["settings"], values["weights"]
    except KeyError as error:
        raise Damaged(path, f"it does not contain {error}") from error
    if path.name != _name(counters):
        raise Damaged(path, f"it is the checkpoint of {_stands(counters)}, by its content")
    weights = path.with_suffix(".safetensors")
    if not weights.is_file():
        raise Damaged(weights, f"not found, though {path.name} names it")
    if checksum(weights) != expected:
        raise Damaged(weights, f"it does not match its checksum in {path.name}{_another(weights, counters)}")
    tensors, _ = load_tensors(weights)
    return Checkpoint(path, counters, settings, tensors)


def load_checkpoint(path: Path, method: Method, optimizer: torch.optim.Optimizer) -> Counters:
    """Put method and optimiser into the state that was saved; returns where the training stood."""
    return put_back(read_checkpoint(path), method, optimizer)


def put_back(checkpoint: Checkpoint, method: Method, optimizer: torch.optim.Optimizer) -> Counters:
    """Put method and optimiser into the state of a checkpoint; returns where the training stood.

    Raises:
        UserError: the checkpoint is of another training.
    """
    own, state = _part("method.", checkpoint.tensors), _part("optimizer.", checkpoint.tensors)
    parameters = dict(method.named_parameters())
    wrong = misfits(method.state_dict(), own)
    wrong += [f"unknown optimizer.{name}" for name in state if name.rpartition(".")[0] not in parameters]
    if wrong:
        raise UserError(
            f"checkpoint {checkpoint.path} is of another run: {'; '.join(wrong[:3])} ({len(wrong)} in all)"
        )
    method.load_state_dict(own)
    for name, value in state.items():
        parameter, _, key = name.rpartition(".")
        optimizer.state[parameters[parameter]][key] = value.to(parameters[parameter].device)
    return checkpoint.counters


def latest(folder: Path) -> Path | None:
    """The furthest checkpoint of a run, None where there is none."""
    found = all_checkpoints(folder)
    return found[-1] if found else None


def all_checkpoints(folder: Path) -> list[Path]:
    """Counters of all whole checkpoints, from the earliest to the furthest."""
    return sorted(path for path in folder.glob("*.json") if NAME.fullmatch(path.name))


def set_aside(path: Path) -> None:
    """Give a damaged checkpoint another name, so that it is not taken for a good one again."""
    with writing(path):
        for part in (path, path.with_suffix(".safetensors")):
            if part.exists():
                part.replace(f"{part}.damaged")


def prune(folder: Path, keep: int, every: int) -> None:
    """Delete old checkpoints: the last ``keep`` stay, and one of every ``every`` epochs (0: none).

    What an interrupted writing left behind is deleted too.
    """
    with writing(folder):
        for path in all_checkpoints(folder)[:-keep]:
            match = NAME.fullmatch(path.name)
            epoch, step = (int(number) for number in match.groups()) if match else (0, 0)
            if not (every and step == 0 and epoch % every == 0):
                path.unlink()
        kept = {path.stem for path in all_checkpoints(folder)}
        for path in [*folder.glob("epoch-*.safetensors"), *folder.glob("*.partial")]:
            if path.stem not in kept or path.suffix == ".partial":
                path.unlink(missing_ok=True)


def _name(counters: Counters) -> str:
    """Of the file of these counters; empty where they are no counters."""
    if type(counters.epoch) is not int or type(counters.step) is not int or type(counters.sums) is not dict:
        return ""
    return f"epoch-{counters.epoch:05d}-step-{counters.step:05d}.json"


def _stands(counters: Counters) -> str:
    return f"epoch {counters.epoch}, step {counters.step}"


def _another(weights: Path, counters: Counters) -> str:
    """Where the weights are those of another checkpoint: of which, in words."""
    try:
        stands = load_tensors(weights)[1].get("stands", "")
    except Damaged:
        return ""
    return f": these are the weights of {stands}" if stands not in ("", _stands(counters)) else ""


def _part(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimizer_tensors(method: Method, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value
        for name, parameter in method.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }
