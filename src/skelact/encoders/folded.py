"""Graph blocks in use: where nothing is learnt, norms are part of the products beside them.

A batch norm with fixed statistics scales and shifts each channel, and the product before it can do so by its
weights and biases. Large tensors are then written by products and by little else, in the products' precision.

Tensors are (P, C, V, T) as in ``graph``.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from skelact.layers.batch_norm import PersonBatchNorm
from skelact.layers.graph_conv import GraphBlock, GraphConv, TemporalConv, convolve_time, point_product

EVERY = slice(None)


class Weights(NamedTuple):
    """Of a product or a convolution and the norm after it: weight (C_out, C_in, ...) and bias (C_out,)."""

    weight: Tensor
    bias: Tensor

    def of(self, channels: slice, dtype: torch.dtype) -> "Weights":
        """Those of some output channels, in the precision of a product."""
        return Weights(self.weight[channels].to(dtype), self.bias[channels].to(dtype))


class FoldedBlock:
    """What a ``GraphBlock`` in evaluation mode computes, for people (P, C_in, V, T) in precision ``dtype``."""

    def __init__(self, block: GraphBlock, dtype: torch.dtype) -> None:
        width = block.graph.channels_out
        self.graph, self.time = FoldedGraphConv(block.graph, dtype), FoldedTemporalConv(block.time, dtype)
        self.residual, self.shortcuts = block.residual, []
        if block.shortcuts:
            both = fold(block.shortcut.weight, block.shortcut.bias, block.shortcut_norm)
            both.bias[:width] += self.graph.shift[:, 0, 0]
            self.shortcuts = [both.of(slice(i * width, (i + 1) * width), dtype) for i in range(block.shortcuts)]

    def __call__(self, x: Tensor) -> Tensor:
        """(P, C_in, V, T) -> (P, C_out, V, T)."""
        start, *rest = [point_product(x, *shortcut) for shortcut in self.shortcuts] or [x + self.graph.shift, x]
        y = self.time(self.graph.added_to(start, x).relu_())
        return (y.add_(rest[0]) if self.residual else y).relu_()


class FoldedGraphConv:
    """A ``GraphConv``; the scale of its norm is in the values, the shift is left to whoever gives the residual."""

    def __init__(self, conv: GraphConv, dtype: torch.dtype) -> None:
        scale, shift = scale_and_shift(conv.norm)
        scales = scale.repeat_interleave(3)  # channel by channel, three partitions each
        self.values = Weights(conv.values.weight * scales[:, None], conv.values.bias * scales).of(EVERY, dtype)
        self.relate = Weights(conv.relate.weight, conv.relate.bias).of(EVERY, dtype)
        self.refine = (conv.refine_weight * conv.alpha).to(dtype)
        self.fixed = conv.fixed_topology().permute(1, 0, 3, 2).flatten(2).to(dtype)  # (C, 3, V V)
        self.shift = shift[:, None, None].to(dtype)

    def topology(self, x: Tensor) -> Tensor:
        """(P, C_out, 3 V, V): what joint v, in each partition, gives to joint u."""
        people, _, joints, _ = x.shape
        related = point_product(x.mean(dim=3, keepdim=True), *self.relate).view(people, 2, 3, -1, joints)
        a, b = related[:, 0], related[:, 1]
        differences = (a.unsqueeze(-2) - b.unsqueeze(-1)).tanh_().flatten(3)  # (P, 3, r, V V)
        together = x.new_empty(people, *self.fixed.shape)
        for part, weight in enumerate(self.refine):  # each product goes to where the next one wants it
            torch.bmm(weight.expand(people, -1, -1), differences[:, part], out=together[:, :, part])
        return together.add_(self.fixed).view(people, -1, 3 * joints, joints)

    def added_to(self, y: Tensor, x: Tensor) -> Tensor:
        """(P, C_out, V, T), which is overwritten, and x (P, C_in, V, T) -> (P, C_out, V, T)."""
        _, _, joints, frames = x.shape
        values = point_product(x, *self.values).view(-1, 3 * joints, frames)
        y.view(-1, joints, frames).baddbmm_(self.topology(x).flatten(0, 1).transpose(1, 2), values)
        return y


class FoldedTemporalConv:
    """A ``TemporalConv``. The norm of its pooled branch stays by itself, as the maximum comes before it."""

    def __init__(self, conv: TemporalConv, dtype: torch.dtype) -> None:
        self.branch = branch = conv.kernels.shape[1]
        self.reduce = fold(conv.reduce.weight, conv.reduce.bias, conv.reduce_norm).of(EVERY, dtype)
        scale, shift = scale_and_shift(conv.norm)
        convolved = slice(2 * branch)
        weight = conv.kernels.flatten(0, 1) * scale[convolved, None, None]
        bias = conv.kernel_bias.flatten() * scale[convolved] + shift[convolved]
        both = Weights(weight, bias)
        self.near, self.far = both.of(slice(branch), dtype), both.of(slice(branch, None), dtype)
        self.scale, self.shift = (value[2 * branch :, None, None].to(dtype) for value in (scale, shift))

    def __call__(self, x: Tensor) -> Tensor:
        """(P, C, V, T) -> (P, C, V, T)."""
        reduced = point_product(x, *self.reduce)
        reduced[:, : 3 * self.branch].relu_()
        near, far, pooled, plain = reduced.chunk(4, dim=1)
        scales = [
            convolve_time(near, *self.near, dilation=1),
            convolve_time(far, *self.far, dilation=2),
            highest_of_three(pooled).mul_(self.scale).add_(self.shift),
        ]
        return torch.cat([*scales, plain], dim=1)


def scale_and_shift(norm: PersonBatchNorm) -> tuple[Tensor, Tensor]:
    """What a norm in evaluation mode does to each channel, (C,) and (C,)."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale


def fold(weight: Tensor, bias: Tensor, norm: PersonBatchNorm) -> Weights:
    """A product followed by a norm as one product."""
    scale, shift = scale_and_shift(norm)
    return Weights(weight * scale[:, None], bias * scale + shift)


def highest_of_three(x: Tensor) -> Tensor:
    """The maximum of each frame and its two neighbours; ``max_pool2d`` takes ten times as long on a CPU."""
    highest = x.clone(memory_format=torch.contiguous_format)
    torch.maximum(highest[..., 1:], x[..., :-1], out=highest[..., 1:])
    torch.maximum(highest[..., :-1], x[..., 1:], out=highest[..., :-1])
    return highest
