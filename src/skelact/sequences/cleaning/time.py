"""Cleaning: frames that are cut off, gaps that are filled."""

import numpy as np
from numpy.typing import NDArray

from skelact.sequences.cleaning.step import with_step
from skelact.sequences.sequence import Sequence


def trim_ends(sequence: Sequence) -> Sequence:
    """Cut off the frames at both ends in which no person was observed."""
    seen = np.flatnonzero(sequence.valid.any(axis=(1, 2)))
    part = sequence.cut(int(seen[0]), int(seen[-1]) + 1)
    return with_step(part, part.positions, "trim_ends()")


def fill_gaps(sequence: Sequence, seconds: float) -> Sequence:
    """Fill gaps of each joint up to ``seconds`` long, linearly; at the ends of a clip the nearest place holds.

    Longer gaps stay as they are, wholly. Of a joint that was filled in, the confidence is 0.
    """
    done = f"fill_gaps(seconds={seconds:g})"
    if sequence.valid.all():
        return with_step(sequence, sequence.positions, done)
    frames, persons, joints, coordinates = sequence.positions.shape
    observed = sequence.valid.reshape(frames, -1)
    somewhere = np.flatnonzero(observed.any(axis=0) & ~observed.all(axis=0))
    tracks = sequence.positions.reshape(frames, -1, coordinates).copy()
    tracks[:, somewhere] = filled(tracks[:, somewhere], observed[:, somewhere], seconds * sequence.fps)
    positions = tracks.reshape(frames, persons, joints, coordinates)
    if sequence.confidence is None:
        return with_step(sequence, positions, done)
    confidence = np.where(sequence.valid, sequence.confidence, np.float32(0))
    return with_step(sequence, positions, done, confidence=confidence)


def filled(tracks: NDArray[np.floating], observed: NDArray[np.bool_], longest: float) -> NDArray[np.float32]:
    """Linear interpolation over time of gaps of at most ``longest`` frames.

    Args:
        tracks: (T, K, C).
        observed: (T, K), each column somewhere true.
        longest: in frames; a gap at an end counts like one between.
    """
    frames = len(tracks)
    time = np.arange(frames)[:, None]
    before = np.maximum.accumulate(np.where(observed, time, -1), axis=0)
    after = np.minimum.accumulate(np.where(observed, time, frames)[::-1], axis=0)[::-1]
    wanted = ~observed & (after - before - 1 <= longest)
    frame, column = np.nonzero(wanted)
    low, high = before[frame, column], after[frame, column]
    low, high = np.where(low < 0, high, low), np.where(high == frames, low, high)  # an end holds
    share = ((frame - low) / np.maximum(high - low, 1))[:, None]
    result = np.array(tracks, dtype=np.float32)
    result[frame, column] = tracks[low, column] * (1 - share) + tracks[high, column] * share
    return result
