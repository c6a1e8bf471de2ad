"""Chance in views: each view has a row of uniform numbers, and this says what they decide.

The numbers of all views of a batch are one draw; what they mean is worked out from them alone, by torch on any
device (``decide``), or by ``views_fast`` on a CPU.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from skelact.batches.augment import angles, shears
from skelact.batches.batch import Batch
from skelact.batches.crop import windows
from skelact.batches.mask import blocks_hidden
from skelact.settings import DataSettings, ViewSettings


@dataclass(frozen=True)
class Counts:
    """What settings come to for a skeleton and a number of frames."""

    seeds: int  # joints that the spatial mask grows from
    joints: int  # that it hides
    blocks: int
    hidden_blocks: int  # of the temporal mask
    main_axis: int | None  # of rotations, None where it is drawn

    @classmethod
    def of(cls, batch: Batch, data: DataSettings, views: ViewSettings) -> "Counts":
        """Those of a batch."""
        joints, blocks = len(batch.skeleton), -(-data.frames // views.block_frames)
        return cls(
            seeds=max(round(views.seed_joints * joints), 1),
            joints=round(views.hidden_joints * joints),
            blocks=blocks,
            hidden_blocks=round(views.hidden_blocks * blocks),
            main_axis="xyz".index(batch.skeleton.up[1]) if views.upright else None,
        )


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


def decide(numbers: Tensor, batch: Batch, counts: Counts, data: DataSettings, views: ViewSettings) -> Decisions:
    """What a row of numbers means for each view."""
    count, coordinates = len(numbers), batch.positions.shape[-1]
    chances = Chances(*torch.split(numbers, Chances.columns(batch, counts), dim=1))

    def coin(columns: Tensor) -> Tensor:
        return columns[:, 0] < views.probability

    lengths = batch.frames.repeat(count // len(batch))
    start, length = windows(lengths, chances.window, views.min_crop, views.min_frames)
    turns = angles(chances.turn[:, 1:], coordinates, views.rotate_degrees, views.tilt_degrees, counts.main_axis)
    matrices = shears(chances.shear[:, 1:].view(count, coordinates, coordinates), views.shear)
    same = torch.eye(coordinates, device=numbers.device)
    blocks = blocks_hidden(chances.frames[:, 1:], data.frames, views.block_frames, counts.hidden_blocks)
    never = numbers.new_zeros(count, dtype=torch.bool)
    return Decisions(
        start=start,
        length=length,
        angles=turns * coin(chances.turn)[:, None],
        shears=torch.where(coin(chances.shear)[:, None, None], matrices, same),
        exchanged=coin(chances.sides) if views.flip else never,
        seeds=(chances.joints[:, 1:] * len(batch.skeleton)).long(),
        grown=coin(chances.joints) if counts.joints else never,
        hidden=blocks & coin(chances.frames)[:, None],
    )
