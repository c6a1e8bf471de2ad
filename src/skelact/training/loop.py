"""The training loop: steps, epochs, checkpoints, on one page.

Every random draw comes from (seed, epoch, step), so that a resumed training ends with the same weights, bit for
bit, as one that never stopped, on the same machine with the same number of threads.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.methods import Method, StepLoss
from skelact.runtime.prefetch import prefetch
from skelact.settings import Recipe
from skelact.training.checkpoint import Counters, prune, put_back, save_checkpoint
from skelact.training.feeds import Feed
from skelact.training.run_folder import Run, decisive
from skelact.training.schedule import learning_rate
from skelact.training.steps import Underway, build_optimizer, take_step
from skelact.training.tensorboard import EventLog

# steps after which a loss is read: a GPU is given the next step before it is asked about this one
LATE = {"cuda": 1}

Rows = dict[str, NDArray[np.int64]]  # of each feed, by name
Batches = dict[str, Batch]


@dataclass(frozen=True)
class Progress:
    """What is reported after each step."""

    epoch: int  # epochs done
    epochs: int
    step: int  # steps done in all
    steps: int  # steps of the whole training
    parts: dict[str, float]  # loss terms of the step
    clips_per_second: float


class Stopped(UserError):
    """The training was stopped and can be resumed."""

    status = 130


class Training:
    """A training by gradient steps, while it runs.

    Args:
        run: the run folder.
        recipe: settings, complete.
        method: on its device, in training mode.
        feeds: of the method, the one that counts the epochs first.
        device: where to compute.
    """

    def __init__(
        self, run: Run, recipe: Recipe, method: Method, feeds: tuple[Feed, ...], device: torch.device
    ) -> None:
        self.run, self.recipe, self.method, self.feeds, self.device = run, recipe, method, feeds, device
        self.settings = recipe.train
        self.clips_per_second = 0.0  # of the epoch in progress
        self.batch = min(self.settings.batch, len(feeds[0].rows))
        self.steps = len(feeds[0].rows) // self.batch  # the last, smaller batch is dropped
        learnt = [parameter for parameter in method.parameters() if parameter.requires_grad]
        self.optimizer = build_optimizer(learnt, self.settings)

    def go(
        self,
        stop: threading.Event,
        events: EventLog,
        progress: Callable[[Progress], None] | None,
        warn: Callable[[str], None],
    ) -> None:
        """Train to the end, from the last checkpoint where there is one.

        Raises:
            Stopped: ``stop`` was set; a checkpoint has been written.
            UserError: a loss that is not finite, a checkpoint of another run, files that cannot be written.
        """
        counters = self._resume(warn)
        while counters.epoch < self.settings.epochs:
            self._epoch(counters, stop, progress)
            self._end_of_epoch(counters, events)

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
        started, first = time.perf_counter(), counters.step
        rows = [self._rows(counters.epoch, step) for step in range(first, self.steps)]
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

        with prefetch(self._read, rows) as batches:
            for step, ready in enumerate(batches, first):
                if stop.is_set():
                    count(left=0)
                    self._save(counters)
                    raise Stopped(f"stopped in epoch {counters.epoch + 1}. --resume continues {self.run.path}")
                on_device = {name: batch.to(self.device) for name, batch in ready.items()}
                loss = self._step(counters.epoch, step, on_device)
                unread.append((list(loss.parts), Underway(torch.stack(list(loss.parts.values())))))
                count(left=LATE.get(self.device.type, 0))
            count(left=0)

    def _rows(self, epoch: int, step: int) -> Rows:
        """The clips of a step."""
        draw = self.settings.seed, epoch, step, self.steps, self.batch
        return {feed.name: feed.rows_of(*draw) for feed in self.feeds}

    def _read(self, rows: Rows) -> Batches:
        persons = self.recipe.data.persons
        return {feed.name: feed.load(rows[feed.name], persons).ready_for(self.device) for feed in self.feeds}

    def _count(self, counters: Counters, parts: dict[str, float]) -> None:
        """One more step is done, its loss known."""
        self._check_finite(parts, counters.epoch)
        counters.sums = {name: counters.sums.get(name, 0.0) + value for name, value in parts.items()}
        counters.step += 1

    def _progress(self, counters: Counters, parts: dict[str, float]) -> Progress:
        epochs = self.settings.epochs
        done, steps = counters.epoch * self.steps + counters.step, epochs * self.steps
        return Progress(counters.epoch, epochs, done, steps, parts, self.clips_per_second)

    def _step(self, epoch: int, step: int, batches: Mapping[str, Batch]) -> StepLoss:
        done = epoch + step / self.steps
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, done)
        draw = (self.settings.seed, epoch, step)
        progress = done / self.settings.epochs
        return take_step(self.method, self.optimizer, batches, draw, progress, self.settings.precision)

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
