"""The linear probe: how well one linear layer tells the classes apart from frozen features."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from skelact.config import LinearSettings
from skelact.errors import UserError
from skelact.evaluation.labelled import Labelled, Outcome, accuracy
from skelact.models.device import best_device

INITIAL_DEVIATION = 0.01  # of the weights; the bias starts at 0


def linear_probe(
    train: Labelled,
    test: Labelled,
    settings: LinearSettings,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Train one linear layer on the features of the training part and measure it on the test part.

    Stochastic gradient descent on the cross-entropy, for ``settings.epochs`` epochs of shuffled batches (the last
    one of an epoch may be shorter); the learning rate falls to a tenth after each of ``settings.milestones``
    epochs. On the same machine with the same number of threads the result is the same bit for bit.

    Args:
        train: what the layer is trained on.
        test: what it is measured on, after every epoch.
        settings: of the optimiser.
        seed: of the initial weights and the shuffling.
        progress: called with (epochs done, epochs).

    Returns:
        Predictions and logits after the last epoch, and the test accuracy after every epoch.

    Raises:
        UserError: no epochs, an empty batch, parts that differ in width, or weights that grow without bound.

    Source: SCD-Net, sec. "Linear evaluation".
    """
    _check(train, test, settings)
    device = best_device()
    rng = torch.Generator().manual_seed(seed)
    x_train, x_test = _features(train, test, settings.standardize, device)
    labels = torch.tensor(train.labels, device=device)
    weight = torch.empty(train.classes, x_train.shape[1]).normal_(0.0, INITIAL_DEVIATION, generator=rng)
    weight = weight.to(device).requires_grad_()
    bias = torch.zeros(train.classes, device=device, requires_grad=True)
    optimizer = torch.optim.SGD(
        [weight, bias], lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(settings.milestones), gamma=0.1)
    curve = []
    for epoch in range(settings.epochs):
        for rows in _batches(len(train), settings.batch, rng):
            logits = functional.linear(x_train[rows], weight, bias)
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
        scores = _scores(x_test, weight, bias)
        curve.append(accuracy(scores.argmax(axis=1), test.labels))
        if progress is not None:
            progress(epoch + 1, settings.epochs)
    if not np.isfinite(scores).all():
        raise UserError(f"the linear probe diverged at learning rate {settings.lr}; try --set linear.lr=0.1")
    return Outcome(scores.argmax(axis=1), curve[-1], scores, tuple(curve))


def _check(train: Labelled, test: Labelled, settings: LinearSettings) -> None:
    if settings.epochs < 1 or settings.batch < 1:
        raise UserError(
            f"the linear probe needs at least 1 epoch and 1 clip a batch, got linear.epochs = {settings.epochs} "
            f"and linear.batch = {settings.batch}"
        )
    if train.vectors.shape[1] != test.vectors.shape[1]:
        raise UserError(
            f"training vectors are {train.vectors.shape[1]} wide, test vectors {test.vectors.shape[1]}"
        )


def _features(train: Labelled, test: Labelled, standardize: bool, device: str) -> tuple[Tensor, Tensor]:
    """Both parts on the device; standardised by the training part's mean and deviation where asked."""
    x_train, x_test = torch.from_numpy(train.vectors), torch.from_numpy(test.vectors)
    if standardize:
        mean, deviation = x_train.mean(dim=0), x_train.std(dim=0, correction=0)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        x_train, x_test = (x_train - mean) / deviation, (x_test - mean) / deviation
    return x_train.to(device), x_test.to(device)


def _batches(count: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    return iter(torch.split(torch.randperm(count, generator=rng), size))


@torch.no_grad()
def _scores(x_test: Tensor, weight: Tensor, bias: Tensor) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = functional.linear(x_test, weight, bias).cpu().numpy()
    return scores
