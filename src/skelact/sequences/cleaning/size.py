"""Cleaning: units, the size of people, the lengths of their bones."""

import numpy as np

from skelact.sequences.cleaning.step import with_step
from skelact.sequences.sequence import Sequence
from skelact.skeletons import Skeleton

METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0}


def to_metres(sequence: Sequence) -> Sequence:
    """Positions in mm or cm become metres; other units (pixels) stay."""
    factor = METRES.get(sequence.unit)
    if factor is None:
        return with_step(sequence, sequence.positions, f"to_metres: skipped, the unit is {sequence.unit}")
    if factor == 1.0:
        return with_step(sequence, sequence.positions, "to_metres()")
    return with_step(sequence, sequence.positions * np.float32(factor), "to_metres()", unit="m")


def to_rest_size(sequence: Sequence) -> Sequence:
    """Divide by the size of the main person, so that everyone is as large as the skeleton's rest pose.

    Size is the summed length of the bones, each the median over the frames in which it was observed. All people
    of a scene are scaled alike, so their distances keep their meaning. The unit becomes metres of that adult.
    """
    factor = _size_factor(sequence)
    if factor is None:
        return with_step(sequence, sequence.positions, f"to_rest_size: skipped, {_no_size(sequence)}")
    return with_step(sequence, sequence.positions * factor, "to_rest_size()", unit="m")


def to_rest_bones(sequence: Sequence) -> Sequence:
    """Make every bone as long as in the skeleton's rest pose and keep where it points.

    The build of the body no longer shows who a person is, and recorders that measure bones differently agree. Each
    person's root keeps its place in the scene, which is scaled as in ``to_rest_size``; a joint whose parent was
    not observed keeps its scaled offset from the nearest ancestor that was. The unit becomes metres of that adult.
    """
    if sequence.positions.shape[3] != 3:
        return with_step(sequence, sequence.positions, "to_rest_bones: skipped, positions are flat")
    factor = _size_factor(sequence)
    if factor is None:
        return with_step(sequence, sequence.positions, f"to_rest_bones: skipped, {_no_size(sequence)}")
    skeleton = sequence.skeleton
    recorded = sequence.positions * factor
    near, moved = recorded.copy(), recorded.copy()  # of each joint: itself or its nearest observed ancestor
    for joint in _root_first(skeleton):
        parent = skeleton.parents[joint]
        if parent == joint:
            continue
        offset = recorded[:, :, joint] - near[:, :, parent]
        length = np.linalg.norm(offset, axis=-1, keepdims=True)
        wanted = np.linalg.norm(skeleton.rest[joint] - skeleton.rest[parent])
        bone = ~np.isnan(recorded[:, :, parent, :1]) & (length > 1e-6)
        offset = np.where(bone, offset * (wanted / np.maximum(length, 1e-6)), offset)
        nothing_above = np.isnan(near[:, :, parent])
        moved[:, :, joint] = np.where(nothing_above, recorded[:, :, joint], moved[:, :, parent] + offset)
        missing = np.isnan(recorded[:, :, joint])
        near[:, :, joint] = np.where(missing, near[:, :, parent], recorded[:, :, joint])
        moved[:, :, joint] = np.where(missing, moved[:, :, parent], moved[:, :, joint])
    moved[np.isnan(recorded)] = np.nan
    return with_step(sequence, moved, "to_rest_bones()", unit="m")


def _size_factor(sequence: Sequence) -> np.float32 | None:
    """How many times larger the rest pose is than the main person; None where no bone was observed."""
    if not sequence.skeleton.has_rest:
        return None
    child, parent = np.array(sequence.skeleton.bones).T
    person = sequence.positions[:, 0].astype(np.float64)
    lengths = np.linalg.norm(person[:, child] - person[:, parent], axis=-1)  # (T, bones)
    known = ~np.isnan(lengths).all(axis=0)
    rest = np.linalg.norm(sequence.skeleton.rest[child] - sequence.skeleton.rest[parent], axis=-1)
    size = np.nanmedian(lengths[:, known], axis=0).sum() if known.any() else 0.0
    return np.float32(rest[known].sum() / size) if size > 0 else None


def _no_size(sequence: Sequence) -> str:
    """Why there is no factor."""
    return "no bone was observed" if sequence.skeleton.has_rest else "the skeleton has no rest pose"


def _root_first(skeleton: Skeleton) -> list[int]:
    """The joints, each after its parent."""
    order = [skeleton.root]
    for joint in order:
        order += [child for child, parent in skeleton.bones if parent == joint]
    return order
