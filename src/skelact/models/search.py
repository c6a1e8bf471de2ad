"""Nearest neighbours of a query: exact, by cosine, in bounded memory."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelact.errors import UserError
from skelact.models.device import best_device

# Similarities are compared on a grid of 2^-30: coarser than the rounding of any order of summation in float64,
# finer than any difference that means something. Grid point and index share one integer, so no two keys are equal.
_GRID = 2**30
_INDEX_BITS = 31
_LAST = 2**_INDEX_BITS - 1


def nearest(
    gallery: NDArray[np.floating],
    queries: NDArray[np.floating],
    k: int,
    *,
    gallery_block: int = 2048,
    query_block: int = 2048,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The ``k`` vectors of the gallery that are most similar to each query.

    Exact, computed in float64 in blocks on the GPU where there is one: beside the result it needs about
    ``8 (gallery_block D + query_block D + 6 gallery_block query_block)`` bytes, however long the inputs are.

    Convention: similarity is the cosine, rounded to a multiple of 2^-30, and 0 where a vector is zero. Of equally
    similar vectors the one with the lower index comes first.

    Args:
        gallery: (N, D) finite; memory-mapped arrays are read block by block.
        queries: (Q, D) finite.
        k: how many neighbours, 1 to N.

    Returns:
        (Q, k) int64 indices into the gallery, most similar first, and (Q, k) float64 similarities in [-1, 1].

    Raises:
        UserError: widths that differ, fewer than ``k`` vectors in the gallery, values that are not finite.
    """
    _check(gallery, queries, k)
    device = best_device()
    best = np.full((len(queries), k), -1, dtype=np.int64)
    for first in range(0, len(gallery), gallery_block):
        block_GD = _unit(gallery[first : first + gallery_block], "gallery", device)
        for start in range(0, len(queries), query_block):
            block_QD = _unit(queries[start : start + query_block], "query", device)
            keys_QG = _keys(block_QD @ block_GD.T, first)
            found_Qk = best[start : start + query_block]
            both = torch.cat([torch.from_numpy(found_Qk).to(device), keys_QG], dim=1)
            found_Qk[:] = both.topk(k, dim=1).values.cpu().numpy()
    return _LAST - (best & _LAST), (best >> _INDEX_BITS) / _GRID - 1.0


def rankings(
    gallery: NDArray[np.floating],
    queries: NDArray[np.floating],
    *,
    gallery_block: int = 2048,
    entries: int = 2**24,
) -> Iterator[tuple[slice, NDArray[np.int64], NDArray[np.float64]]]:
    """The whole gallery in the order of similarity to each query, some queries at a time.

    Exact, with the convention of ``nearest``: its answer is the start of every ranking. Beside the inputs it needs
    about ``48 entries + 8 gallery_block D`` bytes, or 48 bytes per vector of the gallery where that is more.

    Args:
        gallery: (N, D) finite.
        queries: (Q, D) finite.
        gallery_block: vectors of the gallery compared at a time.
        entries: similarities held at a time.

    Yields:
        Which queries, (q, N) int64 indices into the gallery, most similar first, and (q, N) float64 similarities.

    Raises:
        UserError: widths that differ, an empty gallery, values that are not finite.
    """
    _check(gallery, queries, 1)
    device = best_device()
    step = max(1, entries // len(gallery))
    for start in range(0, len(queries), step):
        some = slice(start, min(start + step, len(queries)))
        block_QD = _unit(queries[some], "query", device)
        keys_QN = torch.empty(len(block_QD), len(gallery), dtype=torch.int64, device=device)
        for first in range(0, len(gallery), gallery_block):
            block_GD = _unit(gallery[first : first + gallery_block], "gallery", device)
            keys_QN[:, first : first + len(block_GD)] = _keys(block_QD @ block_GD.T, first)
        ordered = keys_QN.sort(dim=1, descending=True).values.cpu().numpy()
        yield some, _LAST - (ordered & _LAST), (ordered >> _INDEX_BITS) / _GRID - 1.0


def _check(gallery: NDArray[np.floating], queries: NDArray[np.floating], k: int) -> None:
    if gallery.ndim != 2 or queries.ndim != 2 or gallery.shape[1] != queries.shape[1]:
        raise UserError(f"gallery {gallery.shape} and queries {queries.shape} must be tables of the same width")
    if not 1 <= k <= len(gallery):
        raise UserError(f"asked for {k} nearest neighbours in a gallery of {len(gallery)}")


def _unit(vectors: NDArray[np.floating], what: str, device: str) -> Tensor:
    """(B, D) float64 of length 1; zero vectors stay zero."""
    rows = torch.from_numpy(np.array(vectors, dtype=np.float64)).to(device)
    if not torch.isfinite(rows).all():
        raise UserError(f"a {what} vector holds values that are not finite")
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows.div_(torch.where(length > 0, length, 1.0))


def _keys(similarity_QG: Tensor, first: int) -> Tensor:
    """(Q, G) int64 that order by similarity, then by lower index; ``first`` is the index of column 0."""
    grid = similarity_QG.clamp_(-1.0, 1.0).add_(1.0).mul_(_GRID).round_().to(torch.int64)
    index = torch.arange(first, first + grid.shape[1], device=grid.device)
    return grid.bitwise_left_shift_(_INDEX_BITS).add_(_LAST - index)
