"""Views: augmented clips, the chain of SCD-Net from a batch to what an encoder is trained on."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelact.batches.augment import draw_noise, rotation_matrices, sides
from skelact.batches.batch import Batch, send_small
from skelact.batches.crop import centre_crop_resize, crop_resize, window_places
from skelact.batches.draws import Counts, Decisions, decide, draw
from skelact.batches.mask import grow_mask
from skelact.batches.people import Changes, change_people, resize_people
from skelact.batches.streams import check_stream, to_stream
from skelact.settings import DataSettings, ViewSettings

try:
    from skelact.batches import views_fast
except ImportError:  # there was no C compiler when skelact was installed
    views_fast = None  # type: ignore[assignment]


def random_view(batch: Batch, data: DataSettings, views: ViewSettings, rng: torch.Generator) -> Batch:
    """One random view of every clip: crop and resize, noise, stream, augmentation, masks, in this order.

    Each clip draws for itself, each change with its own coin.
    Source: SCD-Net, sec. "Implementation details".

    Args:
        batch: whole clips (N, T, M, V, C).
        data: frames and stream of the view.
        views: strengths and probabilities.
        rng: generator on the batch's device; every draw comes from it.

    Returns:
        Batch of (N, data.frames, M, V, C), time last in memory.
    """
    return random_views(batch, data, views, rng, 1)[0]


def random_views(
    batch: Batch, data: DataSettings, views: ViewSettings, rng: torch.Generator, count: int = 2
) -> tuple[Batch, ...]:
    """``count`` random views of every clip, each as ``random_view`` makes them."""
    check_stream(data.stream)
    rows, counts = count * len(batch), Counts.of(batch, data, views)
    numbers, noise = draw(batch, counts, rng, rows), None
    if views.noise:
        noise = draw_noise((rows, data.frames, *batch.positions.shape[2:]), views.noise, rng)
    on_cpu = batch.device.type == "cpu" and batch.positions.dtype == torch.float32
    make = _compiled if on_cpu and views_fast else _with_torch
    positions, valid = make(batch, counts, data, views, numbers, noise)
    sure: tuple[Tensor | None, ...] = (None,) * count
    if batch.confidence is not None:
        sure = tuple(_confidence(batch, decide(numbers, batch, counts, data, views), data, valid, count))
    frames = torch.full_like(batch.frames, data.frames)
    return tuple(
        replace(batch, positions=x, valid=valid, confidence=one, frames=frames, known=batch.people.seen_in_part())
        for x, valid, one in zip(positions.chunk(count), valid.chunk(count), sure, strict=True)
    )


def downstream_clip(batch: Batch, data: DataSettings) -> Batch:
    """What is embedded after training: the centre of each clip, resized, as the stream; nothing random."""
    clip = to_stream(centre_crop_resize(batch, data.frames), data.stream)
    return replace(clip, known=batch.people.seen_in_part())


def _confidence(
    batch: Batch, decisions: Decisions, data: DataSettings, valid: Tensor, count: int
) -> Iterator[Tensor]:
    """(N, F, M, V) confidence of each of ``count`` views, whose positions are made already, where ``valid``."""
    exchanged = sides(batch.skeleton, decisions.exchanged)  # (R, V)
    whole_view = zip(*(x.chunk(count) for x in (decisions.start, decisions.length, exchanged, valid)), strict=True)
    for start, length, source, shown in whole_view:
        clip = to_stream(crop_resize(batch, start, length, data.frames), data.stream)
        if clip.confidence is None:
            raise AssertionError("a crop of clips with confidence has none")
        order = source[:, None, None, :].expand(clip.confidence.shape)
        yield clip.confidence.gather(3, order).masked_fill(~shown, 0.0)


def _with_torch(
    batch: Batch, counts: Counts, data: DataSettings, views: ViewSettings, numbers: Tensor, noise: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Positions (R, F, M, V, C), time last in memory, and (R, F, M, V) where they are known; on any device."""
    decisions = decide(numbers, batch, counts, data, views)
    rows, clips, persons = len(numbers), len(batch), batch.positions.shape[2]
    there, whole = batch.people.there, bool((batch.people.whole | ~batch.people.there).all())
    who = there.repeat(rows // clips, 1).nonzero().T.contiguous()  # the people who are there, in all views
    view, person = send_small(who, batch.device)
    place, last = window_places(decisions.length, data.frames)
    place, last = (decisions.start[:, None] + place)[view], (decisions.start[:, None] + last)[view]
    people = resize_people(batch, view % clips, person, place, last, whole)
    if noise is not None:
        people = people.with_positions(people.positions + noise[view, :, person].unsqueeze(2), people.valid)
    people = to_stream(people, data.stream)
    changes = _changes(decisions, batch, counts.joints, view)
    return change_people(people, changes, view * persons + person, (rows, persons))


def _changes(decisions: Decisions, batch: Batch, hidden: int, view: Tensor) -> Changes:
    """What was decided for each person, ``view`` (P,) being theirs."""
    joints = grow_mask(batch.skeleton, decisions.seeds, hidden) & decisions.grown[:, None]
    source = sides(batch.skeleton, decisions.exchanged)
    coordinates = batch.positions.shape[-1]  # exchanging joints commutes with rotation and shear
    matrices = decisions.shears @ rotation_matrices(decisions.angles)[:, :coordinates, :coordinates]
    matrices = matrices.to(batch.positions.dtype)
    return Changes(matrices[view], source[view], ~joints[view], ~decisions.hidden[view])


def _compiled(
    batch: Batch, counts: Counts, data: DataSettings, views: ViewSettings, numbers: Tensor, noise: Tensor | None
) -> tuple[Tensor, Tensor]:
    """What ``_with_torch`` gives, on a CPU, person by person while they are in its cache."""
    rows, skeleton = len(numbers), batch.skeleton
    clips, longest, persons, joints, coordinates = batch.positions.shape
    positions = torch.empty(rows, persons, joints, coordinates, data.frames)
    valid = torch.empty(rows, persons, joints, data.frames, dtype=torch.bool)
    main_axis = -1 if counts.main_axis is None else counts.main_axis
    sizes = clips, rows, longest, persons, joints, coordinates, data.frames
    masks = counts.seeds, counts.joints, counts.blocks, counts.hidden_blocks, views.block_frames
    whole = *sizes, *masks, views.min_frames, main_axis, views.flip, data.stream == "motion"
    fractions = views.min_crop, views.probability, views.rotate_degrees, views.tilt_degrees, views.shear
    parents = np.array(skeleton.parents) if data.stream == "bone" else None
    people = batch.people
    read = batch.positions.contiguous(), batch.valid.contiguous(), batch.frames, people.there, people.whole
    arrays = *read, numbers, noise, parents, skeleton.mirror, skeleton.two_hop, positions, valid
    views_fast.make_views(whole, fractions, tuple(map(_array, arrays)))
    return positions.permute(0, 4, 1, 2, 3), valid.permute(0, 3, 1, 2)


def _array(values: Tensor | NDArray[np.int64] | None) -> NDArray[Any] | None:
    return values.numpy() if isinstance(values, Tensor) else values
