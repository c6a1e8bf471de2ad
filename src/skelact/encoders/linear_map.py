"""A linear map of raw coordinates: the simplest encoder, fitted by methods in closed form."""

import torch.nn.functional as F
from torch import Tensor, nn

from skelact.encoders.encoder import Encoder, Features
from skelact.settings import LinearMapSettings
from skelact.skeletons import Skeleton


class LinearMapEncoder(Encoder):
    """Coordinates of a clip, averaged to a few frames, times a matrix.

    Untrained, the matrix is random with orthogonal rows, so that distances are kept as well as D numbers can.
    """

    Settings = LinearMapSettings

    def __init__(
        self, skeleton: Skeleton, persons: int, frames: int, coordinates: int, settings: LinearMapSettings
    ) -> None:
        super().__init__(skeleton, persons, frames, coordinates)
        self.dim, self.kept_frames = settings.width, min(settings.frames, frames)
        self.map = nn.Linear(self.kept_frames * persons * len(skeleton) * coordinates, self.dim)
        nn.init.orthogonal_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def inputs(self, positions: Tensor) -> Tensor:
        """(N, T, M, V, C) -> (N, I): means over groups of frames, one after another."""
        x_NIT = positions.flatten(2).transpose(1, 2)
        return F.adaptive_avg_pool1d(x_NIT, self.kept_frames).transpose(1, 2).flatten(1)

    def forward(
        self, positions: Tensor, valid: Tensor, confidence: Tensor | None = None, present: Tensor | None = None
    ) -> Features:
        """The map of the coordinates; what is missing counts as the origin."""
        del valid, confidence, present
        clip: Tensor = self.map(self.inputs(positions))
        return Features(clip)
