"""Pretraining: a store, a recipe and a folder become a model."""

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from numpy.typing import NDArray

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.methods import METHODS, ClosedFormMethod, Method, build_method
from skelact.models.model import Model, describe, fresh_encoder
from skelact.runtime.allocator import keep_freed_memory
from skelact.runtime.device import check_precision, choose_device
from skelact.sequences.clips import Clips
from skelact.sequences.store import Store
from skelact.settings import DEFAULT_RECIPE, Recipe, TrainSettings, load_recipe, recipe_from_dict, recipe_to_dict
from skelact.training.feeds import Feed, make_feeds
from skelact.training.loop import Progress, Training
from skelact.training.run_folder import Run
from skelact.training.tensorboard import EventLog

NO_FEEDS: Mapping[str, Clips] = {}


def pretrain(
    store: Store,
    out: Path,
    recipe: Recipe | None = None,
    *,
    feeds: Mapping[str, Clips] = NO_FEEDS,
    resume: bool = False,
    device: str = "",
    progress: Callable[[Progress], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Model:
    """Train an encoder on a store and leave model, settings, metrics and checkpoints in a run folder.

    Args:
        store: the training data; labels are not looked at unless the method says so.
        out: the run folder; must be new, or the run to resume.
        recipe: the settings; those of the recipe "small", or on resume the run's own, when None. On resume more
            epochs, and how often checkpoints are written, are followed; any other change is refused.
        feeds: further clips by name, for methods that learn from several stores.
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
            _check_same_data(recipe, store, feeds, run)
            model = run.finished(recipe, warn)
            if model is not None:
                return model
            stack.enter_context(run.hold())
            recipe = run.continued(asked)  # the process that held it before may have trained further
        else:
            recipe = completed(recipe or load_recipe(DEFAULT_RECIPE), store, feeds)
        method, parts = prepare(store, feeds, recipe, where)
        if not resume:
            run.make()
            stack.enter_context(run.hold())
            run.make()  # the process that held it before may have left files
        if not resume or recipe != run.recipe():
            run.write(recipe)
        keep_freed_memory()
        stop = stack.enter_context(_stop_signals())
        stack.enter_context(torch.random.fork_rng())
        fit: dict[str, float] = {}
        if isinstance(method, ClosedFormMethod):
            fit = _fit(method, parts[0], recipe, where)
        else:
            events = stack.enter_context(EventLog(run.path / "events"))
            Training(run, recipe, method, parts, where).go(stop, events, progress, warn)
        return _keep(method, store, parts[0], recipe, run, fit)


def completed(recipe: Recipe, store: Store, feeds: Mapping[str, Clips]) -> Recipe:
    """The settings of a new run, checked, with what the clips say filled in."""
    recipe = recipe_from_dict(recipe_to_dict(recipe), where="settings")
    most = max([store.persons, *(clips.persons for clips in feeds.values())])
    data = replace(
        recipe.data,
        store=str(store.path.resolve()),
        fingerprint=store.fingerprint,
        feeds=_described(feeds),
        persons=recipe.data.persons or most,
    )
    method = METHODS.get(recipe.method.name)
    once = method is not None and issubclass(method, ClosedFormMethod)
    return replace(recipe, data=data, train=replace(recipe.train, epochs=1) if once else recipe.train)


def prepare(
    store: Store, feeds: Mapping[str, Clips], recipe: Recipe, device: torch.device
) -> tuple[Method, tuple[Feed, ...]]:
    """A method at its start and its feeds, once the settings have been found to fit; nothing is written."""
    rows, _ = store.parts(recipe.data.split, recipe.data.hold_out)
    _check_size(len(rows), recipe.train, store)
    check_precision(recipe.train.precision, device, "train.precision")
    seed = recipe.train.seed
    encoder = fresh_encoder(recipe, store.skeleton, recipe.data.persons, store.coordinates, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed + 1)  # projectors and queues: not the draws of the encoder again
        method = build_method(encoder, recipe, len(store.classes))
    _check_labels(method, store.labels[rows])
    parts = make_feeds(type(method), recipe.method.name, store, rows, feeds)
    return method.to(device).train(), parts


def _fit(method: ClosedFormMethod, feed: Feed, recipe: Recipe, device: torch.device) -> dict[str, float]:
    """One pass over the clips, in the order of the store; what the method says of it."""
    size, persons = recipe.train.batch, recipe.data.persons

    def batches() -> Iterator[Batch]:
        for start in range(0, len(feed.rows), size):
            yield feed.load(feed.rows[start : start + size], persons).to(device)

    return method.fit(batches())


def _keep(method: Method, store: Store, feed: Feed, recipe: Recipe, run: Run, fit: Mapping[str, float]) -> Model:
    """Write the model; the last thing that a training does."""
    info = describe(store) | {
        "split": recipe.data.split,
        "hold_out": recipe.data.hold_out,
        "clips": len(feed.rows),
        "epochs": recipe.train.epochs,
        "seed": recipe.train.seed,
        **({"fit": dict(fit)} if fit else {}),
    }
    model = Model(method.encoder, recipe, info)
    model.save(run.path)
    return model


def _warn(sentence: str) -> None:
    warnings.warn(sentence, stacklevel=2)


def _described(feeds: Mapping[str, Clips]) -> tuple[str, ...]:
    return tuple(f"{name}: {clips.title}, {clips.fingerprint}" for name, clips in sorted(feeds.items()))


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


def _check_same_data(recipe: Recipe, store: Store, feeds: Mapping[str, Clips], run: Run) -> None:
    if recipe.data.fingerprint != store.fingerprint:
        raise UserError(
            f"{run.path} was started on data {recipe.data.fingerprint}, {store.path} now holds "
            f"{store.fingerprint}. Resume needs the same data"
        )
    before, now = ([one.rpartition(", ")[2] for one in words] for words in (recipe.data.feeds, _described(feeds)))
    if before != now:
        raise UserError(
            f"{run.path} was started with the feeds {'; '.join(recipe.data.feeds) or 'none'}, now they are "
            f"{'; '.join(_described(feeds)) or 'none'}. Resume needs the same: give them with --feed"
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
