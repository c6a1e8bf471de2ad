"""Directions and turns that several steps need."""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from skelact.sequences.sequence import Sequence

STEADY_ROUNDS = 4  # rounds of the geometric median; more change the heading by less than 0.1 degrees


def up_direction(sequence: Sequence) -> NDArray[np.float64]:
    """(3,) unit vector against gravity."""
    up = np.zeros(3)
    up["xyz".index(sequence.up[1])] = 1.0 if sequence.up[0] == "+" else -1.0
    return up


def trunk_vectors(sequence: Sequence) -> NDArray[np.float64]:
    """(frames seen, 3) from the middle of the hips to the middle of the shoulders of the main person."""
    shoulders, hips = (list(pair) for pair in sequence.skeleton.across)
    person = sequence.positions[:, 0].astype(np.float64)
    trunk = person[:, shoulders].mean(axis=1) - person[:, hips].mean(axis=1)
    return np.asarray(trunk[~np.isnan(trunk[:, 0])])


def right_side_vectors(sequence: Sequence) -> NDArray[np.float64]:
    """(frames seen, 3) right minus left of the main person, averaged over shoulders and hips."""
    right, left = np.array(sequence.skeleton.across).T
    person = sequence.positions[:, 0].astype(np.float64)
    across = person[:, right] - person[:, left]  # (T, pairs, 3)
    known = ~np.isnan(across[..., :1])
    total = np.where(known, across, 0.0).sum(axis=1)
    return np.asarray((total / np.maximum(known.sum(axis=1), 1))[known.any(axis=(1, 2))])


def steady_direction(vectors: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Unit vector along the geometric median of the directions of ``vectors`` (K, 2); None when there is none."""
    lengths = _lengths(vectors)
    directions = vectors[lengths > 1e-6] / lengths[lengths > 1e-6, None]
    if len(directions) == 0:
        return None
    middle = directions.mean(axis=0)
    for _ in range(STEADY_ROUNDS):
        weight = 1.0 / np.maximum(_lengths(directions - middle), 1e-3)
        middle = (weight[:, None] * directions).sum(axis=0) / weight.sum()
    length = float(np.linalg.norm(middle))
    return np.asarray(middle / length) if length > 1e-6 else directions[0]


def _lengths(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) of (K, C): as ``np.linalg.norm`` gives it, which is slow over a short axis."""
    squares = (vectors * vectors).T
    total = squares[0]
    for square in squares[1:]:
        total = total + square
    return np.asarray(np.sqrt(total))


def shortest_turn(vector: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) the rotation by the smallest angle that takes the direction of ``vector`` to the unit ``target``.

    No turn where the vector is unknown or has no length, or points along the target or against it already.
    """
    x, y, z = vector.tolist()
    u, v, w = target.tolist()
    length = math.sqrt(
        x * x + y * y + z * z
    )  # with three numbers a call of numpy takes longer than the arithmetic
    if not math.isfinite(length) or length < 1e-6:
        return np.eye(3)
    x, y, z = x / length, y / length, z / length
    axis = cross((x, y, z), (u, v, w))
    sine, cosine = math.sqrt(sum(part * part for part in axis)), x * u + y * v + z * w
    if sine < 1e-6:
        return np.eye(3)
    x, y, z = (part / sine for part in axis)
    versed = 1 - cosine
    return np.array(
        [
            [cosine + versed * x * x, versed * x * y - sine * z, versed * x * z + sine * y],
            [versed * x * y + sine * z, cosine + versed * y * y, versed * y * z - sine * x],
            [versed * x * z - sine * y, versed * y * z + sine * x, cosine + versed * z * z],
        ]
    )


def cross(one: Iterable[float], other: Iterable[float]) -> tuple[float, float, float]:
    """The vector product, in plain numbers."""
    (x, y, z), (u, v, w) = one, other
    return y * w - z * v, z * u - x * w, x * v - y * u
