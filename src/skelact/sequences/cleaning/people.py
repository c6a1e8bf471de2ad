"""Cleaning: which people are kept, and in which place."""

import numpy as np
from numpy.typing import NDArray

from skelact.sequences.cleaning.step import with_step
from skelact.sequences.sequence import Sequence


def keep_people(sequence: Sequence, persons: int) -> Sequence:
    """Keep the people who move most, the liveliest first.

    Where the recorder gave identities, the places are sorted by them first, so that a person stays in one place;
    an identity that appears where another was last seen goes on as that one.
    How much a person moves is the spread of each joint over the frames in which it was observed, times the share
    of such frames: a chair stands still, a glitch is short.
    """
    positions, confidence = sequence.positions, sequence.confidence
    if sequence.track is not None and not _in_their_places(sequence, sequence.track):
        track = _linked(positions, sequence.track)
        positions = _by_track(positions, track, np.nan)
        confidence = None if confidence is None else _by_track(confidence, track, 0.0)
    observed = ~np.isnan(positions[..., 0])  # (T, M, V)
    people = np.flatnonzero(observed.any(axis=(0, 2)))
    if len(people) > 1:
        liveliness = _liveliness(positions[:, people], observed[:, people])
        people = people[np.argsort(-liveliness, kind="stable")][:persons]
    return with_step(
        sequence,
        positions[:, people],
        f"keep_people(persons={persons})",
        confidence=None if confidence is None else confidence[:, people],
        track=None,
    )


def _in_their_places(sequence: Sequence, track: NDArray[np.int64]) -> bool:
    """Whether everyone was observed in every frame, each in one place."""
    alone = len(set(track[0].tolist()) - {-1}) == track.shape[1]
    return alone and bool((track == track[0]).all() and sequence.valid.any(axis=2).all())


def _linked(positions: NDArray[np.float32], track: NDArray[np.int64]) -> NDArray[np.int64]:
    """(T, M) identities in which a person who was lost and found again close by is the same.

    Close by is within the size of the body: the root mean square distance of its joints from their mean.
    """
    linked = track.copy()
    ends: dict[int, tuple[int, NDArray[np.float32]]] = {}  # where each identity was last seen: frame, place
    present = (track >= 0) & ~np.isnan(positions[..., 0]).all(axis=2)
    identities, first = np.unique(track, return_index=True)
    where = {one: np.nonzero((track == one) & present) for one in identities[np.argsort(first)].tolist()}
    where = {one: (frame, slot) for one, (frame, slot) in where.items() if len(frame)}
    found, lost = ([int(frame[at]) for frame, _ in where.values()] for at in (0, -1))
    if max(found, default=0) <= min(lost, default=0):
        return linked  # no identity was found after another was lost
    for identity, (frame, slot) in where.items():
        start, end = positions[frame[0], slot[0]], positions[frame[-1], slot[-1]]
        place = np.nanmean(start, axis=0)
        size = np.sqrt(np.nanvar(start, axis=0).sum())
        apart = {
            other: float(np.linalg.norm(there - place))
            for other, (last, there) in ends.items()
            if last < frame[0] and np.linalg.norm(there - place) < size
        }
        same = min(apart, key=lambda other: apart[other]) if apart else identity
        linked[frame, slot] = same
        ends[same] = (int(frame[-1]), np.nanmean(end, axis=0))
    return linked


def _by_track(values: NDArray[np.float32], track: NDArray[np.int64], missing: float) -> NDArray[np.float32]:
    """(T, K, ...) one place for each of the K identities of ``track`` (T, M), in the order they appear."""
    identities, first, place = np.unique(track, return_index=True, return_inverse=True)
    order = np.argsort(first[identities >= 0], kind="stable")
    rank = np.full(len(identities), -1)
    rank[np.flatnonzero(identities >= 0)[order]] = np.arange(len(order))
    target = rank[place.reshape(track.shape)]
    frame, slot = np.nonzero(target >= 0)
    sorted_ = np.full((len(values), max(len(order), 1), *values.shape[2:]), missing, dtype=np.float32)
    sorted_[frame, target[frame, slot]] = values[frame, slot]
    return sorted_


def _liveliness(positions: NDArray[np.float32], observed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(M,) spread of the joints over time, averaged over joints, times the share of observed frames."""
    weight = observed[..., None]
    count = np.maximum(weight.sum(axis=0), 1)  # (M, V, 1)
    filled = np.where(weight, positions, 0.0)
    mean = filled.sum(axis=0) / count
    variance = (np.where(weight, positions - mean, 0.0) ** 2).sum(axis=0) / count
    spread = np.sqrt(variance).sum(axis=-1).mean(axis=-1)
    present: NDArray[np.float64] = observed.any(axis=2).mean(axis=0)
    return np.asarray(spread * present, dtype=np.float64)


def keep_widest(sequence: Sequence) -> Sequence:
    """Of the first four places, keep the two of the widest spread, the widest first.

    Spread is the standard deviation of x, plus that of y and of z, over all joints of all frames in which the
    place is taken; a joint that was not observed counts as 0 in it.

    Source: SCD-Net, sec. "Data", the selection of bodies in NTU RGB+D.
    """
    kept = widest_places(sequence)
    confidence = None if sequence.confidence is None else sequence.confidence[:, kept]
    return with_step(sequence, sequence.positions[:, kept], "keep_widest()", confidence=confidence, track=None)


def widest_places(sequence: Sequence) -> NDArray[np.int64]:
    """Which places ``keep_widest`` keeps."""
    present = np.asarray(sequence.valid[:, :4].any(axis=2))
    taken = np.flatnonzero(present.any(axis=0))
    if len(taken) < 2:
        return taken
    spread = []
    for place in taken.tolist():
        planes = coordinate_planes(sequence.positions[present[:, place], place]).reshape(3, -1)
        planes[np.isnan(planes)] = 0.0
        planes -= planes.mean(axis=1, keepdims=True)
        spread.append(np.sqrt(np.einsum("cn,cn->c", planes, planes) / planes.shape[1]).sum())
    return taken[np.argsort(-np.array(spread), kind="stable")[:2]]


def coordinate_planes(positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """(C, ...) of (..., C): numpy is faster along many numbers than along three."""
    planes = np.empty((positions.shape[-1], *positions.shape[:-1]))
    for coordinate, plane in enumerate(planes):
        plane[...] = positions[..., coordinate]
    return planes
