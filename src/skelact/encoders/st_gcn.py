"""ST-GCN: graph convolutions over joints and convolutions over time, the same graph for all people and channels.

Source: Yan et al., "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition",
AAAI 2018.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skelact.batches.batch import send_small
from skelact.encoders.encoder import Encoder, Features, people_present
from skelact.errors import UserError
from skelact.layers.batch_norm import PersonBatchNorm
from skelact.layers.graph_conv import SpatialConv
from skelact.settings import STGCNSettings
from skelact.skeletons import Skeleton


class STGCNBlock(nn.Module):
    """Graph convolution, norm, ReLU; convolution over time, norm, dropout; the residual, ReLU."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        skeleton: Skeleton,
        stride: int,
        residual: bool,
        settings: STGCNSettings,
    ) -> None:
        super().__init__()
        self.stride, self.dropout, self.residual = stride, settings.dropout, residual
        self.graph = SpatialConv(channels_in, channels_out, skeleton, settings.edge_weights)
        self.graph_norm = PersonBatchNorm(channels_out)
        kernel, padding = (1, settings.kernel), (0, settings.kernel // 2)
        self.time = nn.Conv2d(channels_out, channels_out, kernel, (1, stride), padding)
        self.time_norm = PersonBatchNorm(channels_out)
        self.shortcut: nn.Module = nn.Identity()
        if residual and (channels_in != channels_out or stride > 1):
            convolution = nn.Conv2d(channels_in, channels_out, 1, (1, stride))
            self.shortcut = nn.Sequential(convolution, PersonBatchNorm(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        """(P, C_in, V, T) -> (P, C_out, V, T'), T' the T / stride rounded up."""
        y = self.graph_norm.relu(self.graph(x))
        y = F.dropout(self.time_norm(self.time(y)), self.dropout, self.training)
        return F.relu(y + self.shortcut(x) if self.residual else y)


class STGCNEncoder(Encoder):
    """Blocks over each person by themselves, then means over what was observed.

    Absent people are not computed: they are in no mean and in no statistics of a norm. A hidden or missing joint
    is 0 in its input, as in the published code, and left out of the means. These are over the joints and frames
    that were observed (after a stride: in one of the frames that it joins).

    The first block has no residual; a block that is wider than the one before takes every second frame.

    Args:
        skeleton: any; its graph is fixed, its edges have learnable weights.
        persons: M, people in a clip.
        frames: T, frames of a view.
        coordinates: C of the positions, 2 or 3.
        settings: widths of the blocks; the last one is D.

    Raises:
        UserError: no blocks, or a kernel that has no middle.
    """

    Settings = STGCNSettings

    def __init__(
        self, skeleton: Skeleton, persons: int, frames: int, coordinates: int, settings: STGCNSettings
    ) -> None:
        super().__init__(skeleton, persons, frames, coordinates)
        _check(settings)
        widths = settings.widths
        self.dim = widths[-1]
        self.input_norm = PersonBatchNorm(len(skeleton) * coordinates)
        first = STGCNBlock(coordinates, widths[0], skeleton, stride=1, residual=False, settings=settings)
        self.blocks, self.stride = nn.ModuleList([first]), 1
        for c_in, c_out in pairwise(widths):
            stride = 2 if c_out > c_in else 1
            self.stride *= stride
            self.blocks.append(STGCNBlock(c_in, c_out, skeleton, stride, residual=True, settings=settings))

    def forward(
        self, positions: Tensor, valid: Tensor, confidence: Tensor | None = None, present: Tensor | None = None
    ) -> Features:
        """Means over all (N, D), over people and joints (N, T', D), over people and frames (N, V, D)."""
        del confidence
        clips, _, persons, _, _ = positions.shape
        rows = _present_rows(people_present(valid, present), positions.device)
        x_PVCT = positions.permute(0, 2, 3, 4, 1).flatten(0, 1)
        if rows is not None:
            x_PVCT = x_PVCT.index_select(0, rows)
        x = self.input_norm(x_PVCT.flatten(1, 2)).view(x_PVCT.shape).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        if rows is not None:
            x = x.new_zeros(clips * persons, *x.shape[1:]).index_copy(0, rows, x)
        return self._means(x.view(clips, persons, *x.shape[1:]), valid.permute(0, 2, 3, 1))

    def _means(self, x: Tensor, observed: Tensor) -> Features:
        """Of (N, M, D, V, T') over what was observed, (N, M, V, T) bool; 0 where nothing was."""
        stride = self.stride
        weights = F.max_pool2d(observed.to(x.dtype), (1, stride), ceil_mode=True).unsqueeze(2)  # (N, M, 1, V, T')
        total = (x * weights).sum(dim=1), weights.sum(dim=1)  # over people, (N, D or 1, V, T')

        def mean(*axes: int) -> Tensor:
            sums, counts = (part.sum(dim=axes) for part in total)
            return sums / counts.clamp(min=1.0)

        return Features(mean(2, 3), mean(2).transpose(1, 2), mean(3).transpose(1, 2))


def _present_rows(present: Tensor, device: torch.device) -> Tensor | None:
    """(P,) numbers of the people who are present among all N * M; None where all are computed.

    Of a batch without anybody, and while a graph is exported, all are.
    """
    if torch.compiler.is_compiling() or present.all() or not present.any():
        return None
    return send_small(present.flatten().nonzero().flatten(), device)


def _check(settings: STGCNSettings) -> None:
    if not settings.widths:
        raise UserError("encoder.widths of st_gcn must name at least one block, got none")
    if settings.kernel % 2 == 0:
        raise UserError(f"encoder.kernel must be odd, so that it has a middle frame, got {settings.kernel}")
