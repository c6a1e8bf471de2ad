"""What every method offers: views of a batch, a loss of the views, and what follows a step."""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skelact.batches import Batch
from skelact.encoders import Encoder


@dataclass(frozen=True)
class StepLoss:
    """The loss of one step, term by term.

    Args:
        parts: scalar per term, logged by name; the loss is their sum.
        carry: what ``after_step`` needs, detached: keys for the queues, ...
    """

    parts: dict[str, Tensor]
    carry: dict[str, Tensor] = field(default_factory=dict)

    @property
    def total(self) -> Tensor:
        """Sum of all terms."""
        return torch.stack(list(self.parts.values())).sum()


class Method(nn.Module):
    """A way to train an encoder.

    A step calls, in this order: ``views``, ``before_step``, ``loss``, the optimiser, ``after_step``.
    """

    encoder: Encoder  # what is kept after training

    def check_labels(self, labels: NDArray[np.int64]) -> None:
        """Raise a ``UserError`` where clips of these labels, -1 for none, do not do. All do by default."""

    def views(self, batch: Batch, rng: torch.Generator) -> tuple[Batch, ...]:
        """What the loss looks at, made on the batch's device; every draw comes from ``rng``."""
        raise NotImplementedError

    def before_step(self) -> None:
        """What precedes the loss: a momentum encoder follows. Nothing by default."""

    def loss(self, views: tuple[Batch, ...], progress: float) -> StepLoss:
        """The loss of the views; remembers nothing. ``progress`` of the training is in [0, 1]."""
        raise NotImplementedError

    def after_step(self, step: StepLoss) -> None:
        """What follows the optimiser: queues take in their keys. Nothing by default."""
