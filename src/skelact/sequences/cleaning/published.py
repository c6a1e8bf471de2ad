"""Cleaning as it was published, for comparison with published numbers."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.sequences.cleaning.geometry import shortest_turn
from skelact.sequences.cleaning.people import coordinate_planes, widest_places
from skelact.sequences.sequence import Sequence


def ntu_agcn(sequence: Sequence) -> Sequence:
    """The published preprocessing of NTU RGB+D, for comparison with published numbers.

    The two places of the widest spread are kept; a person missing at the start is moved to it, and one who
    leaves before the end starts over; the first person's joint 1 is the origin in every frame; the first frame
    is turned so that the spine (joint 0 to 1) points along +z, then so that joint 8 minus joint 4, across the
    shoulders, points along +x. That last turn is the shortest one, so it may tilt the spine again. Clips keep
    their true number of frames; absent people are NaN, where the published arrays hold 0.

    Source: SCD-Net, sec. "Data"; 2s-AGCN, whose preprocessing it takes over.

    Raises:
        UserError: not the ntu25 skeleton; no joint was observed in any frame.
    """
    if sequence.skeleton.name != "ntu25":
        raise UserError(
            f"cleaning ntu-agcn is for skeleton ntu25, sequence {sequence.name!r} has {sequence.skeleton.name}. "
            "Take --clean default"
        )
    if not sequence.valid.any():
        raise UserError(f"sequence {sequence.name!r}: no joint is observed in any frame")
    kept = widest_places(sequence)
    positions = sequence.positions[:, kept]
    confidence = None if sequence.confidence is None else sequence.confidence[:, kept]
    if not sequence.valid[:, kept].any(axis=2).all():
        taken = np.stack([_starting_over(person) for person in positions.swapaxes(0, 1)], axis=1)  # (T, M)
        positions = np.take_along_axis(positions, taken[..., None, None], axis=0)
        confidence = None if confidence is None else np.take_along_axis(confidence, taken[..., None], axis=0)
    planes_CTMV = coordinate_planes(positions)
    centre = planes_CTMV[:, :, :1, 1:2].copy()
    centre[np.isnan(centre)] = 0.0
    planes_CTMV -= centre
    first = planes_CTMV[:, 0, 0]
    upright = shortest_turn(first[:, 1] - first[:, 0], np.array([0.0, 0.0, 1.0]))
    across = shortest_turn(upright @ (first[:, 8] - first[:, 4]), np.array([1.0, 0.0, 0.0]))
    turned_CTMV = ((across @ upright) @ planes_CTMV.reshape(3, -1)).reshape(planes_CTMV.shape)
    cleaned = np.empty(positions.shape, dtype=np.float32)
    for coordinate, plane in enumerate(turned_CTMV):
        cleaned[..., coordinate] = plane
    steps = (*sequence.provenance, "keep_widest()", "ntu_agcn()")
    return replace(sequence, positions=cleaned, provenance=steps, up="+z", confidence=confidence, track=None)


def _starting_over(person: NDArray[np.float32]) -> NDArray[np.int64]:
    """(T,) which frames of a person (T, V, C) to take: once never seen again, that person's own from the start on.

    For a person missing in frame 0 the empty frames are left out first; otherwise a gap in the middle stays.
    """
    seen, frames = np.flatnonzero(~np.isnan(person[..., 0]).all(axis=1)), np.arange(len(person))
    if not len(seen) or (seen[0] == 0 and seen[-1] == len(person) - 1):
        return frames
    own = seen if seen[0] > 0 else np.arange(seen[-1] + 1)
    return np.resize(own, len(person))
