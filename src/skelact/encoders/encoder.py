"""What every encoder offers."""

from torch import Tensor, nn

from skelact.batches import Batch
from skelact.errors import UserError
from skelact.skeletons import Skeleton


class Encoder(nn.Module):
    """Batch in, features out; methods may agree on more with their encoders.

    Args:
        skeleton: the layout, any.
        persons: M, people in a clip.
        frames: T, frames of a view.
        coordinates: C of the positions, 2 or 3.

    Attributes:
        dim: D, width of the features.
    """

    dim: int

    def __init__(self, skeleton: Skeleton, persons: int, frames: int, coordinates: int) -> None:
        super().__init__()
        self.skeleton, self.persons, self.frames, self.coordinates = skeleton, persons, frames, coordinates

    def embed(self, batch: Batch) -> Tensor:
        """Features (N, D) of a batch."""
        raise NotImplementedError

    def check(self, batch: Batch) -> None:
        """Raise a ``UserError`` unless the batch has the layout and size that the encoder is built for."""
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
