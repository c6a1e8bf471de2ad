"""Checkpoints of a training: weights and counters, written so that a crash never leaves half of one."""

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from skelact.errors import UserError
from skelact.methods import Method

NAME = re.compile(r"epoch-(\d+)-step-(\d+)\.json")


@dataclass
class Counters:
    """Where a training stands: ``step`` steps of epoch ``epoch`` are done."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)  # of the loss terms in the epoch so far


def save_checkpoint(folder: Path, counters: Counters, method: Method, optimizer: torch.optim.Optimizer) -> Path:
    """Write weights, optimiser state and, last, the counters; returns the path of the counters."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"epoch-{counters.epoch:05d}-step-{counters.step:05d}.json"
    tensors = {f"method.{name}": value for name, value in method.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in _optimizer_tensors(method, optimizer).items()}
    weights = path.with_suffix(".safetensors")
    save_file({name: value.contiguous() for name, value in tensors.items()}, f"{weights}.partial")
    os.replace(f"{weights}.partial", weights)
    partial = Path(f"{path}.partial")
    partial.write_text(json.dumps(asdict(counters)) + "\n", encoding="utf-8")
    os.replace(partial, path)
    return path


def load_checkpoint(path: Path, method: Method, optimizer: torch.optim.Optimizer) -> Counters:
    """Put method and optimiser into the state that was saved; returns where the training stood."""
    weights = path.with_suffix(".safetensors")
    if not weights.is_file():
        raise UserError(f"checkpoint {weights} not found, though {path.name} names it")
    tensors = load_file(weights)
    own = {name.removeprefix("method."): value for name, value in tensors.items() if name.startswith("method.")}
    method.load_state_dict(own)
    parameters = dict(method.named_parameters())
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            name, _, key = name.removeprefix("optimizer.").rpartition(".")
            optimizer.state[parameters[name]][key] = value.to(parameters[name].device)
    return Counters(**json.loads(path.read_text(encoding="utf-8")))


def latest(folder: Path) -> Path | None:
    """The furthest checkpoint of a run, None where there is none."""
    found = all_checkpoints(folder)
    return found[-1] if found else None


def all_checkpoints(folder: Path) -> list[Path]:
    """Counters of all whole checkpoints, from the earliest to the furthest."""
    return sorted(path for path in folder.glob("*.json") if NAME.fullmatch(path.name))


def prune(folder: Path, keep: int, every: int) -> None:
    """Delete old checkpoints: the last ``keep`` stay, and one of every ``every`` epochs (0: none)."""
    for path in all_checkpoints(folder)[:-keep]:
        match = NAME.fullmatch(path.name)
        epoch, step = (int(number) for number in match.groups()) if match else (0, 0)
        if not (every and step == 0 and epoch % every == 0):
            path.unlink()
            path.with_suffix(".safetensors").unlink(missing_ok=True)


def _optimizer_tensors(method: Method, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value
        for name, parameter in method.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }
