"""Nearest neighbours of a query: exact, by cosine, in bounded memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelact.errors import UserError
from skelact.runtime.device import best_device

# Similarities are compared on a grid of 2^-30: coarser than the rounding of any order of summation in float64,
# finer than any difference that means something. Grid point and index share one integer, so no two keys are equal.
_GRID = 2**30
_INDEX_BITS = 31
_LAST = 2**_INDEX_BITS - 1

_Table = tuple[NDArray[np.floating], NDArray[np.float64]]  # vectors and their lengths

_SPARE = 7  # candidates beyond k that float32 offers to float64
_TERMS = 512  # that float32 adds up at once: bounds its error
_REFINED = 2**21  # numbers in the candidates that are compared at a time


def nearest(
    gallery: NDArray[np.floating],
    queries: NDArray[np.floating],
    k: int,
    *,
    gallery_block: int = 4096,
    query_block: int = 2048,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The ``k`` vectors of the gallery that are most similar to each query.

    Exact: similarities are those of float64. Float32, on the GPU where there is one, finds a few candidates more
    than are asked for; where its largest possible error leaves no doubt that the answer is among them, float64
    compares these alone, otherwise the whole gallery. Works in blocks: beside the result it needs about
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
    blocks = gallery_block, query_block
    known, asked = _lengths(gallery, "gallery", gallery_block), _lengths(queries, "query", query_block)
    keys = np.empty((len(queries), k), dtype=np.int64)
    found, similarity = _candidates((gallery, known), (queries, asked), min(k + _SPARE, len(gallery)), *blocks)
    # nothing outside the candidates is above their last one, in float32
    beyond = similarity[:, k - 1] - similarity[:, -1]
    every = found.shape[1] == len(gallery)
    sure = np.isfinite(beyond) if every else beyond > _doubt(gallery.shape[1])
    places = np.flatnonzero(sure)
    keys[places] = _refined((gallery, known), (queries, asked), places, found[places], similarity[places], k)
    doubtful = np.flatnonzero(~sure)
    if len(doubtful):
        keys[doubtful] = _compared((gallery, known), (queries[doubtful], asked[doubtful]), k, *blocks)
    return _LAST - (keys & _LAST), (keys >> _INDEX_BITS) / _GRID - 1.0


def _doubt(width: int) -> float:
    """How far apart two similarities of ``_candidates`` may be that float64 could order otherwise.

    Adding n products up in any order is off by at most n u of the sum of their sizes, which is at most 1 here; u
    is the unit roundoff of float32. Rounding the vectors adds a few more. Both may be off, and nothing may fall on
    the same grid point.

    Source: Higham, "Accuracy and Stability of Numerical Algorithms", 2002, sec. 3.1.
    """
    terms = min(width, _TERMS) + -(-width // _TERMS) + 8
    return 2 * (1.01 * terms * 2.0**-24 + 1 / _GRID)


def _candidates(
    gallery: _Table, queries: _Table, count: int, gallery_block: int, query_block: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(Q, count) the most similar of the gallery by float32, best first, and their similarities."""
    asked = len(queries[0])
    best = torch.full((asked, count), -torch.inf)
    index = torch.zeros((asked, count), dtype=torch.int64)
    for first in range(0, len(gallery[0]), gallery_block):
        block_GD = _unit(gallery, slice(first, first + gallery_block), torch.float32)
        for start in range(0, asked, query_block):
            some = slice(start, start + query_block)
            block_QD = _unit(queries, some, torch.float32)
            similarity = _products(block_QD, block_GD)
            value, place = similarity.topk(min(count, len(block_GD)), dim=1)
            values, places = (
                torch.cat([best[some], value.cpu()], 1),
                torch.cat([index[some], first + place.cpu()], 1),
            )
            best[some], order = values.topk(count, dim=1)
            index[some] = places.gather(1, order)
    return index.numpy(), best.numpy()


def _products(queries_QD: Tensor, gallery_GD: Tensor) -> Tensor:
    """(Q, G) products of vectors, in float32 at most ``_TERMS`` terms added up at once."""
    queries: Any = queries_QD
    gallery: Any = gallery_GD
    if not queries_QD.is_cuda:  # numpy's products are faster than torch's on AMD
        queries, gallery = queries_QD.numpy(), gallery_GD.numpy()
    width = queries.shape[1]
    terms = _TERMS if queries_QD.dtype is torch.float32 else width
    sums = queries[:, :terms] @ gallery[:, :terms].T
    for start in range(terms, width, terms):
        sums += queries[:, start : start + terms] @ gallery[:, start : start + terms].T
    return torch.as_tensor(sums)


