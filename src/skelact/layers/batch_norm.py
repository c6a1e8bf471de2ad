"""Batch norm over people, some of whom count several times, with statistics of all processes."""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from skelact.layers import kernels

CACHE = 1 << 22  # bytes that are gone through twice at a time on a CPU


class PersonBatchNorm(nn.Module):
    """Batch norm over (P, C, ...) in which each of the P rows has a count.

    The statistics are those of the batch in which each row is repeated as often as it counts; a row that counts 0
    times is normalised and changes nothing else. Where several processes train together, the statistics are those
    of all their rows. So this is no subclass of torch's batch norms: torch's own conversion to synchronised ones
    leaves it alone.

    Parameters, buffers and their names are those of ``nn.BatchNorm1d``. What comes in bfloat16 leaves in float32,
    which sums over a batch need.

    Args:
        channels: C.
        affine: whether channels have a weight and a bias.
        eps: added to the variance.
        momentum: share of a batch in the running statistics.

    Source: Ioffe and Szegedy, ICML 2015.
    """

    weight: nn.Parameter  # None without ``affine``, as in torch's norms
    bias: nn.Parameter
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, affine: bool = True, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.channels, self.affine, self.eps, self.momentum = channels, affine, eps, momentum
        self.register_parameter("weight", nn.Parameter(torch.ones(channels)) if affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(channels)) if affine else None)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"{self.channels}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"

    def forward(self, x: Tensor, counts: Tensor | None = None) -> Tensor:
        """Normalise x (P, C, ...); ``counts`` (P,) of the rows, once each when None."""
        return self._normalised(x, counts, None, relu=False)

    def relu(self, x: Tensor, counts: Tensor | None = None, residual: Tensor | None = None) -> Tensor:
        """ReLU of x (P, C', ...) normalised plus a residual (P, C', ...), if there is one.

        C' may be more than C: channels after the first C are not normalised.
        """
        return self._normalised(x, counts, residual, relu=True)

    def _normalised(self, x: Tensor, counts: Tensor | None, residual: Tensor | None, relu: bool) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            rows = (x.float() if x.dtype == torch.bfloat16 else x).reshape(*x.shape[:2], -1)
            if not self.training:
                normed = self._by(rows, self.running_mean, self.running_var)
                return _relu_sum(normed.view(x.shape), residual) if relu else normed.view(x.shape)
            if counts is None:
                counts = rows.new_ones(len(rows))
            if self.affine and kernels.enabled(rows) and not _synchronised():
                other = None if residual is None else residual.flatten(2)
                return self._compiled(rows, counts, other, relu).view(x.shape)
            normed = self._by_batch(rows, counts).view(x.shape)
            return _relu_sum(normed, residual) if relu else normed

    def _by(self, rows: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        """(P, C', L) normalised by running statistics."""
        normed = F.batch_norm(
            rows[:, : self.channels], mean, variance, self.weight, self.bias, False, 0.0, self.eps
        )
        return _with_rest(normed, rows)

    def _by_batch(self, rows: Tensor, counts: Tensor) -> Tensor:
        """(P, C', L) normalised by the statistics of the batch."""
        own = rows[:, : self.channels].contiguous()
        weight = self.weight if self.affine else own.new_ones(self.channels)
        bias = self.bias if self.affine else own.new_zeros(self.channels)
        total, mean, variance = _statistics(own.detach(), counts)
        self._update_running(total, mean, variance)
        normed: Tensor = _CountedNorm.apply(  # type: ignore[no-untyped-call]
            own, weight, bias, counts, total, mean, variance, self.eps
        )
        return _with_rest(normed, rows)

    def _compiled(self, rows: Tensor, counts: Tensor, residual: Tensor | None, relu: bool) -> Tensor:
        normed, mean, variance = kernels.CompiledNorm.apply(  # type: ignore[no-untyped-call]
            rows, self.weight, self.bias, counts, residual, relu, self.eps
        )
        self._update_running(counts.sum() * rows.shape[2], mean, variance)
        return normed  # type: ignore[no-any-return]

    @torch.no_grad()
    def _update_running(self, total: Tensor, mean: Tensor, variance: Tensor) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * total / (total - 1), self.momentum)


@torch.no_grad()
def _statistics(rows: Tensor, counts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How many numbers a channel has, (), their mean and their (biased) variance, (C,), over all processes."""
    own = (counts.sum() * rows.shape[2]).view(1)
    sums = _over_processes(torch.cat([own, counts @ rows.sum(dim=2)]))
    total, mean = sums[0], sums[1:] / sums[0]
    variance = _over_processes(counts @ _squares(rows, mean)) / total
    return total, mean, variance


def _squares(rows: Tensor, mean: Tensor) -> Tensor:
    """Sums of squared distances from the mean, (P, C); some rows at a time, so that they stay in the cache."""
    size = max(1, rows[0].numel() * rows.element_size())
    step = max(1, CACHE // size) if rows.device.type == "cpu" else len(rows)
    parts = (rows[start : start + step] - mean[:, None] for start in range(0, len(rows), step))
    return torch.cat([torch.linalg.vector_norm(part, dim=2) for part in parts]).square_()


def _synchronised() -> bool:
    """Whether other processes train with this one."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _over_processes(values: Tensor) -> Tensor:
    """Sums over all processes; overwritten."""
    if _synchronised():
        dist.all_reduce(values)
    return values


def _with_rest(normed: Tensor, rows: Tensor) -> Tensor:
    """With the channels that are not normalised."""
    channels = normed.shape[1]
    return normed if channels == rows.shape[1] else torch.cat([normed, rows[:, channels:]], dim=1)


def _relu_sum(x: Tensor, residual: Tensor | None) -> Tensor:
    """ReLU of a sum, written over x, which no other code uses."""
    return F.relu_(x if residual is None else x.add_(residual))


class _CountedNorm(torch.autograd.Function):
    """Batch norm by given statistics of the batch, through which its gradient goes too."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        counts: Tensor,
        total: Tensor,
        mean: Tensor,
        variance: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(rows, weight, counts, total, mean, variance)
        ctx.eps = eps  # type: ignore[attr-defined]
        return F.batch_norm(rows, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
        """``dx = scale (g - w/n (sum g + x^ sum g x^))``, w the row's count, n numbers in a channel in all.

        The two sums are over all processes; the gradients of weight and bias are those of this process, like those
        of all other parameters.
        """
        rows, weight, counts, total, mean, variance = ctx.saved_tensors  # type: ignore[attr-defined]
        eps: float = ctx.eps  # type: ignore[attr-defined]
        grad = grad.contiguous()
        no_statistics = mean.new_empty(0)  # of the batch; a GPU's operator takes no None
        _, for_weight, for_bias = torch.ops.aten.native_batch_norm_backward(
            grad, rows, weight, mean, variance, no_statistics, no_statistics, False, eps, [False, True, True]
        )
        sum_gx, sum_g = _over_processes(torch.stack([for_weight, for_bias]))
        scale = weight * torch.rsqrt(variance + eps)
        share = -scale / total
        through = F.batch_norm(rows, mean, variance, share * sum_gx, share * sum_g, False, 0.0, eps)
        through *= counts[:, None, None]
        return through.addcmul_(grad, scale[:, None]), for_weight, for_bias, None, None, None, None, None
