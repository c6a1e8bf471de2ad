"""Fine-tuning: the whole encoder and a linear layer trained with labels, from what was learnt without them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.evaluation.protocols.protocol import Entry, Protocol, Report, System
from skelact.evaluation.protocols.semi import run_shares, share_entries
from skelact.heads.labelled import Outcome, accuracy
from skelact.methods.supervised import Supervised
from skelact.models import Model
from skelact.models.model import load_clips
from skelact.runtime.allocator import keep_freed_memory
from skelact.runtime.device import best_device
from skelact.runtime.prefetch import prefetch
from skelact.sequences.store import Store
from skelact.settings import FinetuneSettings, Recipe, TrainSettings
from skelact.training.schedule import learning_rate
from skelact.training.steps import build_optimizer, take_step

# The baseline of fine-tuning is the same network from random weights, with the same labels and steps.
SYSTEMS = MappingProxyType({"model": "pretrained, then fine-tuned", "untrained": "trained from scratch"})


def fine_tuned(
    model: Model,
    store: Store,
    rows: NDArray[np.int64],
    settings: FinetuneSettings,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Model, nn.Linear]:
    """Train a copy of an encoder and a new linear layer on it with the labels of some clips.

    The training of the supervised method, epoch by epoch over the shuffled clips; a last, smaller batch is
    dropped.
    The same seed gives the same weights on the same machine.

    Args:
        model: where to start from; it stays as it is.
        store: the clips.
        rows: (N,) which of them; all have labels.
        settings: how long and how fast.
        seed: of the linear layer, the order, the views and the dropout.
        progress: called with (steps done, steps).

    Returns:
        The trained encoder, and the linear layer from its features to the classes of the store.

    Raises:
        UserError: no epochs, an empty batch, or a loss that is not finite.
    """
    _check(settings)
    device = torch.device(best_device())
    keep_freed_memory()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        method = Supervised(deepcopy(model.encoder), _with_views(model.recipe, settings), len(store.classes))
        method.to(device).train()
        paces = [_pace(settings, settings.lr), _pace(settings, settings.head_lr)]
        optimizer = build_optimizer(
            [
                {"params": list(part.parameters()), "lr": pace.lr}
                for part, pace in zip((method.encoder, method.classifier), paces, strict=True)
            ],
            paces[0],
        )
        steps = len(rows) // min(settings.batch, len(rows))
        for epoch in range(settings.epochs):
            total = torch.zeros((), device=device)
            with _batches(store, rows, settings, (seed, epoch), model.encoder.persons, device) as batches:
                for step, clips in enumerate(batches):
                    done = epoch + step / steps
                    for group, pace in zip(optimizer.param_groups, paces, strict=True):
                        group["lr"] = learning_rate(pace, done)
                    draw = (seed, epoch, step)
                    loss = take_step(method, optimizer, {"train": clips.to(device)}, draw, done / settings.epochs)
                    total += loss.total.detach()
                    if progress is not None:
                        progress(epoch * steps + step + 1, settings.epochs * steps)
            _check_finite(total, settings)  # once an epoch: the answer makes the CPU wait for a GPU
    return type(model)(method.encoder, model.recipe, model.info), method.classifier.requires_grad_(False)


def _batches(
    store: Store,
    rows: NDArray[np.int64],
    settings: FinetuneSettings,
    draw: tuple[int, int],
    persons: int,
    device: torch.device,
) -> AbstractContextManager[Iterator[Batch]]:
    """The clips in an order drawn from seed and epoch, read while the step before is computed."""
    size = min(settings.batch, len(rows))
    order = np.random.default_rng(draw).permutation(rows)
    blocks = [order[start : start + size] for start in range(0, len(rows) - size + 1, size)]
    return prefetch(lambda part: load_clips(store, part, persons).ready_for(device), blocks)


def _with_views(recipe: Recipe, settings: FinetuneSettings) -> Recipe:
    """Clips are cut at random and, where asked, changed as in pretraining."""
    if settings.views == "pretraining":
        return recipe
    return replace(recipe, views=replace(recipe.views, min_crop=settings.min_crop, probability=0.0))


def _pace(settings: FinetuneSettings, lr: float) -> TrainSettings:
    """As the settings of a training, for its schedule and optimiser."""
    return TrainSettings(
        epochs=settings.epochs,
        batch=settings.batch,
        optimizer=settings.optimizer,
        lr=lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        schedule=settings.schedule,
        milestones=settings.milestones,
        warmup_epochs=settings.warmup_epochs,
    )


def _check(settings: FinetuneSettings) -> None:
    if settings.epochs < 1 or settings.batch < 1:
        raise UserError(
            f"fine-tuning needs at least 1 epoch and 1 clip a batch, got finetune.epochs = {settings.epochs} "
            f"and finetune.batch = {settings.batch}"
        )


def _check_finite(loss: torch.Tensor, settings: FinetuneSettings) -> None:
    if not torch.isfinite(loss):
        raise UserError(
            f"fine-tuning diverged at learning rates {settings.lr} and {settings.head_lr}; lower them with --set "
            f"finetune.lr={settings.lr / 10:g} --set finetune.head_lr={settings.head_lr / 10:g}"
        )


def _measured(system: System, rows: NDArray[np.int64], progress: Callable[[int, int], None]) -> Outcome:
    """Fine-tune on some clips, then ask for the test clips."""
    assert system.model is not None
    model, head = fine_tuned(
        system.model, system.store, rows, system.recipe.protocols.finetune, system.seed, progress
    )
    features = torch.from_numpy(model.embed(system.store, system.split.test)).to(head.weight.device)
    scores: NDArray[np.float32] = head(features).cpu().numpy()
    predicted = scores.argmax(axis=1)
    return Outcome(predicted, accuracy(predicted, system.test.labels), scores)


def _entries(_recipe: Recipe, _store: Store) -> Mapping[str, Entry]:
    return {"finetune": Entry("fine-tuning")}


def _run(system: System, report: Report) -> Mapping[str, Outcome]:
    return {"finetune": _measured(system, system.split.train, partial(report, "fine-tuning"))}


def _few_entries(recipe: Recipe, _store: Store) -> Mapping[str, Entry]:
    return share_entries("semi-finetune", "fine-tuning", recipe)


def _run_few(system: System, report: Report) -> Mapping[str, Outcome]:
    def tune(clips: NDArray[np.int64], title: str) -> Outcome:
        return _measured(system, system.split.train[clips], partial(report, title))

    return run_shares(system, _few_entries(system.recipe, system.store), tune)


FINETUNE = Protocol("fine-tuning", ("finetune",), _entries, _run, systems=SYSTEMS, fuses="softmax")
SEMI_FINETUNE = Protocol(
    "fine-tuning, few labels", ("semi", "finetune"), _few_entries, _run_few, systems=SYSTEMS, fuses="softmax"
)
