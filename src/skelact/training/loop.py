"""The training loop, from a store to a model, on one page.

Every random draw comes from (seed, epoch, step), so that a resumed training ends with the same weights, bit
for bit, as one that was never stopped.
"""

import signal
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from numpy.typing import NDArray

from skelact.batches import Batch
from skelact.config import Recipe, TrainSettings, from_dict, to_dict
from skelact.encoders import SCDNetEncoder
from skelact.errors import UserError
from skelact.memory import keep_freed_memory
from skelact.methods import Method, StepLoss, build_method
from skelact.models.ahead import read_ahead
from skelact.models.device import check_precision, choose_device
from skelact.models.model import Model, describe, fresh_encoder, load_clips
from skelact.sequences.store import Store
from skelact.training.checkpoint import Counters, prune, put_back, save_checkpoint
from skelact.training.events import EventLog
from skelact.training.runs import Run, decisive
from skelact.training.schedule import learning_rate
from skelact.training.steps import Underway, build_optimizer, take_step

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
    warn: Callable[[str], None] | None = None,
) -> Model:
    """Train an encoder on a store and leave model, settings, metrics and checkpoints in a run folder.

    Args:
        store: the training data; labels are not looked at unless the method says so.
        out: the run folder; must be new, or the run to resume.
        recipe: the settings; the defaults, or on resume the run's own, when None. On resume more epochs, and how
            often checkpoints are written, are followed; any other change is refused.
        resume: continue from the last undamaged checkpoint of ``out``.
        device: "cpu", "cuda", ...; the GPU if there is one when empty.
        progress: called after each step.
        warn: called with a sentence where something is amiss and the training goes on; a warning when None.

    Raises:
        Stopped: Ctrl-C or SIGTERM; a checkpoint has been written.
        UserError: settings that do not fit the store or the run, an interrupted import, a folder in use, files
            that cannot be written, a loss that is not finite.
    """
    store.check_complete()
    where, warn = choose_device(device), warn or _warn
    run = Run(out)
    with ExitStack() as stack:
        if resume:
            asked, recipe = recipe, run.continued(recipe)
            _check_same_data(recipe, store, run)
            model = run.finished(recipe, warn)
            if model is not None:
                return model
            stack.enter_context(run.hold())
            recipe = run.continued(asked)  # whoever held it a moment ago may have gone on further
        else:
            recipe = _completed(recipe or Recipe(), store)
        training = _prepare(store, run, recipe, where)
        if not resume:
            run.make()
            stack.enter_context(run.hold())
            run.make()  # whoever held it a moment ago may have left something
        if not resume or recipe != run.recipe():
            run.write(recipe)
        keep_freed_memory()
        stop = stack.enter_context(_stop_signals())
        stack.enter_context(torch.random.fork_rng())
        return training.go(stop, stack.enter_context(EventLog(run.path / "events")), progress, warn)


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
        self.method.check_labels(store.labels[rows])
        learnt = [parameter for parameter in self.method.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(learnt, self.settings)

    def go(
        self,
        stop: threading.Event,
        events: EventLog,
        progress: Callable[[Progress], None] | None,
        warn: Callable[[str], None],
    ) -> Model:
        counters = self._resume(warn)
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

    def _resume(self, warn: Callable[[str], None]) -> Counters:
        checkpoint = self.run.newest_checkpoint(self.recipe, warn)
        counters = put_back(checkpoint, self.method, self.optimizer) if checkpoint else Counters()
        self.run.forget_after(counters.epoch, warn)
        return counters

    def _save(self, counters: Counters) -> None:
        save_checkpoint(self.run.checkpoints, counters, self.method, self.optimizer, decisive(self.recipe))

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
                    self._save(counters)
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
        return take_step(self.method, self.optimizer, batch, draw, progress, self.settings.precision)

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
            self._save(counters)
            prune(self.run.checkpoints, self.settings.keep_checkpoints, self.settings.keep_every)

    def _check_finite(self, parts: dict[str, float], epoch: int) -> None:
        wrong = [name for name, value in parts.items() if not np.isfinite(value)]
        if wrong:
            raise UserError(
                f"loss {', '.join(wrong)} is not finite in epoch {epoch + 1}. Lower train.lr "
                f"(now {self.settings.lr}) or raise train.warmup_epochs (now {self.settings.warmup_epochs})"
            )


def _prepare(store: Store, run: Run, recipe: Recipe, device: torch.device) -> _Training:
    """A training at its start, once its settings have been found to fit; nothing is written."""
    rows, _ = store.parts(recipe.data.split, recipe.data.hold_out)
    _check_size(len(rows), recipe.train, store)
    check_precision(recipe.train.precision, device, "train.precision")
    return _Training(store, run, recipe, rows, device)


def _completed(recipe: Recipe, store: Store) -> Recipe:
    """The settings of a new run, checked, with what the store knows filled in."""
    recipe = from_dict(Recipe, to_dict(recipe), where="settings")
    data = replace(
        recipe.data,
        store=str(store.path.resolve()),
        fingerprint=store.fingerprint,
        persons=recipe.data.persons or store.persons,
    )
    return replace(recipe, data=data)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=2)


def _build(recipe: Recipe, store: Store) -> Method:
    """Encoder and method with weights drawn from the seed."""
    seed = recipe.train.seed
    encoder = fresh_encoder(recipe, store.skeleton, recipe.data.persons, store.coordinates, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)  # projectors and queues: not the draws of the encoder again
        assert isinstance(encoder, SCDNetEncoder)
        return build_method(encoder, recipe, len(store.classes))


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
