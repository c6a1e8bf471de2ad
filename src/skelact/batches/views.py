"""Views: augmented clips, the chain of SCD-Net from a batch to what an encoder is trained on."""

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from skelact.batches.augment import chosen, draw_noise, random_angles, random_shears, rotation_matrices, sides
from skelact.batches.batch import Batch, send_small
from skelact.batches.mask import draw_seeds, grow_mask, temporal_mask
from skelact.batches.people import Changes, change_people, resize_people
from skelact.batches.sampling import centre_crop_resize, random_windows, window_places
from skelact.batches.streams import to_stream
from skelact.config import DataSettings, ViewSettings


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
    """``count`` random views of every clip, those that ``random_view`` would draw one after another."""
    draws = _Draws.together([_draw(batch, data, views, rng) for _ in range(count)])
    there, whole = batch.people.there, bool((batch.people.whole | ~batch.people.there).all())
    who = there.repeat(count, 1).nonzero().T.contiguous()  # the people who are there, in all views
    clip, person = send_small(who, batch.device)
    place, last = window_places(draws.length, data.frames)
    place, last = (draws.start[:, None] + place)[clip], (draws.start[:, None] + last)[clip]
    people = resize_people(batch, clip % len(batch), person, place, last, whole)
    if draws.noise is not None:
        noise = draws.noise[clip, :, person].unsqueeze(2)
        people = people.with_positions(people.positions + noise, people.valid)
    people = to_stream(people, data.stream)
    shape = (count * len(batch), batch.positions.shape[2])
    slot = clip * shape[1] + person
    positions, valid = change_people(people, _changes(draws, batch, views, data.frames, clip), slot, shape)
    frames = torch.full_like(batch.frames, data.frames)
    return tuple(
        replace(batch, positions=x, valid=valid, frames=frames, known=batch.people.seen_in_part())
        for x, valid in zip(positions.chunk(count), valid.chunk(count), strict=True)
    )


def downstream_clip(batch: Batch, data: DataSettings) -> Batch:
    """What is embedded after training: the centre of each clip, resized, as the stream; nothing random."""
    clip = to_stream(centre_crop_resize(batch, data.frames), data.stream)
    return replace(clip, known=batch.people.seen_in_part())


@dataclass(frozen=True)
class _Draws:
    """What chance says about N views, one row each; None where the settings leave no chance."""

    start: Tensor  # (N,) first frame
    length: Tensor  # (N,) frames
    noise: Tensor | None  # (N, F, M, V, C)
    angles: Tensor  # (N, 3) of the rotation, 0 where there is none
    shears: Tensor  # (N, C, C) matrices, identity where there is none
    exchanged: Tensor  # (N,) whether left and right change places
    seeds: Tensor | None  # (N, K) joints that the spatial mask grows from
    grown: Tensor | None  # (N,) whether it does
    frames_hidden: Tensor | None  # (N, F)

    @classmethod
    def together(cls, draws: "list[_Draws]") -> "_Draws":
        """The rows of all, one after another."""
        together: dict[str, Any] = {}
        for name in (field.name for field in fields(cls)):
            rows = [getattr(one, name) for one in draws]
            together[name] = None if rows[0] is None else torch.cat(rows)
        return cls(**together)


def _draw(batch: Batch, data: DataSettings, views: ViewSettings, rng: torch.Generator) -> _Draws:
    """Everything random of one view of each clip. The order is part of what a seed means."""
    count, persons = len(batch), batch.positions.shape[2]
    skeleton, device = batch.skeleton, batch.device
    start, length = random_windows(batch.frames, views.min_crop, views.min_frames, rng)
    noise = None
    if views.noise:
        noise = draw_noise(batch, data.frames, persons, views.noise, rng)
    angles, shears = _turn_and_shear(batch, views, rng)
    exchanged = chosen(batch, views.probability, rng) if views.flip else torch.zeros_like(start, dtype=torch.bool)
    seeds = grown = frames_hidden = None
    if _hidden_joints(batch, views):
        number = max(round(views.seed_joints * len(skeleton)), 1)
        seeds = draw_seeds(skeleton, count, number, rng, device)
        grown = chosen(batch, views.probability, rng)
    hidden_blocks = round(views.hidden_blocks * -(-data.frames // views.block_frames))
    if hidden_blocks:
        mask = temporal_mask(data.frames, count, views.block_frames, hidden_blocks, rng, device)
        frames_hidden = mask & chosen(batch, views.probability, rng)[:, None]
    return _Draws(start, length, noise, angles, shears, exchanged, seeds, grown, frames_hidden)


def _turn_and_shear(batch: Batch, views: ViewSettings, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Angles (N, 3) of the rotations and matrices (N, C, C) of the shears, each where its coin says so."""
    main_axis = "xyz".index(batch.skeleton.up[1]) if views.upright else None
    angles = random_angles(batch, views.rotate_degrees, views.tilt_degrees, rng, main_axis)
    angles = angles * chosen(batch, views.probability, rng)[:, None]
    shears = random_shears(batch, views.shear, rng)
    same = torch.eye(shears.shape[-1], device=batch.device, dtype=shears.dtype)
    return angles, torch.where(chosen(batch, views.probability, rng)[:, None, None], shears, same)


def _changes(draws: _Draws, batch: Batch, views: ViewSettings, frames: int, clip: Tensor) -> Changes:
    """What the draws mean for each person, ``clip`` (P,) being their views."""
    joints = torch.zeros(len(draws.start), len(batch.skeleton), dtype=torch.bool, device=batch.device)
    if draws.seeds is not None and draws.grown is not None:
        joints = grow_mask(batch.skeleton, draws.seeds, _hidden_joints(batch, views)) & draws.grown[:, None]
    hidden = draws.frames_hidden
    if hidden is None:
        hidden = joints.new_zeros(len(joints), frames)
    source = sides(batch.skeleton, draws.exchanged)
    coordinates = batch.positions.shape[-1]  # exchanging joints commutes with rotation and shear
    matrices = draws.shears @ rotation_matrices(draws.angles)[:, :coordinates, :coordinates]
    return Changes(matrices[clip], source[clip], ~joints[clip], ~hidden[clip])


def _hidden_joints(batch: Batch, views: ViewSettings) -> int:
    return round(views.hidden_joints * len(batch.skeleton))
