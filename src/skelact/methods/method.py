"""What every method offers: views of clips, a loss of the views, and what follows a step."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from skelact.batches import Batch
from skelact.encoders import Encoder
from skelact.errors import UserError
from skelact.settings import MethodSettings, Recipe

OwnSettings = TypeVar("OwnSettings", bound=MethodSettings)
Gather = Callable[[Tensor], Tensor]  # (N, ...) of this process -> (N of all processes, ...), in one order


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

    A step calls, in this order: ``views``, ``forward``, the optimiser, ``after_step``. What a method remembers (a
    queue, a momentum encoder) is a parameter or buffer, so that checkpoints have it.

    Args:
        encoder: what is trained and kept.
        recipe: all settings of the run.
        classes: number of classes of the first feed.

    Attributes:
        Settings: its own group of settings; ``recipe.method`` is one.
        needs: the type of encoder that it can train.
        uses_labels: whether it looks at the labels of the first feed; then every clip there has one.
        feeds: names of the stores that it learns from; the first one counts the epochs.
    """

    Settings: ClassVar[type[MethodSettings]] = MethodSettings
    needs: ClassVar[type[Encoder]] = Encoder
    uses_labels: ClassVar[bool] = False
    feeds: ClassVar[tuple[str, ...]] = ("train",)

    def __init__(self, encoder: Encoder, recipe: Recipe, classes: int) -> None:
        del classes  # of those with labels
        super().__init__()
        if not isinstance(encoder, self.needs):
            raise UserError(
                f"method {recipe.method.name} needs an encoder of type {self.needs.__name__}, "
                f"encoder {recipe.encoder.name} is not one"
            )
        self.recipe = recipe

    @property
    def encoder(self) -> Encoder:
        """What is kept after training."""
        raise NotImplementedError

    def own_settings(self, kind: type[OwnSettings]) -> OwnSettings:
        """``recipe.method``, known to be of the method's own kind."""
        if not isinstance(self.recipe.method, kind):
            raise TypeError(f"{type(self).__name__} is built from {kind.__name__}, got {self.recipe.method}")
        return self.recipe.method

    def views(self, batches: Mapping[str, Batch], rng: torch.Generator) -> Any:
        """What the loss looks at, made of a batch of each feed; every draw comes from ``rng``.

        The batches are on the device of the method, and so are the views.
        """
        raise NotImplementedError

    def forward(self, views: Any, progress: float) -> StepLoss:
        """The loss of the views; remembers nothing.

        Args:
            views: what ``views`` gave.
            progress: of the training, 0 to 1.
        """
        raise NotImplementedError

    def after_step(self, step: StepLoss, gather: Gather) -> None:
        """What follows the optimiser: queues take in their keys, momentum encoders move. Nothing by default.

        Args:
            step: the loss of the step, with what it carries.
            gather: puts together what each process carries.
        """


class ClosedFormMethod(Method):
    """A method without gradient steps: it looks at all clips once and then knows its encoder."""

    def fit(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Fit the encoder.

        Args:
            batches: whole clips of the first feed, on the device of the method, in the order of the store; made as
                they are asked for, so that memory does not grow with their number.

        Returns:
            Numbers to log, by readable name.
        """
        raise NotImplementedError
