"""A graph stack: clips -> features of every joint of every person in every frame."""

from math import ceil

import torch
from torch import Tensor, nn

from skelact.encoders.folded import FoldedBlock
from skelact.layers.batch_norm import Distinct
from skelact.layers.graph_conv import GraphBlock
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import Skeleton

ROOM = 1 << 25  # bytes of the largest tensor of the people whom a CPU goes through together: its cache holds them


class GraphStack(nn.Module):
    """Input norm and graph blocks.

    Where no gradient is asked for in evaluation mode, norms are folded into products (see ``folded``): the same
    numbers up to rounding.

    Args:
        skeleton: the layout; its graph starts the learnable one.
        persons: M, people in a clip.
        coordinates: C of the positions.
        settings: widths of the blocks, their gain at the start, what the input norm shares. One norm for each
            coordinate of each joint is the paper's: then joints that hardly move, and show who somebody is
            rather than what is done, weigh as much as hands. One for each coordinate keeps their proportion.
    """

    def __init__(
        self, skeleton: Skeleton, persons: int, coordinates: int, settings: SCDNetEncoderSettings
    ) -> None:
        super().__init__()
        own = persons * len(skeleton) if settings.input_norm == "joint" else 1
        self.input_norm = nn.BatchNorm1d(own * coordinates)
        widths, gain = settings.graph_widths, settings.graph_gain
        sizes = (coordinates, *widths)
        self.blocks = nn.ModuleList(
            GraphBlock(c_in, c_out, skeleton, residual=block > 0, gain=gain)
            for block, (c_in, c_out) in enumerate(zip(sizes, widths, strict=False))
        )

    def forward(self, positions: Tensor, who: Distinct | None) -> Tensor:
        """Features of each person, (P, C', V, T).

        Args:
            positions: (N, T, M, V, C), 0 where not valid.
            who: the P of the N * M people who are computed; all of them when None.
        """
        _, frames, _, joints, coordinates = positions.shape
        normed = self.input_norm(positions.reshape(-1, self.input_norm.num_features)).view(positions.shape)
        x: Tensor = normed.permute(0, 2, 4, 3, 1).reshape(-1, coordinates, joints, frames)
        if who is not None:
            x = x.index_select(0, who.rows)
        if not self.training and not self._asks_for_gradients(x):
            return self._in_use(x)
        for block in self.blocks:
            x = block(x, who.copies if who else None)
        return x

    def _asks_for_gradients(self, x: Tensor) -> bool:
        return torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in self.parameters()))

    def _in_use(self, x: Tensor) -> Tensor:
        """(P, C, V, T) -> (P, C', V, T), in the precision of products."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        with torch.autocast(kind, enabled=False):
            blocks = [FoldedBlock(block, dtype) for block in self.blocks]  # type: ignore[arg-type]
            largest = max(len(block.graph.values.bias) for block in blocks) * x[:, 0].numel() * dtype.itemsize
            parts = min(len(x), ceil(largest / ROOM)) if kind == "cpu" else 1
            features = []
            for people in x.to(dtype).tensor_split(parts):
                for block in blocks:
                    people = block(people)
                features.append(people)
            return torch.cat(features)
