"""A graph stack: clips -> features of every joint of every person in every frame."""

from torch import Tensor, nn

from skelact.layers.absent import PersonRows
from skelact.layers.batch_norm import PersonBatchNorm
from skelact.layers.graph_conv import GraphBlock
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import Skeleton


class GraphStack(nn.Module):
    """Input norm and graph blocks.

    Args:
        skeleton: its graph is the start of the learnable one.
        persons: M, people in a clip.
        coordinates: C of the positions.
        settings: widths of the blocks, start of their norm weights, what the input norm shares. The paper has one
            norm for each coordinate of each joint: then joints that hardly move, and show who a person is rather
            than what is done, weigh as much as hands. One norm for each coordinate keeps their proportion.
    """

    def __init__(
        self, skeleton: Skeleton, persons: int, coordinates: int, settings: SCDNetEncoderSettings
    ) -> None:
        super().__init__()
        own = persons * len(skeleton) if settings.input_norm == "joint" else 1
        self.input_norm = PersonBatchNorm(own * coordinates)
        widths, start = settings.graph_widths, settings.graph_gain
        sizes = (coordinates, *widths)
        self.blocks = nn.ModuleList(
            GraphBlock(c_in, c_out, skeleton, residual=block > 0, start_weight=start)
            for block, (c_in, c_out) in enumerate(zip(sizes, widths, strict=False))
        )

    def forward(self, positions: Tensor, people: PersonRows | None) -> Tensor:
        """Features of each person, (P, C', V, T).

        Args:
            positions: (N, T, M, V, C), 0 where not valid.
            people: the P of the N * M people who are computed; all of them when None.
        """
        _, frames, _, joints, coordinates = positions.shape
        x_NMVCT = positions.permute(0, 2, 3, 4, 1)
        normed = self.input_norm(x_NMVCT.reshape(-1, self.input_norm.channels, frames)).view(x_NMVCT.shape)
        x: Tensor = normed.transpose(2, 3).reshape(-1, coordinates, joints, frames)
        if people is not None:
            x = x.index_select(0, people.rows)
        for block in self.blocks:
            x = block(x, None if people is None else people.counts)
        return x
