"""Batch: clips side by side as tensors, and the only way from sequences to it."""

from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelact.errors import UserError
from skelact.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Batch:
    """N clips, padded to the same numbers of frames and persons.

    Convention: ``positions`` is finite everywhere and 0 where ``valid`` is false.

    Args:
        positions: (N, T, M, V, C) float.
        valid: (N, T, M, V) bool, where a joint was measured (and is not hidden from the encoder).
        frames: (N,) int64, the true number of frames of each clip; what follows is padding.
        label: (N,) int64, index of the action, -1 where unknown.
        index: (N,) int64, where the clips come from: rows of a store.
        skeleton: the layout.
    """

    positions: Tensor
    valid: Tensor
    frames: Tensor
    label: Tensor
    index: Tensor
    skeleton: Skeleton

    def __len__(self) -> int:
        return int(self.positions.shape[0])

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.positions.device

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Batch":
        """The same batch on a device, positions in ``dtype`` where given."""
        return replace(
            self,
            positions=self.positions.to(device, dtype or self.positions.dtype),
            valid=self.valid.to(device),
            frames=self.frames.to(device),
            label=self.label.to(device),
            index=self.index.to(device),
        )

    def with_positions(self, positions: Tensor, valid: Tensor) -> "Batch":
        """The same clips at other places; keeps the promise of 0 where not valid."""
        return replace(self, positions=positions.masked_fill(~valid.unsqueeze(-1), 0.0), valid=valid)


def collate(
    clips: Seq[NDArray[np.floating]],
    skeleton: Skeleton,
    *,
    persons: int = 0,
    label: Seq[int] | NDArray[np.int64] | None = None,
    index: Seq[int] | NDArray[np.int64] | None = None,
) -> Batch:
    """A batch from clips of any length: the one place where NaN becomes 0 and ``valid`` false.

    Args:
        clips: N arrays (T_n, M_n, V, C), NaN where not measured.
        skeleton: their layout.
        persons: number of persons M of the batch; that of the fullest clip when 0.
        label: (N,) action indices; -1 for all when None.
        index: (N,) rows; 0..N-1 when None.

    Raises:
        UserError: no clips, one with more people than ``persons`` or of another skeleton, too few labels.
    """
    _check(clips, skeleton)
    most = max(clip.shape[1] for clip in clips)
    persons = persons or most
    if most > persons:
        raise UserError(f"a clip holds {most} people, the encoder is built for {persons}")
    longest = max(clip.shape[0] for clip in clips)
    joints, coordinates = clips[0].shape[2:]
    shape = (len(clips), longest, persons, joints)
    padded, valid = np.zeros((*shape, coordinates), dtype=np.float32), np.zeros(shape, dtype=np.bool_)
    for row, clip in enumerate(clips):
        corner = (row, slice(clip.shape[0]), slice(clip.shape[1]))
        padded[corner], valid[corner] = clip, True
        missing = np.isnan(padded[corner])
        if missing.any():
            lost = np.bitwise_or.reduce([missing[..., axis] for axis in range(coordinates)])
            padded[corner][lost], valid[corner] = 0.0, ~lost
    return Batch(
        positions=torch.from_numpy(padded),
        valid=torch.from_numpy(valid),
        frames=torch.tensor([clip.shape[0] for clip in clips]),
        label=_numbers("label", label, np.full(len(clips), -1)),
        index=_numbers("index", index, np.arange(len(clips))),
        skeleton=skeleton,
    )


def _check(clips: Seq[NDArray[np.floating]], skeleton: Skeleton) -> None:
    if not clips:
        raise UserError("a batch needs at least one clip")
    coordinates = clips[0].shape[-1]
    for number, clip in enumerate(clips):
        if clip.ndim != 4 or clip.shape[2:] != (len(skeleton), coordinates):
            raise UserError(
                f"clip {number} of the batch is {clip.shape}, expected (frames, persons, {len(skeleton)}, "
                f"{coordinates}): skeleton {skeleton.name}, coordinates as in clip 0"
            )


def _numbers(name: str, given: Seq[int] | NDArray[np.int64] | None, default: NDArray[np.int64]) -> Tensor:
    if given is not None and len(given) != len(default):
        raise UserError(f"{len(given)} values of {name} for {len(default)} clips")
    return torch.as_tensor(default if given is None else np.asarray(given), dtype=torch.int64)
