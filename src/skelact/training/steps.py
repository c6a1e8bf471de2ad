"""One step of a training: the same for pretraining and for fine-tuning."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skelact.batches import Batch
from skelact.methods import Method, StepLoss
from skelact.settings import Precision, TrainSettings


def take_step(
    method: Method,
    optimizer: torch.optim.Optimizer,
    batches: Mapping[str, Batch],
    draw: tuple[int, ...],
    progress: float,
    precision: Precision = "float32",
) -> StepLoss:
    """Views, loss, gradient, update, what follows.

    Args:
        method: in training mode, on the batch's device.
        optimizer: of its parameters; learning rates are set.
        batches: whole clips of each feed of the method.
        draw: numbers that all random draws of the step come from, such as seed, epoch and step.
        progress: of the training, 0 to 1.
        precision: "float32", or "bfloat16": what products are made of is rounded; weights, norms, similarities and
            what the optimiser adds up are not.
    """
    seed = int(np.random.SeedSequence(draw).generate_state(1, np.uint64)[0])
    torch.manual_seed(seed)  # dropout draws from torch's own generator
    device = next(iter(batches.values())).device
    views = method.views(batches, torch.Generator(device).manual_seed(seed))
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        loss: StepLoss = method(views, progress)
    optimizer.zero_grad()
    loss.total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    method.after_step(loss, gather)
    return loss


def gather(own: Tensor) -> Tensor:
    """What all processes carry; there is one."""
    return own


class Underway:
    """Numbers of a device that are read later, so that it goes on meanwhile.

    Args:
        values: (K,) on any device.
    """

    def __init__(self, values: Tensor) -> None:
        self._values, self._arrived = values.detach(), None
        if values.device.type == "cuda":
            self._values = self._values.to("cpu", non_blocking=True)
            self._arrived = torch.cuda.current_stream(values.device).record_event()

    def read(self) -> list[float]:
        """The numbers; waits until they have arrived."""
        if self._arrived is not None:
            self._arrived.synchronize()
        numbers: list[float] = self._values.tolist()
        return numbers


def build_optimizer(
    parameters: list[torch.nn.Parameter] | list[dict[str, Any]], settings: TrainSettings
) -> torch.optim.Optimizer:
    """The optimiser that the settings name, for parameters or for groups of them.

    Fused: gradient, momentum and weight of a parameter are gone through once.
    """
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=settings.lr, weight_decay=settings.weight_decay, fused=True)
    return torch.optim.SGD(
        parameters, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay, fused=True
    )
