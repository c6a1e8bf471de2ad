"""People who look the same are computed once.

A place where nobody is looks the same in every clip: zeros. One row stands for all clips in which the place is
empty, and is counted as often. This changes no number, only how often it is computed.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from skelact.batches.batch import send_small
from skelact.layers.kernels.graph import CompiledNorm, usable

CACHE = 1 << 22  # bytes that are gone through twice at a time on a CPU


@dataclass(frozen=True)
class Distinct:
    """The rows that are computed for a batch of N clips with M places.

    Args:
        rows: (P,) which of the N * M people: all who are present, then one stand-in for each place that is empty
            somewhere.
        place: (N, M) which of the P rows each of them is.
        copies: (k,) for how many people each of the last k rows stands.
        by_place: for each of the M places, which of the P rows lie there, and which of these each clip has (N,).
    """

    rows: Tensor
    place: Tensor
    copies: Tensor
    by_place: tuple[tuple[Tensor, Tensor], ...]


def distinct_people(there: Tensor, device: torch.device) -> Distinct | None:
    """Whom to compute on a device, given who is there, (N, M) bool; None when everybody is.

    All of it is reckoned where ``there`` is, on the CPU, and sent to the device at once.
    """
    clips, persons = there.shape
    absent = ~there
    empty = absent.any(dim=0).nonzero().flatten()  # places that are empty somewhere
    if not len(empty):
        return None
    present = there.flatten().nonzero().flatten()
    first = absent.to(torch.int8).argmax(dim=0)[empty]  # of each such place, a clip where it is
    stand_in = torch.zeros_like(absent[0], dtype=torch.int64)
    stand_in[empty] = len(present) + torch.arange(len(empty))
    rows = torch.cat([present, first * persons + empty])
    number = (there.flatten().cumsum(dim=0) - 1).view_as(there)
    place = torch.where(there, number, stand_in)
    at = [(rows % persons == which).nonzero().flatten() for which in range(persons)]
    has = [torch.searchsorted(mine, place[:, which].contiguous()) for which, mine in enumerate(at)]
    parts = [rows, place.flatten(), absent.sum(dim=0)[empty], *at, *has]
    sent = torch.split(send_small(torch.cat(parts), device), [len(part) for part in parts])
    rows, place, copies, *others = sent
    return Distinct(
        rows, place.view(clips, persons), copies, tuple(zip(others[:persons], others[persons:], strict=True))
    )


class PersonBatchNorm(nn.BatchNorm1d):
    """Batch norm over (P, C, ...) in which the last rows may stand for several equal people each."""

    def forward(self, x: Tensor, copies: Tensor | None = None) -> Tensor:
        """Normalise x (P, C, ...); ``copies`` (k,) as in ``Distinct``, everybody once when None.

        With copies the statistics are those of the batch in which these rows are repeated so often. What comes in
        bfloat16 leaves in float32, which sums over a batch need.
        """
        return self._computed(x, copies, None, rectify=False)

    def rectified(self, x: Tensor, copies: Tensor | None, residual: Tensor | None) -> Tensor:
        """What is positive of x (P, C, ...) normalised and a residual (P, C, ...), if there is one.

        Compiled, x may have more channels than the norm; those are not normalised.
        """
        return self._computed(x, copies, residual, rectify=True)

    def _computed(self, x: Tensor, copies: Tensor | None, residual: Tensor | None, rectify: bool) -> Tensor:
        """Compiled where that is at hand, by torch elsewhere."""
        with torch.autocast(x.device.type, enabled=False):
            rows = (x.float() if x.dtype == torch.bfloat16 else x).flatten(2)
            if self.training and usable(rows):
                other = None if residual is None else residual.flatten(2)
                return self._compiled(rows, copies, other, rectify).view_as(x)
            normed = self._normed(rows, copies).view_as(x)
            return rectified_sum(normed, residual) if rectify else normed

    def _compiled(self, rows: Tensor, copies: Tensor | None, residual: Tensor | None, rectify: bool) -> Tensor:
        people = _counts(rows, copies)
        normed, mean, variance = CompiledNorm.apply(  # type: ignore[no-untyped-call]
            rows, self.weight, self.bias, people, residual, rectify, self.eps
        )
        self._follow(mean, variance, people.sum() * rows.shape[2])
        return normed  # type: ignore[no-any-return]

    def _normed(self, rows: Tensor, copies: Tensor | None) -> Tensor:
        if not self.training:
            statistics = self.running_mean, self.running_var
            return F.batch_norm(rows, *statistics, self.weight, self.bias, False, 0.0, self.eps)
        people = _counts(rows, copies)
        mean, variance = self._statistics(rows, people)
        several = 0 if copies is None else len(copies)
        normed: Tensor = _CountedNorm.apply(  # type: ignore[no-untyped-call]
            rows, self.weight, self.bias, mean, variance, people, several, self.eps
        )
        return normed

    @torch.no_grad()
    def _statistics(self, rows: Tensor, people: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and (biased) variance (C,) over everybody; the running statistics follow them."""
        count = people.sum() * rows.shape[2]
        mean = people @ rows.sum(dim=2) / count
        variance = people @ _squares(rows, mean) / count
        self._follow(mean, variance, count)
        return mean, variance

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """The running statistics follow those of a batch."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


def rectified_sum(x: Tensor, residual: Tensor | None) -> Tensor:
    """What is positive of x and a residual, if there is one, written over x: nobody else has seen it."""
    return F.relu_(x if residual is None else x.add_(residual))


def _counts(rows: Tensor, copies: Tensor | None) -> Tensor:
    """For how many people each row stands, (P,)."""
    people = torch.ones(len(rows), device=rows.device, dtype=rows.dtype)
    if copies is not None:
        people[len(rows) - len(copies) :] = copies.to(rows.dtype)
    return people


def _squares(rows: Tensor, mean: Tensor) -> Tensor:
    """Sums of squared distances from the mean, (P, C); some rows at a time, so that they stay in the cache."""
    step = max(1, CACHE // (rows[0].numel() * rows.element_size())) if rows.device.type == "cpu" else len(rows)
    parts = (rows[start : start + step] - mean[:, None] for start in range(0, len(rows), step))
    return torch.cat([torch.linalg.vector_norm(part, dim=2) for part in parts]).square_()


class _CountedNorm(torch.autograd.Function):
    """Batch norm by given statistics of rows of which the last, ``several``, may count several times."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        rows: Tensor,
        gain: Tensor,
        shift: Tensor,
        mean: Tensor,
        var: Tensor,
        people: Tensor,
        several: int,
        eps: float,
    ) -> Tensor:
        ctx.save_for_backward(rows, gain, mean, var, people)
        ctx.several, ctx.eps = several, eps  # type: ignore[attr-defined]
        return F.batch_norm(rows, mean, var, gain, shift, False, 0.0, eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
        """``dx = scale (g - w/n (sum g + x^ sum g x^))``, w people in the row of n numbers in all."""
        rows, gain, mean, var, people = ctx.saved_tensors  # type: ignore[attr-defined]
        several: int = ctx.several  # type: ignore[attr-defined]
        eps: float = ctx.eps  # type: ignore[attr-defined]
        grad = grad.contiguous()
        no_statistics = mean.new_empty(0)  # of the batch; a GPU's operator takes no None
        _, for_gain, for_shift = torch.ops.aten.native_batch_norm_backward(
            grad, rows, gain, mean, var, no_statistics, no_statistics, False, eps, [False, True, True]
        )
        scale = gain * torch.rsqrt(var + eps)
        share = -scale / (people.sum() * rows.shape[2])
        through = F.batch_norm(rows, mean, var, share * for_gain, share * for_shift, False, 0.0, eps)
        if several:
            through[-several:] *= people[-several:, None, None]
        return through.addcmul_(grad, scale[:, None]), for_gain, for_shift, None, None, None, None, None
