"""Identities of people from frame to frame, where a recorder gives none."""

import numpy as np
from numpy.typing import NDArray

REMEMBERED = 30  # frames after which a lost person is forgotten


def follow(frames: list[NDArray[np.floating]]) -> list[list[int]]:
    """Identities of the people in each frame: nearest first, between one frame and the next.

    The centroids of a frame are assigned to those last seen so that the sum of distances is smallest. A person
    never moves farther than their own size between two frames; beyond that it is a new person.

    Args:
        frames: of each frame (P, V, C), NaN where a joint was not observed; P differs and may be 0.

    Returns:
        For each frame P numbers, counted from 0 in the order of appearance.

    Example:
        >>> here, there = np.zeros((1, 3, 2)), np.full((1, 3, 2), 9.0)
        >>> follow([np.concatenate([here, there]), np.concatenate([there, here])])
        [[0, 1], [1, 0]]
    """
    from scipy.optimize import linear_sum_assignment

    last: dict[int, tuple[int, NDArray[np.floating], float]] = {}  # identity -> frame, centroid, size
    found: list[list[int]] = []
    count = 0
    for number, people in enumerate(frames):
        last = {one: seen for one, seen in last.items() if number - seen[0] <= REMEMBERED}
        centres, sizes = _centres(people), _sizes(people)
        identities = [-1] * len(people)
        if last and len(people):
            known = list(last)
            apart = np.stack([np.linalg.norm(centres - last[one][1], axis=1) for one in known])
            far = np.stack([np.maximum(sizes, last[one][2]) * (number - last[one][0]) for one in known])
            cost = np.where(apart <= far, apart, 1e6 * (1 + apart.max()))
            rows, places = (one.tolist() for one in linear_sum_assignment(cost))
            for row, place in zip(rows, places, strict=True):
                if apart[row, place] <= far[row, place]:
                    identities[place] = known[row]
        for place, identity in enumerate(identities):
            if identity < 0:
                identities[place], count = count, count + 1
            last[identities[place]] = (number, centres[place], float(sizes[place]))
        found.append(identities)
    return found


def places_of(identities: list[list[int]]) -> list[list[int]]:
    """A place for each person of each frame. A person keeps it from first to last frame; then it is free again.

    Args:
        identities: of each frame, no number twice in a frame.

    Example:
        >>> places_of([[7, 8], [8], [8, 9]])  # 9 takes the place that 7 left
        [[0, 1], [1], [1, 0]]
    """
    end = {one: number for number, frame in enumerate(identities) for one in frame}
    place: dict[int, int] = {}
    busy: dict[int, int] = {}  # place -> last frame in which it is taken
    found = []
    for number, frame in enumerate(identities):
        for one in frame:
            if one not in place:
                free = (slot for slot in range(len(busy) + 1) if busy.get(slot, -1) < number)
                place[one] = next(free)
                busy[place[one]] = end[one]
        found.append([place[one] for one in frame])
    return found


def _centres(people: NDArray[np.floating]) -> NDArray[np.floating]:
    """(P, C) mean of the observed joints."""
    seen = ~np.isnan(people[..., 0])
    total = np.nan_to_num(people).sum(axis=1)
    mean: NDArray[np.floating] = total / np.maximum(seen.sum(axis=1), 1)[:, None]
    return mean


def _sizes(people: NDArray[np.floating]) -> NDArray[np.floating]:
    """(P,) diagonal of the box around the observed joints."""
    low = np.where(np.isnan(people), np.inf, people).min(axis=1)
    high = np.where(np.isnan(people), -np.inf, people).max(axis=1)
    size: NDArray[np.floating] = np.linalg.norm(np.where(high >= low, high - low, 0.0), axis=1)
    return size
