"""Cutting clips in time: a window of each clip, resized to a fixed number of frames."""

from dataclasses import replace

import torch
from torch import Tensor

from skelact.batches.batch import Batch
from skelact.batches.people import resize_people


def crop_resize(batch: Batch, start: Tensor, length: Tensor, frames: int) -> Batch:
    """Cut a window out of each clip and resize it to ``frames`` by linear interpolation.

    Convention: half-pixel centres, as in image resizing without aligned corners: frame i of the result lies
    at ``(i + 0.5) * length / frames - 0.5`` of the window, held at its ends. Between a measured and a missing
    neighbour the measured one counts alone, so that missing joints do not pull towards zero.

    Args:
        batch: positions (N, T, M, V, C).
        start: (N,) int64, first frame of the window.
        length: (N,) int64, frames in the window, at least 1.
        frames: frames of the result.

    Returns:
        Batch of (N, frames, M, V, C).
    """
    place, last = window_places(length, frames)
    positions, valid = between_frames(batch, start, place, last)
    return replace(
        batch,
        positions=positions,
        valid=valid,
        confidence=confidence_between(batch, start, place, last),
        frames=torch.full_like(batch.frames, frames),
        known=batch.people,
    )


def window_places(length: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Where the frames of a resized window lie in it, (N, frames) float64, and its last frame, (N, 1) int64."""
    step = torch.arange(frames, device=length.device, dtype=torch.float64) + 0.5
    last = (length - 1).unsqueeze(1)
    return (step * (length / frames).unsqueeze(1) - 0.5).clamp(min=0.0).minimum(last), last


def between_frames(batch: Batch, start: Tensor, place: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """Positions between the frames of each clip, linear.

    Between a measured and a missing neighbour the measured one counts alone.

    Args:
        batch: positions (N, T, M, V, C).
        start: (N,) int64, the frame that places are counted from.
        place: (N, F) float64, at least 0, at most ``last``.
        last: (N, 1) int64, the last frame that may be read, counted from ``start``.

    Returns:
        (N, F, M, V, C) positions and (N, F, M, V) bool where they are known.
    """
    count, persons = len(batch), batch.positions.shape[2]
    slot = torch.arange(count * persons, device=batch.device)
    clip, person = slot // persons, slot % persons
    place, last = (start[:, None] + place)[clip], (start[:, None] + last)[clip]
    people = resize_people(batch, clip, person, place, last, bool(batch.people.whole.all()))
    positions, valid = (
        x.view(count, persons, *x.shape[1:2], *x.shape[3:]) for x in (people.positions, people.valid)
    )
    return positions.transpose(1, 2), valid.transpose(1, 2)


def confidence_between(batch: Batch, start: Tensor, place: Tensor, last: Tensor) -> Tensor | None:
    """(N, F, M, V) confidence between the frames of each clip, as ``between_frames``; None where there is none."""
    if batch.confidence is None:
        return None
    one_number = replace(batch, positions=batch.confidence.unsqueeze(-1), confidence=None, known=batch.people)
    return between_frames(one_number, start, place, last)[0].squeeze(-1)


def windows(frames: Tensor, shares: Tensor, min_crop: float, min_frames: int) -> tuple[Tensor, Tensor]:
    """(N,) starts and (N,) lengths of windows of clips.

    The length is ``floor(n * u)``, u in [min_crop, 1), within [min(min_frames, n), n]; the start any possible one.
    Source: SCD-Net, sec. "Implementation details".

    Args:
        frames: (N,) int64, of the clips.
        shares: (N, 2) in [0, 1): of the length, of the start.
        min_crop: shortest window, share of the clip.
        min_frames: but never shorter than this, where the clip is not.
    """
    share_of_length, share_of_start = shares.double().unbind(1)
    length = (frames * (min_crop + (1 - min_crop) * share_of_length)).long().clamp(min=min_frames).minimum(frames)
    return (share_of_start * (frames - length + 1)).long().minimum(frames - length), length


def centre_crop_resize(batch: Batch, frames: int, keep: float = 0.95) -> Batch:
    """The centre ``keep`` of each clip, resized to ``frames``: the downstream clip.

    ``int(n (1 - keep) / 2)`` frames are dropped at both ends. Source: SCD-Net, sec. "Implementation details".
    """
    drop = (batch.frames * ((1 - keep) / 2)).floor().long()
    return crop_resize(batch, drop, batch.frames - 2 * drop, frames)
