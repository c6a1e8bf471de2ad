"""People who look the same are computed once.

A place where nobody is looks the same in every clip: zeros. One row stands for all clips in which the place is
empty, and is counted as often. This changes no number, only how often it is computed.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

CACHE = 1 << 22  # bytes that are gone through twice at a time on a CPU


@dataclass(frozen=True)
class Distinct:
    """The rows that are computed for a batch of N clips with M places.

    Args:
        rows: (P,) which of the N * M people: all who are present, then one stand-in for each place that is empty
            somewhere.
        place: (N, M) which of the P rows each of them is.
        copies: (k,) for how many people each of the last k rows stands.
    """

    rows: Tensor
    place: Tensor
    copies: Tensor

    def of(self, number: int) -> tuple[Tensor, Tensor]:
        """Of one of the M places: which rows lie there, and which of these each clip has (N,)."""
        mine = (self.rows % self.place.shape[1] == number).nonzero().flatten()
        return mine, torch.searchsorted(mine, self.place[:, number].contiguous())


def distinct_people(present: Tensor) -> Distinct | None:
    """Whom to compute, given who is there, (N, M) bool; None when everybody is."""
    absent = ~present
    empty = absent.any(dim=0).nonzero().flatten()  # places that are empty somewhere
    if not len(empty):
        return None
    there = present.flatten().nonzero().flatten()
    first = absent.to(torch.int8).argmax(dim=0)[empty]  # of each such place, a clip where it is
    stand_in = torch.zeros_like(absent[0], dtype=torch.int64)
    stand_in[empty] = len(there) + torch.arange(len(empty), device=present.device)
    number = (present.flatten().cumsum(dim=0) - 1).view_as(present)
    return Distinct(
        rows=torch.cat([there, first * present.shape[1] + empty]),
        place=torch.where(present, number, stand_in),
        copies=absent.sum(dim=0)[empty],
    )


class PersonBatchNorm(nn.BatchNorm1d):
    """Batch norm over (P, C, ...) in which the last rows may stand for several equal people each."""

    def forward(self, x: Tensor, copies: Tensor | None = None) -> Tensor:
        """Normalise x (P, C, ...); ``copies`` (k,) as in ``Distinct``, everybody once when None.

        With copies the statistics are those of the batch in which these rows are repeated so often.
        """
        rows = x.flatten(2)
        if not self.training:
            statistics = self.running_mean, self.running_var
            return F.batch_norm(rows, *statistics, self.weight, self.bias, False, 0.0, self.eps).view_as(x)
        people = torch.ones(len(rows), device=rows.device, dtype=rows.dtype)
        if copies is not None:
            people[len(rows) - len(copies) :] = copies.to(rows.dtype)
        mean, variance = self._statistics(rows, people)
        normed: Tensor = _CountedNorm.apply(  # type: ignore[no-untyped-call]
            rows, self.weight, self.bias, mean, variance, people, self.eps
        )
        return normed.view_as(x)

    @torch.no_grad()
    def _statistics(self, rows: Tensor, people: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and (biased) variance (C,) over everybody; the running statistics follow them."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        count = people.sum() * rows.shape[2]
        mean = people @ rows.sum(dim=2) / count
        variance = people @ _squares(rows, mean) / count
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        return mean, variance


def _squares(rows: Tensor, mean: Tensor) -> Tensor:
    """Sums of squared distances from the mean, (P, C); some rows at a time, so that they stay in the cache."""
    step = max(1, CACHE // (rows[0].numel() * rows.element_size())) if rows.device.type == "cpu" else len(rows)
    parts = (rows[start : start + step] - mean[:, None] for start in range(0, len(rows), step))
    return torch.cat([torch.linalg.vector_norm(part, dim=2) for part in parts]).square_()


class _CountedNorm(torch.autograd.Function):
    """Batch norm by given statistics of rows of which the last count several times."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        rows: Tensor,
        gain: Tensor,
        shift: Tensor,
        mean: Tensor,
        var: Tensor,
        people: Tensor,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(rows, gain, mean, var, people)
        ctx.eps = eps  # type: ignore[attr-defined]
        return F.batch_norm(rows, mean, var, gain, shift, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
        """``dx = scale (g - w/n (sum g + x^ sum g x^))``, w people in the row of n numbers in all."""
        rows, gain, mean, var, people = ctx.saved_tensors  # type: ignore[attr-defined]
        eps: float = ctx.eps  # type: ignore[attr-defined]
        grad = grad.contiguous()
        _, for_gain, for_shift = torch.ops.aten.native_batch_norm_backward(
            grad, rows, gain, mean, var, None, None, False, eps, [False, True, True]
        )
        scale = gain * torch.rsqrt(var + eps)
        share = -scale / (people.sum() * rows.shape[2])
        through = F.batch_norm(rows, mean, var, share * for_gain, share * for_shift, False, 0.0, eps)
        repeated = (people != 1).nonzero().flatten()
        if len(repeated):
            through[repeated] *= people[repeated, None, None]
        return through.addcmul_(grad, scale[:, None]), for_gain, for_shift, None, None, None, None
