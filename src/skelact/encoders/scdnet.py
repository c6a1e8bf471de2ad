"""The SCD-Net encoder: a temporal and a spatial clue of each clip, kept apart.

Source: Wu et al., "SCD-Net: Spatiotemporal Clues Disentanglement Network for Self-supervised
Skeleton-based Action Recognition", AAAI 2024, sec. "Dual-path decoupling encoder".
"""

import torch
from torch import Tensor, nn

from skelact.batches import Batch
from skelact.config import EncoderSettings
from skelact.encoders.encoder import Encoder
from skelact.encoders.graph import GraphStack
from skelact.errors import UserError
from skelact.skeletons import Skeleton


class ClueHead(nn.Module):
    """Tokens -> one clue: two linear layers, transformer layers, the maximum over tokens."""

    def __init__(self, token_width: int, settings: EncoderSettings) -> None:
        super().__init__()
        width = settings.width
        self.tokens = nn.Sequential(
            nn.Linear(token_width, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width)
        )
        layer = nn.TransformerEncoderLayer(
            width, settings.heads, dim_feedforward=width, dropout=settings.dropout, batch_first=True
        )
        self.transformer = nn.TransformerEncoder(layer, settings.layers, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, tokens, token_width) -> (N, D)."""
        mixed: Tensor = self.transformer(self.tokens(tokens))
        return mixed.max(dim=1).values


class SCDNetEncoder(Encoder):
    """Two graph stacks, one read frame by frame, the other joint by joint.

    Args:
        skeleton: the layout, any.
        persons: M, people in a clip.
        frames: T, frames of a view.
        coordinates: C of the positions, 2 or 3.
        settings: widths of the graph blocks and of the tokens.

    Raises:
        UserError: widths that cannot be divided as the blocks and heads need.
    """

    def __init__(
        self, skeleton: Skeleton, persons: int, frames: int, coordinates: int, settings: EncoderSettings
    ) -> None:
        super().__init__(skeleton, persons, frames, coordinates)
        _check(settings)
        self.dim = 2 * settings.width
        last = settings.graph_widths[-1]
        stack = skeleton, persons, coordinates, settings
        self.temporal_graph, self.spatial_graph = GraphStack(*stack), GraphStack(*stack)
        self.temporal_head = ClueHead(persons * last * len(skeleton), settings)
        self.spatial_head = ClueHead(last * frames, settings)
        xavier_linear(self)

    def clues(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The temporal and the spatial clue of each clip, each (N, D).

        Raises:
            UserError: the batch is of another layout or size than the encoder.
        """
        self.check(batch)
        present = batch.valid.any(dim=3).any(dim=1)  # (N, M)
        over_time = self.temporal_graph(batch.positions, present)  # (N, M, C, V, T)
        tokens_NTF = over_time.flatten(1, 3).transpose(1, 2)
        over_joints = self.spatial_graph(batch.positions, present)
        tokens_NVF = over_joints.transpose(2, 3).flatten(1, 2).flatten(2)
        return self.temporal_head(tokens_NTF), self.spatial_head(tokens_NVF)

    def embed(self, batch: Batch) -> Tensor:
        """Both clues side by side, (N, 2 D): what is kept for downstream use."""
        return torch.cat(self.clues(batch), dim=1)


def xavier_linear(module: nn.Module) -> None:
    """Xavier-uniform start for the weights of linear layers and attention, biases of linear layers 0."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
        elif isinstance(part, nn.MultiheadAttention) and part.in_proj_weight is not None:
            nn.init.xavier_uniform_(part.in_proj_weight)


def _check(settings: EncoderSettings) -> None:
    if not settings.graph_widths or any(width % 4 or width <= 0 for width in settings.graph_widths):
        raise UserError(
            f"encoder.graph_widths must be positive multiples of 4 (four temporal branches), "
            f"got {list(settings.graph_widths)}"
        )
    if settings.width % settings.heads:
        raise UserError(f"encoder.width {settings.width} must be a multiple of encoder.heads {settings.heads}")
