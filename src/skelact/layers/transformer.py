"""A transformer encoder as torch's, in products of large matrices."""

import copy

import torch.nn.functional as F
from torch import Tensor, nn


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward part, each followed by a norm.

    Parameters, names and numbers are those of ``nn.TransformerEncoderLayer`` (norm last, ReLU). That layer swaps
    clips and tokens before its largest product, which becomes many small ones; here all tokens of a batch are one
    matrix.

    Source: Vaswani et al., NeurIPS 2017, sec. 3.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, dropout)  # holds the weights
        self.linear1, self.linear2 = nn.Linear(width, width), nn.Linear(width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = dropout

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, S, D) -> (N, S, D)."""
        clips, length, _ = tokens.shape
        projected = F.linear(tokens, self.self_attn.in_proj_weight, self.self_attn.in_proj_bias)
        parts = projected.view(clips, length, 3, self.self_attn.num_heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # (N, heads, S, D / heads)
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        out = self.self_attn.out_proj
        attended = F.linear(attended.transpose(1, 2).flatten(2), out.weight, out.bias)
        tokens = self.norm1(tokens + self._dropped(attended))
        hidden = self._dropped(F.relu(self.linear1(tokens)))
        normed: Tensor = self.norm2(tokens + self._dropped(self.linear2(hidden)))
        return normed

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)


class Transformer(nn.Module):
    """Layers one after another; they start as copies of one."""

    def __init__(self, width: int, heads: int, dropout: float, layers: int) -> None:
        super().__init__()
        first = TransformerLayer(width, heads, dropout)
        self.layers = nn.ModuleList(copy.deepcopy(first) for _ in range(layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, S, D) -> (N, S, D)."""
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens
