"""Cutting clips in time: a window of each clip, resized to a fixed number of frames."""

from dataclasses import replace

import torch
from torch import Tensor

from skelact.batches.batch import Batch


def crop_resize(batch: Batch, start: Tensor, length: Tensor, frames: int) -> Batch:
    """Cut a window out of each clip and resize it to ``frames`` by linear interpolation.

    Convention: half-pixel centres, as in image resizing without aligned corners: frame i of the result lies
    at ``(i + 0.5) * length / frames - 0.5`` of the window, held at its ends. Between an observed and a missing
    neighbour only the observed one counts, so that missing joints do not pull towards zero.

    Args:
        batch: positions (N, T, M, V, C).
        start: (N,) int64, first frame of the window.
        length: (N,) int64, frames in the window, at least 1.
        frames: frames of the result.

    Returns:
        Batch of (N, frames, M, V, C).
    """
    step = torch.arange(frames, device=length.device, dtype=torch.float64) + 0.5
    last = (length - 1).unsqueeze(1)
    place = (step * (length / frames).unsqueeze(1) - 0.5).clamp(min=0.0).minimum(last)
    resized = between_frames(batch, start[:, None] + place, start[:, None] + last)
    return replace(resized, frames=torch.full_like(batch.frames, frames), known=batch.present)


def between_frames(batch: Batch, place: Tensor, last: Tensor) -> Batch:
    """Positions and confidence between the frames of each clip, linear.

    Between an observed and a missing neighbour only the observed one counts.

    Args:
        batch: positions (N, T, M, V, C).
        place: (N, F) float64, in frames, at least 0, at most ``last``.
        last: (N, 1) int64, the last frame that may be read.

    Returns:
        Batch of (N, F, M, V, C); ``frames`` are still those of the clips.
    """
    below = place.long()
    above = (below + 1).minimum(last)
    share = (place - below).to(batch.positions.dtype)[:, :, None, None]  # of the frame above
    of_below, of_above = _frames(batch.valid, below) * (1 - share), _frames(batch.valid, above) * share
    total = of_below + of_above
    valid = total > 0
    share = of_above / total.masked_fill(~valid, 1.0)

    def between(x: Tensor, weight: Tensor) -> Tensor:
        return _frames(x, below).lerp(_frames(x, above), weight)  # where neither was observed, both are 0

    return replace(
        batch,
        positions=between(batch.positions, share.unsqueeze(-1)),
        valid=valid,
        confidence=None if batch.confidence is None else between(batch.confidence, share),
    )


def _frames(x: Tensor, which: Tensor) -> Tensor:
    """(N, T, ...) and frames (N, F) of each clip -> (N, F, ...)."""
    rows = which + torch.arange(len(x), device=x.device)[:, None] * x.shape[1]
    return x.flatten(0, 1).index_select(0, rows.flatten()).view(*which.shape, *x.shape[2:])


def random_crop_resize(batch: Batch, frames: int, min_crop: float, min_frames: int, rng: torch.Generator) -> Batch:
    """A random window of each clip (see ``windows``), resized to ``frames``."""
    shares = torch.rand(len(batch), 2, generator=rng, device=rng.device)
    return crop_resize(batch, *windows(batch.frames, shares, min_crop, min_frames), frames)


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
