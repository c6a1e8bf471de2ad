"""The SCD-Net encoder: a temporal and a spatial clue of each clip, kept apart.

Source: Wu et al., "SCD-Net: Spatiotemporal Clues Disentanglement Network for Self-supervised
Skeleton-based Action Recognition", AAAI 2024, sec. "Dual-path decoupling encoder".
"""

import torch
from torch import Tensor, nn

from skelact.batches import Batch
from skelact.batches.batch import send_small
from skelact.encoders.encoder import Encoder, Features, people_present
from skelact.encoders.stack import GraphStack
from skelact.errors import UserError
from skelact.layers.absent import PersonRows, for_everyone, person_rows
from skelact.layers.transformer import Transformer
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import Skeleton


class ClueHead(nn.Module):
    """Tokens of one kind: two linear layers and transformer layers. Their maximum is a clue."""

    def __init__(self, token_width: int, settings: SCDNetEncoderSettings) -> None:
        super().__init__()
        width = settings.width
        self.tokens = nn.Sequential(
            nn.Linear(token_width, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width)
        )
        self.transformer = Transformer(width, settings.heads, settings.dropout, settings.layers)


class TemporalHead(ClueHead):
    """One token for each frame, of all people in it."""

    def forward(self, x: Tensor, people: PersonRows | None, persons: int) -> Tensor:
        """Features (P, C', V, T) of the people of N clips, ``persons`` each -> (N, T, D)."""
        everyone = for_everyone(x.flatten(1, 2), people)
        x_NTI = everyone.reshape(-1, persons * everyone.shape[1], x.shape[3]).transpose(1, 2)
        mixed: Tensor = self.transformer(self.tokens(x_NTI))
        return mixed


class SpatialHead(ClueHead):
    """One token for each joint of each person, of all its frames."""

    def forward(self, x: Tensor, people: PersonRows | None, persons: int) -> Tensor:
        """Features (P, C', V, T) of the people of N clips, ``persons`` each -> (N, M V, D)."""
        tokens = for_everyone(self.tokens(x.transpose(1, 2).flatten(2)), people)
        mixed: Tensor = self.transformer(tokens.reshape(-1, persons * tokens.shape[1], tokens.shape[2]))
        return mixed


class SCDNetEncoder(Encoder):
    """Two graph stacks, one read frame by frame, the other joint by joint.

    Args:
        skeleton: any.
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
        """The clip's embedding is both clues side by side, (N, 2 D).

        ``frames`` are the temporal tokens (N, T, D), ``joints`` the mean over present people of the spatial ones
        (N, V, D).
        """
        del confidence
        present = people_present(valid, present)
        people = None if torch.compiler.is_compiling() else person_rows(present, positions.device, positions.dtype)
        over_time = self.temporal_graph(positions, people)
        over_joints = self.spatial_graph(positions, people)
        frames = self.temporal_head(over_time, people, self.persons)
        tokens = self.spatial_head(over_joints, people, self.persons)
        clip = torch.cat([frames.max(dim=1).values, tokens.max(dim=1).values], dim=1)
        return Features(clip, frames, self._joints(tokens, present))

    def _joints(self, tokens: Tensor, present: Tensor) -> Tensor:
        """(N, M V, D) -> (N, V, D): the mean over people ``present`` (N, M) bool; 0 where all are absent."""
        weights = send_small(present, tokens.device).to(tokens.dtype)[:, :, None, None]
        each = tokens.view(-1, self.persons, len(self.skeleton), tokens.shape[2])
        return (each * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)


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
