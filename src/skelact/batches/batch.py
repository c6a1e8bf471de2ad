"""Batch: clips side by side as tensors, and the only way from sequences to it."""

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import InitVar, dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelact.errors import UserError
from skelact.skeletons import Skeleton


@dataclass(frozen=True, eq=False)
class Batch:
    """N clips, padded to the same numbers of frames and persons.

    Convention: ``positions`` is finite everywhere; it and ``confidence`` are 0 where ``valid`` is false.

    Args:
        positions: (N, T, M, V, C) float.
        valid: (N, T, M, V) bool, where a joint was observed (and is not hidden from the encoder).
        frames: (N,) int64, the true number of frames of each clip; what follows is padding.
        label: (N,) int64, index of the action, -1 where unknown.
        index: (N,) int64, where the clips come from: rows of a store.
        skeleton: of all clips.
        confidence: (N, T, M, V) float in [0, 1], how sure the recorder was of each joint; 1 in clips whose
            recorder did not say, None where no clip of the batch has one.
        known: what ``present`` is, where it is known already; not kept by ``replace``, which may change ``valid``.
    """

    positions: Tensor
    valid: Tensor
    frames: Tensor
    label: Tensor
    index: Tensor
    skeleton: Skeleton
    confidence: Tensor | None = None
    known: InitVar[Tensor | None] = None

    def __post_init__(self, known: Tensor | None) -> None:
        if known is not None:
            vars(self)["present"] = known  # where ``cached_property`` looks first

    @cached_property
    def present(self) -> Tensor:
        """(N, M) bool, who is in the clips: of absent people no joint was observed.

        On the CPU wherever the batch is, so that a GPU need not be asked. Found when first asked for, which waits
        for the device, unless it was known. In a view it is who is in the whole clip.
        """
        return self.valid.any(dim=3).any(dim=1).cpu()

    def __len__(self) -> int:
        return int(self.positions.shape[0])

    @property
    def device(self) -> torch.device:
        """Device of the tensors."""
        return self.positions.device

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Batch":
        """The same batch on a device, positions and confidence in ``dtype`` where given.

        From pinned memory the copy to a GPU may still be under way when this returns; nothing waits for it.
        """
        place = torch.device(device)
        there = self._each(lambda tensor: send(tensor, place))
        if dtype is None:
            return there
        confidence = None if there.confidence is None else there.confidence.to(dtype)
        return replace(there, positions=there.positions.to(dtype), confidence=confidence, known=self.present)

    def ready_for(self, device: torch.device) -> "Batch":
        """The same batch, for a GPU in pinned memory, which it reads by itself."""
        return self._each(Tensor.pin_memory) if device.type == "cuda" else self

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """The same batch, of changed tensors that hold the same."""
        tensors = self.positions, self.valid, self.frames, self.label, self.index
        positions, valid, frames, label, index = map(change, tensors)
        confidence = None if self.confidence is None else change(self.confidence)
        return Batch(positions, valid, frames, label, index, self.skeleton, confidence, known=self.present)

    def with_positions(self, positions: Tensor, valid: Tensor) -> "Batch":
        """The same clips at other places; keeps the promise of 0 where not valid."""
        confidence = self.confidence if self.confidence is None else self.confidence.masked_fill(~valid, 0.0)
        positions = positions.masked_fill(~valid.unsqueeze(-1), 0.0)
        return replace(self, positions=positions, valid=valid, confidence=confidence)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; from pinned memory of the CPU nothing waits for its arrival."""
    return tensor.to(device, non_blocking=tensor.device.type == "cpu")


def send_small(tensor: Tensor, device: torch.device) -> Tensor:
    """A small tensor of the CPU on a device, without waiting for what the device has to do before."""
    return send(tensor.pin_memory() if device.type == "cuda" else tensor, device)


def collate(
    clips: Seq[NDArray[np.floating]],
    skeleton: Skeleton,
    *,
    persons: int = 0,
    label: Seq[int] | NDArray[np.int64] | None = None,
    index: Seq[int] | NDArray[np.int64] | None = None,
    confidence: Seq[NDArray[np.floating] | None] | None = None,
) -> Batch:
    """A batch from clips of any length: the one place where NaN becomes 0 and ``valid`` false.

    Args:
        clips: N arrays (T_n, M_n, V, C), NaN where not observed.
        skeleton: of all clips.
        persons: number of persons M of the batch; that of the fullest clip when 0.
        label: (N,) action indices; -1 for all when None.
        index: (N,) rows; 0..N-1 when None.
        confidence: N arrays (T_n, M_n, V) in [0, 1], None for a clip whose recorder gave none.

    Raises:
        UserError: no clips, one with more people than ``persons`` or of another skeleton, too few labels; a
            confidence of another shape than its clip.
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
    present = np.zeros((len(clips), persons), dtype=np.bool_)
    for row, clip in enumerate(clips):
        corner = (row, slice(clip.shape[0]), slice(clip.shape[1]))
        padded[corner], valid[corner] = clip, True
        missing = np.isnan(padded[corner])
        if missing.any():
            lost = np.bitwise_or.reduce([missing[..., axis] for axis in range(coordinates)])
            padded[corner][lost], valid[corner] = 0.0, ~lost
            present[row, : clip.shape[1]] = ~lost.all(axis=(0, 2))
        else:
            present[row, : clip.shape[1]] = True
    sure = _confidence(confidence, clips, valid)
    return Batch(
        positions=torch.from_numpy(padded),
        valid=torch.from_numpy(valid),
        frames=torch.tensor([clip.shape[0] for clip in clips]),
        label=_numbers("label", label, np.full(len(clips), -1)),
        index=_numbers("index", index, np.arange(len(clips))),
        skeleton=skeleton,
        confidence=None if sure is None else torch.from_numpy(sure),
        known=torch.from_numpy(present),
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


def _confidence(
    given: Seq[NDArray[np.floating] | None] | None, clips: Seq[NDArray[np.floating]], valid: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """(N, T, M, V) as ``Batch`` has it, from that of each clip."""
    if given is None or all(one is None for one in given):
        return None
    if len(given) != len(clips):
        raise UserError(f"{len(given)} values of confidence for {len(clips)} clips")
    values = valid.astype(np.float32)
    for row, (one, clip) in enumerate(zip(given, clips, strict=True)):
        if one is None:
            continue
        if one.shape != clip.shape[:3]:
            raise UserError(f"confidence of clip {row} of the batch is {one.shape}, expected {clip.shape[:3]}")
        values[row, : clip.shape[0], : clip.shape[1]] *= one
    return values


def _numbers(name: str, given: Seq[int] | NDArray[np.int64] | None, default: NDArray[np.int64]) -> Tensor:
    if given is not None and len(given) != len(default):
        raise UserError(f"{len(given)} values of {name} for {len(default)} clips")
    return torch.as_tensor(default if given is None else np.asarray(given), dtype=torch.int64)
