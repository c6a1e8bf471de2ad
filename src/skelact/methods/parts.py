"""Parts that methods share: contrastive loss, queue, momentum encoder, projector."""

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def info_nce(
    query: Tensor, key: Tensor, negatives: Tensor, temperature: float, among_batch: bool = False
) -> Tensor:
    """Contrastive loss: each query against its own key and the negatives, mean over the batch.

    ``-log( exp(q.k / t) / (exp(q.k / t) + sum_j exp(q.n_j / t)) )``

    Args:
        query: (N, D), unit length.
        key: (N, D), unit length; no gradient flows into it.
        negatives: (K, D), unit length; K may be 0.
        temperature: t > 0.
        among_batch: the keys of the other clips of the batch are negatives too.

    Source: van den Oord et al. 2018, eq. 4; SCD-Net, sec. "Loss".
    """
    key = key.detach()
    place = torch.arange(len(query), device=query.device)
    with torch.autocast(query.device.type, enabled=False):  # a temperature makes small errors large
        if among_batch:
            own = query @ key.T
        else:
            own, place = (query * key).sum(dim=1, keepdim=True), torch.zeros_like(place)
        logits = torch.cat([own, query @ negatives.T], dim=1) / temperature
        return F.cross_entropy(logits, place)


def unit_length(x: Tensor) -> Tensor:
    """(N, D) divided by their lengths; float32 at least."""
    return F.normalize(x.float() if x.dtype == torch.bfloat16 else x, dim=1)


class Queue(nn.Module):
    """The latest keys, (K, D) of unit length; starts with random directions. The batch need not divide K."""

    keys: Tensor
    next: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer("keys", F.normalize(torch.randn(size, width), dim=1))
        self.register_buffer("next", torch.zeros(1, dtype=torch.int64))

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Overwrite the oldest keys by ``keys`` (N, D); of more than K only the last K stay."""
        size = len(self.keys)
        keys = keys[-size:]
        place = (self.next + torch.arange(len(keys), device=keys.device)) % size
        self.keys[place] = keys.to(self.keys.dtype)
        self.next.copy_((self.next + len(keys)) % size)


def momentum_copy(module: Module) -> Module:
    """A copy that no gradient reaches, to be moved by ``follow``."""
    twin = copy.deepcopy(module)
    for parameter in twin.parameters():
        parameter.requires_grad_(False)
    return twin


@torch.no_grad()
def follow(twin: nn.Module, module: nn.Module, momentum: float) -> None:
    """Move every parameter of the twin: ``momentum * own + (1 - momentum) * module's``. Buffers stay."""
    targets: list[Tensor] = list(twin.parameters())
    sources: list[Tensor] = list(module.parameters())
    torch._foreach_lerp_(targets, sources, 1.0 - momentum)


def projector(width_in: int, hidden: int, width_out: int, norm: bool = False) -> nn.Sequential:
    """Linear, ReLU, linear; with ``norm`` a batch norm after each linear layer, the last one without gain.

    Features that are a maximum have a large common part, and without a norm it takes many steps until the
    projections of different clips point in different directions. Source: Chen et al., ICML 2020, sec. B.9.
    """
    first, second = nn.Linear(width_in, hidden), nn.Linear(hidden, width_out)
    if not norm:
        return nn.Sequential(first, nn.ReLU(), second)
    return nn.Sequential(first, nn.BatchNorm1d(hidden), nn.ReLU(), second, nn.BatchNorm1d(width_out, affine=False))
