"""Cleaning: where people are and which way they face."""

from typing import Literal

import numpy as np

from skelact.sequences.cleaning.geometry import (
    cross,
    right_side_vectors,
    shortest_turn,
    steady_direction,
    trunk_vectors,
    up_direction,
)
from skelact.sequences.cleaning.step import with_step
from skelact.sequences.cleaning.time import filled
from skelact.sequences.sequence import Sequence

START_FRAMES = 10  # frames at the start of a clip that show where a person faces


def move_to_centre(sequence: Sequence, of: Literal["frame", "first"]) -> Sequence:
    """Make the main person's centre joint the origin, in every frame or once for the clip.

    Where that joint is missing, its place is taken from the frames around; where it is missing always, the mean
    of the person's joints stands for it.
    """
    person = sequence.positions[:, 0]
    centre = person[:, sequence.skeleton.centre]
    observed = ~np.isnan(centre[:, 0])
    if not observed.any():
        seen = ~np.isnan(person[..., 0])
        observed = np.asarray(seen.any(axis=1))
        count = np.maximum(seen.sum(axis=1), 1)[:, None]
        centre = np.where(observed[:, None], np.nan_to_num(person).sum(axis=1) / count, np.nan)
    if of == "first":
        origin = centre[np.argmax(observed)]
        return with_step(sequence, sequence.positions - origin, "move_to_centre(of=first)")
    if not observed.all():
        centre = filled(centre[:, None], observed[:, None], np.inf)[:, 0]
    return with_step(sequence, sequence.positions - centre[:, None, None], "move_to_centre(of=frame)")


def tilt_upright(sequence: Sequence, over: Literal["clip", "start"]) -> Sequence:
    """Turn the scene by the smallest angle that makes the main person's trunk, hips to shoulders, point up.

    This undoes the tilt of a camera where people stand or sit. Where the trunk points is the geometric median of
    its directions in the frames asked, so that bending down for a while does not count.
    """
    done = f"tilt_upright(over={over})"
    if sequence.positions.shape[3] != 3:
        return with_step(sequence, sequence.positions, "tilt_upright: skipped, positions are flat")
    if len(sequence.skeleton.across) < 2:
        return with_step(
            sequence, sequence.positions, "tilt_upright: skipped, the skeleton does not have shoulders and hips"
        )
    trunk = trunk_vectors(sequence)
    direction = steady_direction(trunk[:START_FRAMES] if over == "start" else trunk)
    if direction is None:
        return with_step(
            sequence, sequence.positions, "tilt_upright: skipped, shoulders and hips were not observed"
        )
    rotation = shortest_turn(direction, up_direction(sequence)).astype(np.float32)
    return with_step(sequence, sequence.positions @ rotation.T, done)


def turn_to_front(sequence: Sequence, over: Literal["clip", "start"]) -> Sequence:
    """Turn the scene about the vertical so that the main person's right side points along +x.

    Where the right side is, is asked of shoulders and hips, right minus left, in each frame; the answer is the
    geometric median of these directions, so that frames in which a recorder mixed up the sides do not count.

    Convention: with +y up the person then faces -z, as the rest pose does. (Where x itself is the vertical,
    the right side points along +y.)
    """
    done = f"turn_to_front(over={over})"
    if sequence.positions.shape[3] != 3:
        return with_step(sequence, sequence.positions, "turn_to_front: skipped, positions are flat")
    if not sequence.skeleton.across:
        return with_step(
            sequence, sequence.positions, "turn_to_front: skipped, the skeleton has neither shoulders nor hips"
        )
    up = up_direction(sequence)
    side = np.eye(3)[1 if abs(up[0]) else 0]
    forward = np.array(cross(up.tolist(), side.tolist()))  # right-handed: side, forward, up
    right = right_side_vectors(sequence) @ np.stack([side, forward], axis=1)  # (frames seen, 2) on the floor
    if over == "start":
        right = right[:START_FRAMES]
    heading = steady_direction(right)
    if heading is None:
        return with_step(
            sequence, sequence.positions, "turn_to_front: skipped, shoulders and hips were not observed"
        )
    cosine, sine = heading
    floor = np.outer(side, cosine * side + sine * forward) + np.outer(forward, cosine * forward - sine * side)
    rotation = (floor + np.outer(up, up)).astype(np.float32)
    return with_step(sequence, sequence.positions @ rotation.T, done)
