"""Sums over neighbours, norms and convolutions over time by a small compiled module, on a CPU in float32.

The same numbers as those of ``graph_conv`` and ``batch_norm`` up to rounding, gradients too, without the large
tensors that torch writes between one operation and the next.
"""

import os
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

try:
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        raise ImportError("graph_fast is compiled for AVX2")
    from skelact.layers.kernels import graph_fast
except ImportError:  # or there was no C compiler when skelact was installed
    graph_fast = None  # type: ignore[assignment]

SWITCH = "SKELACT_KERNELS"  # environment variable; 0 switches the kernels off


def kernels_in_use() -> Literal["compiled", "torch"]:
    """What makes graph blocks on a CPU in float32 here, for reports."""
    return "torch" if graph_fast is None or os.environ.get(SWITCH) == "0" else "compiled"


def enabled(x: Tensor) -> bool:
    """Whether a kernel takes this tensor; torch does otherwise, and always while a graph is traced or exported."""
    if torch.compiler.is_compiling() or kernels_in_use() == "torch":
        return False
    return x.dtype == torch.float32 and x.device.type == "cpu" and x.numel() > 0


class SumNeighbours(torch.autograd.Function):
    """What each joint takes from all joints, by each channel's own topology; see ``GraphConv``."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, values: Tensor, related: Tensor, refine: Tensor, bias: Tensor, graph: Tensor
    ) -> Tensor:
        """Values (P, C, 3, V, T), related (P, 2, 3, r, V), refine (3, C, r), bias (3, C), graph (3, V, V) ->
        (P, C, V, T)."""
        given = tuple(x.contiguous() for x in (values, related, refine, bias, graph))
        ctx.save_for_backward(*given)
        people, channels, _, joints, frames = values.shape
        out = values.new_empty(people, channels, joints, frames)
        graph_fast.sum_neighbours(_sizes(values, related), torch.get_num_threads(), _arrays(*given, out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, ...]:
        """Gradients of all that was given."""
        values, related, refine, bias, graph = given = ctx.saved_tensors  # type: ignore[attr-defined]
        each = [graph.new_empty(len(values), *x.shape) for x in (refine, bias, graph)]  # of each person
        made = torch.empty_like(values), torch.empty_like(related), *each
        graph_fast.sum_neighbours_back(
            _sizes(values, related), torch.get_num_threads(), _arrays(*given, grad.contiguous(), *made)
        )
        of_refine, of_bias, of_graph = (x.sum(dim=0) for x in each)
        return made[0], made[1], of_refine, of_bias, of_graph.transpose(1, 2)


class CompiledNorm(torch.autograd.Function):
    """Batch norm of rows (P, C, L) that have counts, perhaps with a residual and ReLU."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        counts: Tensor,
        residual: Tensor | None,
        relu: bool,
        epsilon: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> (P, C, L), and mean and variance of the batch; ``counts`` (P,) how often each row counts.

        Channels for which there is no weight are not normalised.
        """
        x, residual = x.contiguous(), None if residual is None else residual.contiguous()
        out, mean, variance = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        ctx.sizes, ctx.relu, ctx.epsilon = (*x.shape, len(weight)), relu, epsilon
        ctx.residual = residual is not None
        arrays = _arrays(x, counts, weight, bias, residual, mean, variance, out)
        graph_fast.norm(ctx.sizes, relu, epsilon, torch.get_num_threads(), arrays)
        ctx.save_for_backward(x, counts, weight, mean, variance, out if relu else None)
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        """``dx = scale (g - w/n (sum g + x^ sum g x^))``, w the row's count, n numbers in a channel in all."""
        x, counts, weight, mean, variance, out = ctx.saved_tensors
        for_x, for_weight, for_bias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(weight)
        for_residual = torch.empty_like(x) if ctx.residual else None
        arrays = _arrays(
            x, counts, weight, mean, variance, out, grad.contiguous(), for_x, for_weight, for_bias, for_residual
        )
        graph_fast.norm_back(ctx.sizes, ctx.relu, ctx.epsilon, torch.get_num_threads(), arrays)
        return for_x, for_weight, for_bias, None, for_residual, None, None


class Scales(torch.autograd.Function):
    """Convolutions and pooling over time, side by side; see ``TemporalConv``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernels: Tensor, bias: Tensor) -> Tensor:
        """(P, C, V, T), (2, C / 4, C / 4, 5), (2, C / 4) -> (P, C, V, T); all but the last C / 4 have ReLU."""
        given = x.contiguous(), kernels.contiguous(), bias.contiguous()
        ctx.save_for_backward(*given)
        ctx.sizes = x.shape[0], x.shape[1] // 4, *x.shape[2:]
        out = torch.empty_like(given[0])
        graph_fast.scales(ctx.sizes, torch.get_num_threads(), _arrays(*given, out))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        """Gradients of all that was given."""
        x, kernels, bias = ctx.saved_tensors
        each = [x.new_empty(len(x), *of.shape) for of in (kernels, bias)]  # of each person
        made = torch.empty_like(x)
        arrays = _arrays(x, kernels, bias, grad.contiguous(), made, *each)
        graph_fast.scales_back(ctx.sizes, torch.get_num_threads(), arrays)
        return made, each[0].sum(dim=0), each[1].sum(dim=0)


def _sizes(values: Tensor, related: Tensor) -> tuple[int, ...]:
    people, channels, _, joints, frames = values.shape
    return people, channels, joints, frames, related.shape[3]


def _arrays(*tensors: Tensor | None) -> tuple[NDArray[Any] | None, ...]:
    return tuple(None if x is None else x.detach().numpy() for x in tensors)
