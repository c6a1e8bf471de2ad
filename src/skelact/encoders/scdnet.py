"""The SCD-Net encoder: a temporal and a spatial clue of each clip, kept apart.

Source: Wu et al., "SCD-Net: Spatiotemporal Clues Disentanglement Network for Self-supervised
Skeleton-based Action Recognition", AAAI 2024, sec. "Dual-path decoupling encoder".
"""

import torch
from torch import Tensor, nn

from skelact.batches import Batch
from skelact.encoders.encoder import Encoder, Features
from skelact.encoders.stack import GraphStack
from skelact.errors import UserError
from skelact.layers.batch_norm import Distinct, distinct_people
from skelact.layers.linear import Linear, linear
from skelact.layers.transformer import Transformer
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import Skeleton


class ClueHead(nn.Module):
    """Tokens -> one clue: two linear layers, transformer layers, the maximum over tokens."""

    def __init__(self, token_width: int, settings: SCDNetEncoderSettings) -> None:
        super().__init__()
        width = settings.width
        self.tokens = nn.Sequential(
            Linear(token_width, width), nn.LayerNorm(width), nn.ReLU(), Linear(width, width)
        )
        self.transformer = Transformer(width, settings.heads, settings.dropout, settings.layers)

    def clue(self, tokens: Tensor, projected: Tensor) -> Tensor:
        """(N, S, D) and what the transformer's ``project`` gives of them -> (N, D)."""
        mixed: Tensor = self.transformer(tokens, projected)
        return mixed.max(dim=1).values


class TemporalHead(ClueHead):
    """One token for each frame, of all people in it."""

    def forward(self, people: Tensor, who: Distinct | None, persons: int) -> Tensor:
        """Features (P, C', V, T) of the people of N clips, ``persons`` each -> (N, D)."""
        tokens: Tensor = self.tokens[1:](self._first_layer(people.flatten(1, 2).transpose(1, 2), who, persons))
        return self.clue(tokens, self.transformer.project(tokens))

    def _first_layer(self, people: Tensor, who: Distinct | None, persons: int) -> Tensor:
        """The first linear layer, (P, T, V C') -> (N, T, D): the sum of what each person adds to it."""
        first = self.tokens[0]
        assert isinstance(first, nn.Linear)
        if who is None:
            clips = people.reshape(-1, persons, *people.shape[1:])
            together: Tensor = first(clips.transpose(1, 2).flatten(2))
            return together
        total: Tensor = first.bias
        for number, weight in enumerate(first.weight.view(len(total), persons, -1).unbind(1)):
            rows, place = who.by_place[number]
            # index_select and not [place]: its gradient is summed in a fixed order, on several threads too
            total = total + linear(people.index_select(0, rows).contiguous(), weight).index_select(0, place)
        return total


class SpatialHead(ClueHead):
    """One token for each joint of each person, of all its frames."""

    def forward(self, people: Tensor, who: Distinct | None, persons: int) -> Tensor:
        """Features (P, C', V, T) of the people of N clips, ``persons`` each -> (N, D)."""
        tokens = self.tokens(people.transpose(1, 2).flatten(2))  # (P, V, D)
        projected = self.transformer.project(tokens)
        return self.clue(_by_clip(tokens, who, persons), _by_clip(projected, who, persons))


def _by_clip(tokens: Tensor, who: Distinct | None, persons: int) -> Tensor:
    """Tokens (P, V, D) of people -> (N, M V, D) of clips."""
    if who is not None:
        tokens = tokens.index_select(0, who.place.flatten())
    return tokens.reshape(-1, persons * tokens.shape[1], tokens.shape[2])


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

    Settings = SCDNetEncoderSettings

    def __init__(
        self, skeleton: Skeleton, persons: int, frames: int, coordinates: int, settings: SCDNetEncoderSettings
    ) -> None:
        super().__init__(skeleton, persons, frames, coordinates)
        _check(settings)
        self.dim = 2 * settings.width
        last = settings.graph_widths[-1]
        stack = skeleton, persons, coordinates, settings
        self.temporal_graph, self.spatial_graph = GraphStack(*stack), GraphStack(*stack)
        self.temporal_head = TemporalHead(persons * last * len(skeleton), settings)
        self.spatial_head = SpatialHead(last * frames, settings)
        xavier_linear(self)

    def clues(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The temporal and the spatial clue of each clip, each (N, D): the two halves of the embedding."""
        temporal, spatial = self.embed(batch).chunk(2, dim=1)
        return temporal, spatial

    def forward(
        self, positions: Tensor, valid: Tensor, confidence: Tensor | None = None, present: Tensor | None = None
    ) -> Features:
        """Both clues side by side, (N, 2 D)."""
        del confidence
        if present is None:
            present = valid.any(dim=3).any(dim=1).cpu()
        who = distinct_people(present, positions.device)
        over_time = self.temporal_graph(positions, who)
        over_joints = self.spatial_graph(positions, who)
        clues = (
            self.temporal_head(over_time, who, self.persons),
            self.spatial_head(over_joints, who, self.persons),
        )
        return Features(torch.cat(clues, dim=1))


def xavier_linear(module: nn.Module) -> None:
    """Xavier-uniform start for the weights of linear layers and attention; biases stay as torch starts them."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
        elif isinstance(part, nn.MultiheadAttention) and part.in_proj_weight is not None:
            nn.init.xavier_uniform_(part.in_proj_weight)


def _check(settings: SCDNetEncoderSettings) -> None:
    if not settings.graph_widths or any(width % 4 or width <= 0 for width in settings.graph_widths):
        raise UserError(
            f"encoder.graph_widths must be positive multiples of 4 (four temporal branches), "
            f"got {list(settings.graph_widths)}"
        )
    if settings.width % settings.heads:
        raise UserError(f"encoder.width {settings.width} must be a multiple of encoder.heads {settings.heads}")
