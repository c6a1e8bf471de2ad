"""What a training will take: time and memory, measured on a few steps of a copy that is thrown away."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skelact.batches import Batch
from skelact.methods import ClosedFormMethod, Method
from skelact.runtime.device import choose_device
from skelact.runtime.memory import free_memory, held_memory
from skelact.sequences.clips import Clips
from skelact.sequences.store import Store
from skelact.settings import Recipe
from skelact.training.feeds import Feed
from skelact.training.pretraining import NO_FEEDS, completed, prepare
from skelact.training.steps import build_optimizer, take_step

PROBE = 4  # clips of the first, small steps
STEPS = 2  # that are timed
SECONDS_OF_A_STEP = 2.0  # at most
TEMPORARIES = (
    1.7  # times what a step keeps for its gradients: views, gradients, what blocks use meanwhile; measured
)


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    Args:
        parameters: weights that learn.
        clips: that are learnt from.
        epochs: passes over them.
        seconds: of all epochs; None for a method without steps, which is done before it could be tried.
        memory: bytes at most, of the device; on a CPU those that the process holds already are part of them.
        memory_of_half: bytes with half the batch.
        free: bytes that the device has; None where it does not say.
        device: where it runs, in words.
    """

    parameters: int
    clips: int
    epochs: int
    seconds: float | None
    memory: int
    memory_of_half: int
    free: int | None
    device: str

    @property
    def fits(self) -> bool:
        """Whether the device has the memory, as far as is known."""
        return self.free is None or self.memory <= self.free


def estimate(store: Store, recipe: Recipe, device: str = "", feeds: Mapping[str, Clips] = NO_FEEDS) -> Estimate:
    """Measure a few steps and say what all of them will take; leaves nothing behind.

    Raises:
        UserError: settings that do not fit the store or the machine.
    """
    where = choose_device(device)
    recipe = completed(recipe, store, feeds)
    free, before = _free(where), _held(where)
    with torch.random.fork_rng():
        method, parts = prepare(store, feeds, recipe, where)
        rows = parts[0].rows
        batch = min(recipe.train.batch, len(rows))
        probe = _Probe(method, parts, recipe, where)
        closed = isinstance(method, ClosedFormMethod)
        seconds, memory, half = (None, before, before) if closed else _trained(probe, batch, free)
    epochs = recipe.train.epochs
    return Estimate(
        sum(one.numel() for one in method.encoder.parameters()),
        len(rows),
        epochs,
        None if seconds is None else seconds * (len(rows) // batch) * epochs,
        memory,
        half,
        None if free is None else free + before,
        _name(where),
    )


@dataclass(frozen=True)
class _Probe:
    """What steps are tried on."""

    method: Method
    feeds: tuple[Feed, ...]
    recipe: Recipe
    where: torch.device

    def clips(self, count: int) -> dict[str, Batch]:
        """So many clips from all over each feed, on the device."""
        return {feed.name: self._of(feed, count) for feed in self.feeds}

    def _of(self, feed: Feed, count: int) -> Batch:
        chosen = feed.rows[np.linspace(0, len(feed.rows) - 1, count).round().astype(np.int64)]
        return feed.load(chosen, self.recipe.data.persons).ready_for(self.where).to(self.where)


def _trained(probe: _Probe, batch: int, free: int | None) -> tuple[float, int, int]:
    """Seconds of a step and bytes, with the whole batch and with half of it.

    The first step, on a few clips, says how much a clip keeps for its gradients. Where the whole batch fits and a
    step does not take long, steps of full size are measured; otherwise fewer clips, in proportion.
    """
    method, recipe = probe.method, probe.recipe
    optimizer = build_optimizer([one for one in method.parameters() if one.requires_grad], recipe.train)

    def step(batches: dict[str, Batch]) -> float:
        started = time.perf_counter()
        take_step(
            method, optimizer, batches, (0,), 0.0, recipe.train.precision
        ).total.item()  # a GPU is waited for
        return time.perf_counter() - started

    count = min(PROBE, batch)
    few = probe.clips(count)
    with _kept_for_gradients(method) as kept:
        step(few)
    held, of_a_clip = _held(probe.where), TEMPORARIES * sum(kept) / count
    memory, half = (held + int(of_a_clip * max(0, clips - count)) for clips in (batch, batch // 2))
    tried = min(batch, max(count, int(count * SECONDS_OF_A_STEP / step(few))))
    if free is not None and of_a_clip * tried > free:
        tried = count
    many = probe.clips(tried)
    step(many)  # the first of a size takes longer
    seconds = min(step(many) for _ in range(STEPS)) * batch / tried
    return seconds, _held(probe.where) if tried == batch else memory, half


@contextmanager
def _kept_for_gradients(method: Method) -> Iterator[list[int]]:
    """Bytes of each tensor that the forward pass keeps for the backward pass; weights are not counted again."""
    seen = {one.untyped_storage().data_ptr() for one in (*method.parameters(), *method.buffers())}
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        if tensor.is_mkldnn:  # has no address
            kept.append(tensor.numel() * tensor.element_size())
        elif (storage := tensor.untyped_storage()).data_ptr() not in seen:
            seen.add(storage.data_ptr())
            kept.append(storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept


def _held(where: torch.device) -> int:
    """Bytes of the device that have been held at most."""
    if where.type == "cuda":
        return int(torch.cuda.max_memory_reserved(where))
    return held_memory() or 0


def _free(where: torch.device) -> int | None:
    """Bytes of the device that may still be taken; None where it does not say."""
    if where.type == "cuda":
        return int(torch.cuda.mem_get_info(where)[0])
    return free_memory() if where.type == "cpu" else None


def _name(where: torch.device) -> str:
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    threads = torch.get_num_threads()
    cores = "1 core" if threads == 1 else f"{threads} cores"
    return cores if where.type == "cpu" else str(where)
