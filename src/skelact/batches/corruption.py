"""Clips made worse, or seen from elsewhere: what an encoder meets outside of its data set.

Batched on the batch's device; what is random is drawn once per clip from the generator that is given.
"""

from dataclasses import replace
from math import pi

import torch
from torch import Tensor

from skelact.batches.augment import apply_matrices, rotation_matrices
from skelact.batches.batch import Batch
from skelact.batches.crop import between_frames
from skelact.batches.mask import hide_frames, hide_joints


def lose_joints(batch: Batch, share: float, rng: torch.Generator) -> Batch:
    """``share`` of the joints, rounded, are missing in all frames of a clip, for all persons."""
    keys = torch.rand(len(batch), len(batch.skeleton), generator=rng, device=batch.device)
    return hide_joints(batch, _rank(keys) < round(share * len(batch.skeleton)))


def lose_frames(batch: Batch, share: float, rng: torch.Generator) -> Batch:
    """``share`` of the frames of each clip, rounded, are missing; the others keep their time."""
    longest = batch.positions.shape[1]
    keys = torch.rand(len(batch), longest, generator=rng, device=batch.device)
    padding = torch.arange(longest, device=batch.device) >= batch.frames[:, None]
    lost = (share * batch.frames + 0.5).floor()[:, None]
    return hide_frames(batch, _rank(keys.masked_fill(padding, 2.0)) < lost)


def change_rate(batch: Batch, rate: float) -> Batch:
    """The clip as a recorder of ``rate`` times the frame rate had seen it.

    Frame i of the result lies at frame ``i / rate``: with 0.5 every second frame, from the first one on; between
    frames, linear. The time that the clip spans stays, but for less than one frame at its end.
    """
    frames = ((batch.frames - 1) * rate + 1e-6).floor().long() + 1
    step = torch.arange(int(frames.max()), device=batch.device, dtype=torch.float64)
    last = (batch.frames - 1)[:, None]
    changed = between_frames(batch, (step / rate).expand(len(batch), -1).minimum(last.double()), last)
    there = (step < frames[:, None])[:, :, None, None]
    return replace(changed, frames=frames).with_positions(changed.positions, changed.valid & there)


def turn_about_vertical(batch: Batch, degrees: float, up: str) -> Batch:
    """Everybody turned about the vertical through the origin, by the right hand's rule about ``up`` ("+y" ...)."""
    angles = torch.zeros(len(batch), 3, device=batch.device, dtype=batch.positions.dtype)
    angles[:, "xyz".index(up[1])] = degrees * pi / 180 * (1 if up[0] == "+" else -1)
    return apply_matrices(batch, rotation_matrices(angles))


def _rank(keys: Tensor) -> Tensor:
    """Place of each value in its row, from the lowest, 0, on."""
    return keys.argsort(dim=1).argsort(dim=1)
