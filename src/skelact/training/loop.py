"""The training loop, from a store to a model, on one page.

Every random draw comes from (seed, epoch, step), so that a resumed training ends with the same weights, bit
for bit, as one that was never stopped.
"""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from numpy.typing import NDArray

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.methods import Method, StepLoss, build_method
from skelact.models.model import Model, describe, fresh_encoder, load_clips
from skelact.runtime.allocator import keep_freed_memory
from skelact.runtime.device import best_device, check_precision
from skelact.runtime.prefetch import read_ahead
from skelact.sequences.store import Store
from skelact.settings import DEFAULT_RECIPE, Recipe, TrainSettings, load_recipe
from skelact.training.checkpoint import Counters, load_checkpoint, prune, save_checkpoint
from skelact.training.run_folder import Run
from skelact.training.schedule import learning_rate
from skelact.training.steps import Underway, build_optimizer, take_step
from skelact.training.tensorboard import EventLog

# steps after which a loss is read: a GPU is given the next step before it is asked about this one
LATE = {"cuda": 1}


@dataclass(frozen=True)
class Progress:
    """What is told after each step."""

    epoch: int  # epochs done
    epochs: int
    step: int  # steps done in all
    steps: int  # steps of the whole training
    parts: dict[str, float]  # loss terms of the step
    clips_per_second: float


class Stopped(UserError):
    """The training was stopped and can be resumed."""

    status = 130


def pretrain(
    store: Store,
    out: Path,
    recipe: Recipe | None = None,
    *,
    resume: bool = False,
    device: str = "",
    progress: Callable[[Progress], None] | None = None,
) -> Model:
    """Train an encoder on a store and leave model, settings, metrics and checkpoints in a run folder.

    Args:
        store: the training data; labels are not looked at unless the method says so.
        out: the run folder; must be new, or the run to resume.
        recipe: the settings, those of the recipe "small" when None; ignored on resume, where the run's own hold.
        resume: continue from the last checkpoint of ``out``.
        device: "cpu", "cuda", ...; the GPU if there is one when empty.
        progress: called after each step.

    Raises:
        Stopped: Ctrl-C or SIGTERM; a checkpoint has been written.
        UserError: settings that do not fit the store, an interrupted import, a folder in use, a loss that is not
            finite.
    """
    store.check_complete()
    run = Run(out)
    if resume:
        recipe = run.recipe()
        _check_same_data(recipe, store, run)
        if run.finished:
            return Model.load(out)
    else:
        recipe = recipe or load_recipe(DEFAULT_RECIPE)
        data = replace(
            recipe.data,
            store=str(store.path.resolve()),
            fingerprint=store.fingerprint,
            persons=recipe.data.persons or store.persons,
        )
        recipe = replace(recipe, data=data)
    rows, _ = store.parts(recipe.data.split, recipe.data.hold_out)
    _check_size(len(rows), recipe.train, store)
    where = torch.device(device or best_device())
    check_precision(recipe.train.precision, where, "train.precision")
    training = _Training(store, run, recipe, rows, where)
    if not resume:
        run.start(recipe)
    keep_freed_memory()
    with _stop_signals() as stop, torch.random.fork_rng(), EventLog(run.path / "events") as events:
        return training.go(stop, events, progress)


