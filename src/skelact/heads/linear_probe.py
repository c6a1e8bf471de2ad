"""The linear probe: how well one linear layer separates the classes of frozen features."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from skelact.errors import UserError
from skelact.heads.labelled import Labelled, Outcome, Progress, accuracy
from skelact.runtime.device import best_device
from skelact.settings import LinearSettings

INITIAL_DEVIATION = 0.01  # of the weights; the bias starts at 0


@dataclass(frozen=True, eq=False)
class Probe:
    """A linear layer on features.

    Args:
        weight: (classes, D).
        bias: (classes,).
        standard: (D,) mean and deviation of the features that it was trained on, which it expects to be taken off;
            None where it takes features as they are.
    """

    weight: Tensor
    bias: Tensor
    standard: tuple[Tensor, Tensor] | None

    def features(self, vectors: NDArray[np.float32]) -> Tensor:
        """(N, D) what the layer sees, on its device."""
        seen = torch.from_numpy(vectors).to(self.bias.device)
        return seen if self.standard is None else (seen - self.standard[0]) / self.standard[1]

    @torch.no_grad()
    def logits(self, features: Tensor) -> NDArray[np.float32]:
        """(N, classes) of ``features``."""
        scores: NDArray[np.float32] = functional.linear(features, self.weight, self.bias).cpu().numpy()
        return scores

    def outcome(self, test: Labelled) -> Outcome:
        """What it says of some vectors."""
        scores = self.logits(self.features(test.vectors))
        predicted = scores.argmax(axis=1)
        return Outcome(predicted, accuracy(predicted, test.labels), scores)


def linear_probe(
    train: Labelled,
    test: Labelled,
    settings: LinearSettings,
    seed: int,
    progress: Progress | None = None,
) -> Outcome:
    """Train one linear layer on the training features and measure it on the test features.

    Args:
        train: what the layer is trained on, as ``train_probe`` says.
        test: what it is measured on, after every epoch.
        settings: of the optimiser; ``choose`` is not looked at.
        seed: of the initial weights and the shuffling.
        progress: called with (epochs done, epochs).

    Returns:
        Predictions and logits after the last epoch, and the test accuracy after every epoch.

    Raises:
        UserError: as ``train_probe``; features that differ in width.

    Source: SCD-Net, sec. "Linear evaluation".
    """
    return trained_and_measured(train, test, settings, seed, progress)[1]


def trained_and_measured(
    train: Labelled,
    test: Labelled,
    settings: LinearSettings,
    seed: int,
    progress: Progress | None = None,
) -> tuple[Probe, Outcome]:
    """The layer and the outcome of ``linear_probe``."""
    if train.vectors.shape[1] != test.vectors.shape[1]:
        raise UserError(
            f"training vectors are {train.vectors.shape[1]} wide, test vectors {test.vectors.shape[1]}"
        )
    seen: list[Tensor] = []
    curve = []

    def after_epoch(epoch: int, probe: Probe) -> None:
        if not seen:
            seen.append(probe.features(test.vectors))
        curve.append(accuracy(probe.logits(seen[0]).argmax(axis=1), test.labels))
        if progress is not None:
            progress(epoch, settings.epochs)

    probe = train_probe(train, settings, seed, after_epoch)
    return probe, replace(probe.outcome(test), curve=tuple(curve))


def train_probe(
    train: Labelled,
    settings: LinearSettings,
    seed: int,
    after_epoch: Callable[[int, Probe], None] | None = None,
) -> Probe:
    """Train one linear layer.

    Stochastic gradient descent on the cross-entropy, for ``settings.epochs`` epochs of shuffled batches (the last
    one of an epoch may be shorter); the learning rate falls to a tenth after each of ``settings.milestones``
    epochs. On the same machine with the same number of threads the result is the same bit for bit.

    Args:
        train: what the layer is trained on.
        settings: of the optimiser.
        seed: of the initial weights and the shuffling.
        after_epoch: called with (epochs done, the layer as it is then).

    Raises:
        UserError: no epochs, an empty batch, or weights that grow without bound.
    """
    if settings.epochs < 1 or settings.batch < 1:
        raise UserError(
            f"the linear probe needs at least 1 epoch and 1 clip a batch, got linear.epochs = {settings.epochs} "
            f"and linear.batch = {settings.batch}"
        )
    rng = torch.Generator().manual_seed(seed)
    probe = _fresh(train, settings.standardize, rng)
    features, labels = probe.features(train.vectors), torch.tensor(train.labels, device=probe.bias.device)
    optimizer = torch.optim.SGD(
        [probe.weight, probe.bias],
        lr=settings.lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(settings.milestones), gamma=0.1)
    for epoch in range(settings.epochs):
        for rows in _batches(len(train), settings.batch, rng):
            logits = functional.linear(features[rows], probe.weight, probe.bias)
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
        if after_epoch is not None:
            after_epoch(epoch + 1, probe)
    if not np.isfinite(probe.logits(features)).all():
        raise UserError(f"the linear probe diverged at learning rate {settings.lr}; try --set linear.lr=0.1")
    return probe


def _fresh(train: Labelled, standardize: bool, rng: torch.Generator) -> Probe:
    """A layer before its training; standardising by the training features' mean and deviation where asked."""
    device, width = best_device(), train.vectors.shape[1]
    weight = torch.empty(train.classes, width).normal_(0.0, INITIAL_DEVIATION, generator=rng)
    bias = torch.zeros(train.classes, device=device, requires_grad=True)
    standard = None
    if standardize:
        x_train = torch.from_numpy(train.vectors)
        deviation = x_train.std(dim=0, correction=0)
        standard = x_train.mean(dim=0).to(device), torch.where(deviation > 0, deviation, 1.0).to(device)
    return Probe(weight.to(device).requires_grad_(), bias, standard)


def _batches(count: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    return iter(torch.split(torch.randperm(count, generator=rng), size))


def best_learning_rate(
    learnt: Labelled, held: Labelled, settings: LinearSettings, seed: int, progress: Progress | None = None
) -> tuple[LinearSettings, dict[str, float]]:
    """The settings with the one of ``settings.candidates`` that is right most often on ``held``.

    Of equally good rates the lowest is taken; one that diverges is never taken.

    Args:
        learnt: what the layer is trained on.
        held: what the rates are chosen on: training clips, never test clips.
        settings: of the optimiser, and the candidates.
        seed: of the initial weights and the shuffling.
        progress: called with (candidates done, candidates).

    Returns:
        The settings, and what was chosen with its accuracy on ``held``.

    Raises:
        UserError: no candidates, or none that does not diverge.
    """
    if not settings.candidates:
        raise UserError("linear.choose needs learning rates to choose from: linear.candidates is empty")
    found: dict[float, float] = {}
    for number, lr in enumerate(sorted(settings.candidates), start=1):
        try:
            probe = train_probe(learnt, replace(settings, lr=lr), seed)
            found[lr] = probe.outcome(held).accuracy
        except UserError:  # this rate diverges: the others may not
            found[lr] = -1.0
        if progress is not None:
            progress(number, len(settings.candidates))
    best = max(found, key=found.__getitem__)
    if found[best] < 0:
        raise UserError(f"the linear probe diverged at all of linear.candidates {sorted(found)}; add lower ones")
    return replace(settings, lr=best), {"lr": best, "validation_accuracy": found[best]}