def _refined(
    gallery: _Table,
    queries: _Table,
    places: NDArray[np.int64],
    candidates: NDArray[np.int64],
    similarity: NDArray[np.float32],
    k: int,
) -> NDArray[np.int64]:
    """(P, k) the highest keys of some queries, in float64.

    Args:
        gallery: all of it.
        queries: all of them.
        places: (P,) which.
        candidates: (P, c) of each, best first.
        similarity: (P, c) theirs in float32; those that are surely behind k others are left out.
        k: how many.
    """
    device = best_device()
    near = similarity >= similarity[:, k - 1 : k] - _doubt(gallery[0].shape[1])
    row, column = near.nonzero()
    keys = torch.full(candidates.shape, -1, dtype=torch.int64)
    step = max(1, _REFINED // gallery[0].shape[1])
    for start in range(0, len(row), step):
        some = slice(start, start + step)
        query, index = places[row[some]], candidates[row[some], column[some]]
        pairs = (
            torch.from_numpy(table[which]).to(device).double()
            for table, which in ((gallery[0], index), (queries[0], query))
        )
        products = torch.linalg.vecdot(*pairs).cpu().numpy()
        cosines = torch.from_numpy(products * _inverse(gallery[1][index]) * _inverse(queries[1][query]))
        keys[row[some], column[some]] = _keys(cosines, torch.from_numpy(index))
    found: NDArray[np.int64] = keys.topk(k).values.numpy()
    return found


def _compared(gallery: _Table, queries: _Table, k: int, gallery_block: int, query_block: int) -> NDArray[np.int64]:
    """(Q, k) the highest keys of the whole gallery, all in float64."""
    best = np.full((len(queries[0]), k), -1, dtype=np.int64)
    for first in range(0, len(gallery[0]), gallery_block):
        block_GD = _unit(gallery, slice(first, first + gallery_block), torch.float64)
        index = torch.arange(first, first + len(block_GD), device=block_GD.device)
        for start in range(0, len(best), query_block):
            some = slice(start, start + query_block)
            keys_QG = _keys(_products(_unit(queries, some, torch.float64), block_GD), index)
            both = torch.cat([torch.from_numpy(best[some]).to(keys_QG.device), keys_QG], dim=1)
            best[some] = both.topk(k, dim=1).values.cpu().numpy()
    return best


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
    known = gallery, _lengths(gallery, "gallery", gallery_block)
    asked = queries, _lengths(queries, "query", gallery_block)
    step = max(1, entries // len(gallery))
    for start in range(0, len(queries), step):
        some = slice(start, min(start + step, len(queries)))
        block_QD = _unit(asked, some, torch.float64)
        keys_QN = torch.empty(len(block_QD), len(gallery), dtype=torch.int64, device=block_QD.device)
        for first in range(0, len(gallery), gallery_block):
            block_GD = _unit(known, slice(first, first + gallery_block), torch.float64)
            index = torch.arange(first, first + len(block_GD), device=block_GD.device)
            keys_QN[:, first : first + len(block_GD)] = _keys(_products(block_QD, block_GD), index)
        ordered = keys_QN.sort(dim=1, descending=True).values
        index = (ordered & _LAST).neg_().add_(_LAST)
        similarity = ordered.bitwise_right_shift_(_INDEX_BITS).double().div_(_GRID).sub_(1.0)
        yield some, index.cpu().numpy(), similarity.cpu().numpy()


def _check(gallery: NDArray[np.floating], queries: NDArray[np.floating], k: int) -> None:
    if gallery.ndim != 2 or queries.ndim != 2 or gallery.shape[1] != queries.shape[1]:
        raise UserError(f"gallery {gallery.shape} and queries {queries.shape} must be tables of the same width")
    if not 1 <= k <= len(gallery):
        raise UserError(f"asked for {k} nearest neighbours in a gallery of {len(gallery)}")


def _lengths(vectors: NDArray[np.floating], what: str, block: int) -> NDArray[np.float64]:
    """(B,) lengths, in float64."""
    device = best_device()
    out = np.empty(len(vectors))
    for start in range(0, len(vectors), block):
        rows = torch.from_numpy(np.ascontiguousarray(vectors[start : start + block])).to(device)
        out[start : start + block] = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).cpu().numpy()
    if not np.isfinite(out).all():
        raise UserError(f"a {what} vector holds values that are not finite")
    return out


def _inverse(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / length; 0 for zero vectors, which stay zero."""
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def _unit(table: _Table, some: slice, kind: torch.dtype) -> Tensor:
    """(B, D) of length 1; zero vectors stay zero."""
    vectors, lengths = table
    # float32 may not hold wider vectors before they are scaled
    before = np.float32 if kind is torch.float32 and vectors.dtype.itemsize <= 4 else np.float64
    rows = torch.from_numpy(np.array(vectors[some], dtype=before)).to(best_device())
    return rows.mul_(torch.from_numpy(_inverse(lengths[some])).to(rows)[:, None]).to(kind)


def _keys(similarity_QG: Tensor, index: Tensor) -> Tensor:
    """(Q, G) int64 that order by similarity, then by lower index in the gallery."""
    grid = similarity_QG.clamp_(-1.0, 1.0).add_(1.0).mul_(_GRID).round_().to(torch.int64)
    return grid.bitwise_left_shift_(_INDEX_BITS).add_(_LAST - index)