class _Training:
    """State of a training while it runs."""

    def __init__(
        self, store: Store, run: Run, recipe: Recipe, rows: NDArray[np.int64], device: torch.device
    ) -> None:
        self.store, self.run, self.recipe, self.rows, self.device = store, run, recipe, rows, device
        self.settings = recipe.train
        self.clips_per_second = 0.0  # of the epoch in progress
        self.batch = min(self.settings.batch, len(rows))
        self.steps = len(rows) // self.batch  # the last, smaller batch is dropped
        self.method = _build(recipe, store).to(device).train()
        _check_labels(self.method, store.labels[rows])
        learnt = [parameter for parameter in self.method.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(learnt, self.settings)

    def go(self, stop: threading.Event, events: EventLog, progress: Callable[[Progress], None] | None) -> Model:
        counters = self._resume()
        while counters.epoch < self.settings.epochs:
            self._epoch(counters, stop, progress)
            self._end_of_epoch(counters, events)
        info = describe(self.store) | {
            "split": self.recipe.data.split,
            "hold_out": self.recipe.data.hold_out,
            "clips": len(self.rows),
            "epochs": counters.epoch,
            "seed": self.settings.seed,
        }
        model = Model(self.method.encoder, self.recipe, info)
        model.save(self.run.path)
        return model

    def _resume(self) -> Counters:
        path = self.run.latest_checkpoint()
        if path is None:
            self.run.forget_after(0)
            return Counters()
        counters = load_checkpoint(path, self.method, self.optimizer)
        self.run.forget_after(counters.epoch)
        return counters

    def _epoch(
        self, counters: Counters, stop: threading.Event, progress: Callable[[Progress], None] | None
    ) -> None:
        order = np.random.default_rng((self.settings.seed, counters.epoch)).permutation(self.rows)
        started, first = time.perf_counter(), counters.step
        rows = [order[step * self.batch : (step + 1) * self.batch] for step in range(first, self.steps)]
        unread: deque[tuple[list[str], Underway]] = deque()

        def count(left: int) -> None:
            """Count in all steps but the last few."""
            while len(unread) > left:
                names, values = unread.popleft()
                parts = dict(zip(names, values.read(), strict=True))
                self._count(counters, parts)
                done, seconds = counters.step - first, time.perf_counter() - started
                self.clips_per_second = done * self.batch / seconds
                if progress is not None:
                    progress(self._progress(counters, parts))

        with read_ahead(self._read, rows) as batches:
            for step, batch in enumerate(batches, first):
                if stop.is_set():
                    count(left=0)
                    save_checkpoint(self.run.checkpoints, counters, self.method, self.optimizer)
                    raise Stopped(f"stopped in epoch {counters.epoch + 1}. --resume continues {self.run.path}")
                loss = self._step(counters.epoch, step, batch.to(self.device))
                unread.append((list(loss.parts), Underway(torch.stack(list(loss.parts.values())))))
                count(left=LATE.get(self.device.type, 0))
            count(left=0)

    def _count(self, counters: Counters, parts: dict[str, float]) -> None:
        """One more step is done, its loss known."""
        self._check_finite(parts, counters.epoch)
        counters.sums = {name: counters.sums.get(name, 0.0) + value for name, value in parts.items()}
        counters.step += 1

    def _progress(self, counters: Counters, parts: dict[str, float]) -> Progress:
        epochs = self.settings.epochs
        done, steps = counters.epoch * self.steps + counters.step, epochs * self.steps
        return Progress(counters.epoch, epochs, done, steps, parts, self.clips_per_second)

    def _read(self, rows: NDArray[np.int64]) -> Batch:
        return load_clips(self.store, rows, self.recipe.data.persons).ready_for(self.device)

    def _step(self, epoch: int, step: int, batch: Batch) -> StepLoss:
        done = epoch + step / self.steps
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, done)
        draw = (self.settings.seed, epoch, step)
        progress = done / self.settings.epochs
        return take_step(self.method, self.optimizer, {"train": batch}, draw, progress, self.settings.precision)

    def _end_of_epoch(self, counters: Counters, events: EventLog) -> None:
        means = {name: value / self.steps for name, value in counters.sums.items()}
        counters.epoch, counters.step, counters.sums = counters.epoch + 1, 0, {}
        values = means | {
            "total": sum(means.values()),
            "lr": self.optimizer.param_groups[0]["lr"],
            "clips_per_second": round(self.clips_per_second, 1),
        }
        self.run.log({"epoch": counters.epoch, "step": counters.epoch * self.steps} | values)
        events.write(counters.epoch, values)
        if counters.epoch % self.settings.checkpoint_every == 0 or counters.epoch == self.settings.epochs:
            save_checkpoint(self.run.checkpoints, counters, self.method, self.optimizer)
            prune(self.run.checkpoints, self.settings.keep_checkpoints, self.settings.keep_every)

    def _check_finite(self, parts: dict[str, float], epoch: int) -> None:
        wrong = [name for name, value in parts.items() if not np.isfinite(value)]
        if wrong:
            raise UserError(
                f"loss {', '.join(wrong)} is not finite in epoch {epoch + 1}. Lower train.lr "
                f"(now {self.settings.lr}) or raise train.warmup_epochs (now {self.settings.warmup_epochs})"
            )


def _build(recipe: Recipe, store: Store) -> Method:
    """Encoder and method with weights drawn from the seed."""
    seed = recipe.train.seed
    encoder = fresh_encoder(recipe, store.skeleton, recipe.data.persons, store.coordinates, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)  # projectors and queues: not the draws of the encoder again
        return build_method(encoder, recipe, len(store.classes))


def _check_labels(method: Method, labels: NDArray[np.int64]) -> None:
    """Asked before the training, as a GPU would be waited for in each step."""
    without = int((labels < 0).sum())
    if method.uses_labels and without:
        raise UserError(
            f"method {method.recipe.method.name} needs a label for every clip of the training part: {without} of "
            f"{len(labels)} have none. Import the store again with a data set or a reader that names the labels"
        )


def _check_size(clips: int, settings: TrainSettings, store: Store) -> None:
    if clips < 2:
        raise UserError(f"{store.path}: {clips} clips to train on, at least 2 are needed")
    if settings.batch < 2:
        raise UserError(f"train.batch must be at least 2, got {settings.batch}")


def _check_same_data(recipe: Recipe, store: Store, run: Run) -> None:
    if recipe.data.fingerprint != store.fingerprint:
        raise UserError(
            f"{run.path} was started on data {recipe.data.fingerprint}, {store.path} now holds "
            f"{store.fingerprint}. Resume needs the same data"
        )


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that the step in progress ends well; a second one ends at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
