"""Losses that methods share."""

import torch
import torch.nn.functional as F
from torch import Tensor


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
