"""Chance in views: each view has a row of uniform numbers, and this says what they decide.

The numbers of all views of a batch are one draw; what they mean is worked out from them alone, by torch on any
device (``decide``), or by ``views_fast`` on a CPU.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from skelact.batches.augment import angles, shears
from skelact.batches.batch import Batch
from skelact.batches.mask import blocks_hidden
from skelact.batches.sampling import windows
from skelact.config import DataSettings, ViewSettings


@dataclass(frozen=True)
class Counts:
    """Numbers of joints and blocks of frames that settings given as shares come to."""

    seeds: int  # joints that the spatial mask grows from
    joints: int  # that it hides
    blocks: int
    hidden_blocks: int  # of the temporal mask

    @classmethod
    def of(cls, batch: Batch, data: DataSettings, views: ViewSettings) -> "Counts":
        """Those of a batch."""
        joints, blocks = len(batch.skeleton), -(-data.frames // views.block_frames)
        seeds = max(round(views.seed_joints * joints), 1)
        return cls(seeds, round(views.hidden_joints * joints), blocks, round(views.hidden_blocks * blocks))


@dataclass(frozen=True)
class Chances:
    """Columns of the uniform numbers of R views, in this order; where there is a coin, it is the first."""

    window: Tensor  # (R, 2) length, start
    turn: Tensor  # (R, 6) coin, main axis, angle about it, angle about each axis
    shear: Tensor  # (R, 1 + C * C) coin, entries of the matrix
    sides: Tensor  # (R, 1) coin
    joints: Tensor  # (R, 1 + K) coin, seeds
    frames: Tensor  # (R, 1 + B) coin, one for each block

    @classmethod
    def columns(cls, batch: Batch, counts: Counts) -> list[int]:
        """How many columns each has."""
        return [2, 6, 1 + batch.positions.shape[-1] ** 2, 1, 1 + counts.seeds, 1 + counts.blocks]

    def coin(self, name: str, probability: float) -> Tensor:
        """(R,) bool: in which views the coin of a field falls on the side of a change."""
        column: Tensor = getattr(self, name)[:, 0]
        return column < probability


@dataclass(frozen=True)
class Decisions:
    """What chance decides about R views, row r of clip r % N."""

    start: Tensor  # (R,) int64, first frame of the window
    length: Tensor  # (R,) int64, its frames
    angles: Tensor  # (R, 3) of the rotation, 0 where there is none
    shears: Tensor  # (R, C, C) matrices, identity where there is none
    exchanged: Tensor  # (R,) bool, whether left and right change places
    seeds: Tensor  # (R, K) int64, joints that the spatial mask grows from
    grown: Tensor  # (R,) bool, whether it does
    hidden: Tensor  # (R, F) bool, frames


def draw(batch: Batch, counts: Counts, rng: torch.Generator, rows: int) -> Tensor:
    """(rows, ...) uniform numbers in [0, 1), a row for each view."""
    return torch.rand(rows, sum(Chances.columns(batch, counts)), generator=rng, device=rng.device)


def decide(numbers: Tensor, batch: Batch, data: DataSettings, views: ViewSettings) -> Decisions:
    """What a row of numbers means for each view."""
    counts, (count, coordinates) = Counts.of(batch, data, views), (len(numbers), batch.positions.shape[-1])
    chances = Chances(*torch.split(numbers, Chances.columns(batch, counts), dim=1))
    start, length = windows(
        batch.frames.repeat(count // len(batch)), chances.window, views.min_crop, views.min_frames
    )
    main_axis = "xyz".index(batch.skeleton.up[1]) if views.upright else None
    turned = chances.coin("turn", views.probability)[:, None]
    sheared = chances.coin("shear", views.probability)[:, None, None]
    entries = chances.shear[:, 1:].view(count, coordinates, coordinates)
    shown = numbers.new_zeros(count, dtype=torch.bool)
    return Decisions(
        start,
        length,
        angles(chances.turn[:, 1:], coordinates, views.rotate_degrees, views.tilt_degrees, main_axis) * turned,
        torch.where(sheared, shears(entries, views.shear), torch.eye(coordinates, device=numbers.device)),
        chances.coin("sides", views.probability) if views.flip else shown,
        (chances.joints[:, 1:] * len(batch.skeleton)).long(),
        chances.coin("joints", views.probability) if counts.joints else shown,
        blocks_hidden(chances.frames[:, 1:], data.frames, views.block_frames, counts.hidden_blocks)
        & chances.coin("frames", views.probability)[:, None],
    )
