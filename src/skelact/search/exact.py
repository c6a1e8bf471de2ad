"""Nearest neighbours by cosine: every vector is looked at, in bounded memory."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skelact.errors import UserError
from skelact.runtime.device import best_device
from skelact.search.index import Neighbours

# Similarities are rounded to a grid, coarser than the rounding of sums, so that equal vectors are equally similar
# wherever they lie. Grid point and row share one integer, so no two keys are equal: the order is always the same.
GRID = 2**20
ROWS = 2**31
RANKED = 2**24  # similarities that are sorted at a time
IN_FLOAT64 = 2**33  # up to so many products of numbers the exact sums cost little


class ExactIndex:
    """Vectors that are all compared with what is asked for.

    Convention: similarity is the cosine, rounded to a multiple of 2^-20, and 0 where a vector is zero; of equally
    similar vectors the one that was added first comes first. Sums are made in float64, or in float32 where vectors
    are float32 and there are very many. Another processor may add up in another order: where a similarity lies
    within that rounding of the middle between two grid points (in float64 about once in 10^9), it may fall on the
    other one, and two neighbours change places.

    Beside its vectors, which are not copied, it needs about ``32 query_block block`` bytes.

    Args:
        block: vectors that are compared at a time.
        query_block: what is asked for at a time.
    """

    def __init__(self, block: int = 2048, query_block: int = 2048) -> None:
        self.block, self.query_block = block, query_block
        self._parts: list[NDArray[np.floating]] = []

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def add(self, vectors: NDArray[np.floating]) -> None:
        """Add vectors (N, D), finite; memory-mapped arrays are read block by block, in every search.

        Raises:
            UserError: no table, or of another width than what is there.
        """
        if vectors.ndim != 2 or (self._parts and vectors.shape[1] != self._parts[0].shape[1]):
            there = f" to vectors of width {self._parts[0].shape[1]}" if self._parts else ""
            raise UserError(f"cannot add vectors {vectors.shape}{there}")
        self._parts.append(vectors)

    def search(self, vectors: NDArray[np.floating], k: int, where: NDArray[np.bool_] | None = None) -> Neighbours:
        """The ``k`` most similar of those that were added.

        Args:
            vectors: (Q, D) finite.
            k: how many, at most as many as there are.
            where: (N,) which of the added vectors may be found; all when None.

        Raises:
            UserError: widths that differ, too few vectors, values that are not finite.
        """
        self._check(vectors, k, where)
        keys = np.empty((len(vectors), k), dtype=np.int64)
        for some, blocks in self._keys(vectors, self.query_block, where):
            best = torch.empty(some.stop - some.start, 0, dtype=torch.int64)
            for block in blocks:
                near = torch.cat([best, block.topk(min(k, block.shape[1])).values.cpu()], dim=1)
                best = near.topk(min(k, near.shape[1])).values
            keys[some] = best.numpy()
        return _neighbours(keys)

    def rankings(self, vectors: NDArray[np.floating]) -> Iterator[tuple[slice, Neighbours]]:
        """All vectors in the order of similarity to each query, some queries at a time, as ``search`` orders them.

        Yields:
            Which queries, and for each of them all that were added.

        Raises:
            UserError: as ``search``.
        """
        self._check(vectors, 1, None)
        step = min(self.query_block, max(1, RANKED // len(self)))
        for some, blocks in self._keys(vectors, step, None):
            yield some, _neighbours(torch.cat(list(blocks), dim=1).sort(descending=True).values.cpu().numpy())

    def _check(self, vectors: NDArray[np.floating], k: int, where: NDArray[np.bool_] | None) -> None:
        shape = (len(self), self._parts[0].shape[1] if self._parts else 0)
        if vectors.ndim != 2 or vectors.shape[1] != shape[1]:
            raise UserError(f"gallery {shape} and queries {vectors.shape} must be tables of the same width")
        if where is not None and where.shape != shape[:1]:
            raise UserError(f"{shape[0]} vectors and {where.shape} of which may be found")
        count = shape[0] if where is None else int(where.sum())
        if not 1 <= k <= count:
            raise UserError(f"asked for {k} nearest neighbours in a gallery of {count}")

    def _keys(
        self, vectors: NDArray[np.floating], step: int, where: NDArray[np.bool_] | None
    ) -> Iterator[tuple[slice, Iterator[Tensor]]]:
        """Some queries at a time, with keys (Q, B) of one block of the added vectors after another."""
        small = len(vectors) * len(self) * vectors.shape[1] <= IN_FLOAT64
        double = small or any(part.dtype == np.float64 for part in (vectors, *self._parts))
        kind = torch.float64 if double else torch.float32
        for start in range(0, len(vectors), step):
            some = slice(start, min(start + step, len(vectors)))
            yield some, self._blocks(_directions(vectors[some], kind, "query"), where)

    def _blocks(self, queries: Tensor, where: NDArray[np.bool_] | None) -> Iterator[Tensor]:
        row = 0
        for part in self._parts:
            for start in range(0, len(part), self.block):
                vectors = _directions(part[start : start + self.block], queries.dtype, "gallery")
                rows = torch.arange(row, row + len(vectors), device=vectors.device)
                keys = (queries @ vectors.T).mul_(GRID).round_().to(torch.int64).mul_(ROWS).sub_(rows)
                if where is not None:
                    hidden = torch.from_numpy(~where[row : row + len(vectors)]).to(keys.device)
                    keys[:, hidden] = torch.iinfo(torch.int64).min
                yield keys
                row += len(vectors)


def nearest(
    gallery: NDArray[np.floating], queries: NDArray[np.floating], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The ``k`` vectors of a gallery that are most similar to each query, as ``ExactIndex`` finds them.

    Args:
        gallery: (N, D) finite.
        queries: (Q, D) finite.
        k: how many neighbours, 1 to N.

    Returns:
        (Q, k) int64 rows of the gallery, most similar first, and (Q, k) float64 similarities.

    Raises:
        UserError: widths that differ, fewer than ``k`` vectors in the gallery, values that are not finite.
    """
    index = ExactIndex()
    index.add(gallery)
    found = index.search(queries, k)
    return found.rows, found.similarity


def _directions(vectors: NDArray[np.floating], kind: torch.dtype, what: str) -> Tensor:
    """(B, D) of length 1, on the device at hand; zero vectors stay zero."""
    rows = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float64)).to(best_device())
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    if not bool(torch.isfinite(lengths).all()):
        raise UserError(f"a {what} vector holds values that are not finite")
    return (rows / torch.where(lengths > 0, lengths, 1.0)).to(kind)


def _neighbours(keys: NDArray[np.int64]) -> Neighbours:
    """Rows and similarities of keys."""
    rows = -keys % ROWS
    return Neighbours(rows, ((keys + rows) // ROWS).clip(-GRID, GRID) / GRID)
