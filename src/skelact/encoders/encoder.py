"""What every encoder offers."""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.settings import EncoderSettings
from skelact.skeletons import Skeleton


class Features(NamedTuple):
    """What an encoder gives of N clips.

    Args:
        clip: (N, D) the embedding of each clip.
        frames: (N, T', D') of each frame or group of frames, where the encoder has them.
        joints: (N, V, D'') of each joint, where the encoder has them.
    """

    clip: Tensor
    frames: Tensor | None = None
    joints: Tensor | None = None


class Encoder(nn.Module):
    """Clips in, features out: plain torch, so that it can be exported and put on several devices.

    Args:
        skeleton: the joints of the clips, any.
        persons: M, people in a clip.
        frames: T, frames of a view.
        coordinates: C of the positions, 2 or 3.

    Attributes:
        Settings: the group of settings that it is built from.
        dim: D, width of the embedding.
    """

    Settings: ClassVar[type[EncoderSettings]]
    dim: int

    def __init__(self, skeleton: Skeleton, persons: int, frames: int, coordinates: int) -> None:
        super().__init__()
        self.skeleton, self.persons, self.frames, self.coordinates = skeleton, persons, frames, coordinates

    def forward(
        self, positions: Tensor, valid: Tensor, confidence: Tensor | None = None, present: Tensor | None = None
    ) -> Features:
        """Features of clips.

        Args:
            positions: (N, T, M, V, C), 0 where not valid.
            valid: (N, T, M, V) bool, where a joint was observed and is not hidden.
            confidence: (N, T, M, V) in [0, 1] of the observations; None where they have none.
            present: (N, M) bool on the CPU, who is in the clips at all; worked out from ``valid`` when None, which
                waits for a GPU.
        """
        raise NotImplementedError

    def features(self, batch: Batch) -> Features:
        """Features of a batch.

        Raises:
            UserError: the batch is of another skeleton or size than the encoder.
        """
        self.check(batch)
        out: Features = self(batch.positions, batch.valid, batch.confidence, batch.present)
        return out

    def embed(self, batch: Batch) -> Tensor:
        """Embeddings (N, D) of a batch."""
        return self.features(batch).clip

    def check(self, batch: Batch) -> None:
        """Raise a ``UserError`` unless the batch has the skeleton and size that the encoder is built for."""
        if batch.skeleton != self.skeleton:
            raise UserError(
                f"the encoder expects skeleton {self.skeleton.name} ({len(self.skeleton)} joints), "
                f"this batch has {batch.skeleton.name} ({len(batch.skeleton)})"
            )
        expected = (self.frames, self.persons, len(self.skeleton), self.coordinates)
        if tuple(batch.positions.shape[1:]) != expected:
            raise UserError(
                f"the encoder is built for clips of (frames, persons, joints, coordinates) {expected}, "
                f"got {tuple(batch.positions.shape[1:])}"
            )


def people_present(valid: Tensor, present: Tensor | None) -> Tensor:
    """(N, M) bool, who is in the clips at all: what is given, or everyone with a valid joint, (N, T, M, V).

    On the CPU, where what is computed can depend on it; while a graph is exported nothing does, and it stays
    where it is.
    """
    if present is not None:
        return present
    found = valid.any(dim=3).any(dim=1)
    return found if torch.compiler.is_compiling() else found.cpu()
