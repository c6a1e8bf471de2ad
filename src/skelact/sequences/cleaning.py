"""Cleaning: from what a recorder wrote to what is learnt from; every step is a function Sequence -> Sequence.

Convention: missing is NaN, before and after. A step that cannot be done leaves the positions as they are and
says why in the provenance. Positions are turned by a rotation only, never mirrored.
"""

import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError, unknown
from skelact.sequences.sequence import Sequence
from skelact.settings import from_dict, to_dict
from skelact.skeletons import Skeleton

METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0}
START_FRAMES = 10  # frames at the start of a clip that show where a person faces
STEADY_ROUNDS = 4  # rounds of the geometric median; more change the heading by less than 0.1 degrees


@dataclass(frozen=True)
class Cleaning:
    """Which steps are taken, in this order; the defaults are the recipe "default".

    Args:
        persons: this many people are kept, those who move most first; 0: everyone, as recorded.
        trim: frames at both ends in which no person was observed are cut off.
        fill_seconds: gaps of a joint up to this long are filled.
        metres: positions in mm or cm become metres.
        scale: "body": everyone is made as large as the skeleton's rest pose; "bones": and every bone as long as
            its there, so that people differ only in how they move; "none".
        centre: "frame": the main person's centre joint is the origin in every frame; "first": that of the first
            frame is, so that the path through the room is kept; "none".
        upright: "clip" or "start": the scene is tilted so that the main person's trunk points up over the clip or
            at its start, as if the camera had looked horizontally; "none". Lying people would stand up.
        heading: "clip" or "start": the scene is turned about the vertical so that the main person's right side
            points along +x over the clip or at its start; "none".
    """

    persons: int = 2
    trim: bool = True
    fill_seconds: float = 0.5
    metres: bool = True
    scale: Literal["none", "body", "bones"] = "none"
    centre: Literal["none", "frame", "first"] = "frame"
    upright: Literal["none", "clip", "start"] = "none"
    heading: Literal["none", "clip", "start"] = "clip"

    def __call__(self, sequence: Sequence) -> Sequence:
        """The cleaned sequence.

        Raises:
            UserError: no joint was observed in any frame.
        """
        if not sequence.valid.any():
            raise UserError(f"sequence {sequence.name!r}: no joint is observed in any frame")
        if self.persons:
            sequence = keep_people(sequence, self.persons)
        if self.trim:
            sequence = trim_ends(sequence)
        if self.fill_seconds > 0:
            sequence = fill_gaps(sequence, self.fill_seconds)
        if self.metres:
            sequence = to_metres(sequence)
        if self.scale == "body":
            sequence = to_rest_size(sequence)
        elif self.scale == "bones":
            sequence = to_rest_bones(sequence)
        if self.centre != "none":
            sequence = move_to_centre(sequence, self.centre)
        if self.upright != "none":
            sequence = tilt_upright(sequence, self.upright)
        if self.heading != "none":
            sequence = turn_to_front(sequence, self.heading)
        return sequence


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
    return _moved(
        sequence,
        positions[:, people],
        f"keep_people(persons={persons})",
        confidence=None if confidence is None else confidence[:, people],
        track=None,
    )


def trim_ends(sequence: Sequence) -> Sequence:
    """Cut off the frames at both ends in which no person was observed."""
    seen = np.flatnonzero(sequence.valid.any(axis=(1, 2)))
    part = sequence.cut(int(seen[0]), int(seen[-1]) + 1)
    return _moved(part, part.positions, "trim_ends()")


def fill_gaps(sequence: Sequence, seconds: float) -> Sequence:
    """Fill gaps of each joint up to ``seconds`` long, linearly; at the ends of a clip the nearest place holds.

    Longer gaps stay as they are, wholly. Of a joint that was filled in, the confidence is 0.
    """
    done = f"fill_gaps(seconds={seconds:g})"
    if sequence.valid.all():
        return _moved(sequence, sequence.positions, done)
    frames, persons, joints, coordinates = sequence.positions.shape
    observed = sequence.valid.reshape(frames, -1)
    somewhere = np.flatnonzero(observed.any(axis=0) & ~observed.all(axis=0))
    tracks = sequence.positions.reshape(frames, -1, coordinates).copy()
    tracks[:, somewhere] = _filled(tracks[:, somewhere], observed[:, somewhere], seconds * sequence.fps)
    positions = tracks.reshape(frames, persons, joints, coordinates)
    if sequence.confidence is None:
        return _moved(sequence, positions, done)
    confidence = np.where(sequence.valid, sequence.confidence, np.float32(0))
    return _moved(sequence, positions, done, confidence=confidence)


def to_metres(sequence: Sequence) -> Sequence:
    """Positions in mm or cm become metres; other units (pixels) stay."""
    factor = METRES.get(sequence.unit)
    if factor is None:
        return _moved(sequence, sequence.positions, f"to_metres: skipped, the unit is {sequence.unit}")
    if factor == 1.0:
        return _moved(sequence, sequence.positions, "to_metres()")
    return _moved(sequence, sequence.positions * np.float32(factor), "to_metres()", unit="m")


def to_rest_size(sequence: Sequence) -> Sequence:
    """Divide by the size of the main person, so that everyone is as large as the skeleton's rest pose.

    Size is the summed length of the bones, each the median over the frames in which it was observed. All people
    of a scene are scaled alike, so their distances keep their meaning. The unit becomes metres of that adult.
    """
    factor = _size_factor(sequence)
    if factor is None:
        return _moved(sequence, sequence.positions, f"to_rest_size: skipped, {_no_size(sequence)}")
    return _moved(sequence, sequence.positions * factor, "to_rest_size()", unit="m")


def to_rest_bones(sequence: Sequence) -> Sequence:
    """Make every bone as long as in the skeleton's rest pose and keep where it points.

    The build of the body no longer shows who a person is, and recorders that measure bones differently agree. Each
    person's root keeps its place in the scene, which is scaled as in ``to_rest_size``; a joint whose parent was
    not observed keeps its scaled offset from the nearest ancestor that was. The unit becomes metres of that adult.
    """
    if sequence.positions.shape[3] != 3:
        return _moved(sequence, sequence.positions, "to_rest_bones: skipped, positions are flat")
    factor = _size_factor(sequence)
    if factor is None:
        return _moved(sequence, sequence.positions, f"to_rest_bones: skipped, {_no_size(sequence)}")
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
    return _moved(sequence, moved, "to_rest_bones()", unit="m")


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
        return _moved(sequence, sequence.positions - origin, "move_to_centre(of=first)")
    if not observed.all():
        centre = _filled(centre[:, None], observed[:, None], np.inf)[:, 0]
    return _moved(sequence, sequence.positions - centre[:, None, None], "move_to_centre(of=frame)")


def tilt_upright(sequence: Sequence, over: Literal["clip", "start"]) -> Sequence:
    """Turn the scene by the smallest angle that makes the main person's trunk, hips to shoulders, point up.

    This undoes the tilt of a camera where people stand or sit. Where the trunk points is the geometric median of
    its directions in the frames asked, so that bending down for a while does not count.
    """
    done = f"tilt_upright(over={over})"
    if sequence.positions.shape[3] != 3:
        return _moved(sequence, sequence.positions, "tilt_upright: skipped, positions are flat")
    if len(sequence.skeleton.across) < 2:
        return _moved(
            sequence, sequence.positions, "tilt_upright: skipped, the skeleton does not have shoulders and hips"
        )
    trunk = _trunk(sequence)
    direction = _steady_direction(trunk[:START_FRAMES] if over == "start" else trunk)
    if direction is None:
        return _moved(sequence, sequence.positions, "tilt_upright: skipped, shoulders and hips were not observed")
    rotation = _shortest_turn(direction, _up(sequence)).astype(np.float32)
    return _moved(sequence, sequence.positions @ rotation.T, done)


def turn_to_front(sequence: Sequence, over: Literal["clip", "start"]) -> Sequence:
    """Turn the scene about the vertical so that the main person's right side points along +x.

    Where the right side is, is asked of shoulders and hips, right minus left, in each frame; the answer is the
    geometric median of these directions, so that frames in which a recorder mixed up the sides do not count.

    Convention: with +y up the person then faces -z, as the rest pose does. (Where x itself is the vertical,
    the right side points along +y.)
    """
    done = f"turn_to_front(over={over})"
    if sequence.positions.shape[3] != 3:
        return _moved(sequence, sequence.positions, "turn_to_front: skipped, positions are flat")
    if not sequence.skeleton.across:
        return _moved(
            sequence, sequence.positions, "turn_to_front: skipped, the skeleton has neither shoulders nor hips"
        )
    up = _up(sequence)
    side = np.eye(3)[1 if abs(up[0]) else 0]
    forward = np.array(_cross(up.tolist(), side.tolist()))  # right-handed: side, forward, up
    right = _right_side(sequence) @ np.stack([side, forward], axis=1)  # (frames seen, 2) on the floor
    if over == "start":
        right = right[:START_FRAMES]
    heading = _steady_direction(right)
    if heading is None:
        return _moved(sequence, sequence.positions, "turn_to_front: skipped, shoulders and hips were not observed")
    cosine, sine = heading
    floor = np.outer(side, cosine * side + sine * forward) + np.outer(forward, cosine * forward - sine * side)
    rotation = (floor + np.outer(up, up)).astype(np.float32)
    return _moved(sequence, sequence.positions @ rotation.T, done)


def keep_widest(sequence: Sequence) -> Sequence:
    """Of the first four places, keep the two of the widest spread, the widest first.

    Spread is the standard deviation of x, plus that of y and of z, over all joints of all frames in which the
    place is taken; a joint that was not observed counts as 0 in it.

    Source: SCD-Net, sec. "Data", the selection of bodies in NTU RGB+D.
    """
    kept = _widest(sequence)
    confidence = None if sequence.confidence is None else sequence.confidence[:, kept]
    return _moved(sequence, sequence.positions[:, kept], "keep_widest()", confidence=confidence, track=None)


def _widest(sequence: Sequence) -> NDArray[np.int64]:
    """Which places ``keep_widest`` keeps."""
    present = np.asarray(sequence.valid[:, :4].any(axis=2))
    taken = np.flatnonzero(present.any(axis=0))
    if len(taken) < 2:
        return taken
    spread = []
    for place in taken.tolist():
        planes = _planes(sequence.positions[present[:, place], place]).reshape(3, -1)
        planes[np.isnan(planes)] = 0.0
        planes -= planes.mean(axis=1, keepdims=True)
        spread.append(np.sqrt(np.einsum("cn,cn->c", planes, planes) / planes.shape[1]).sum())
    return taken[np.argsort(-np.array(spread), kind="stable")[:2]]


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
    kept = _widest(sequence)
    positions = sequence.positions[:, kept]
    confidence = None if sequence.confidence is None else sequence.confidence[:, kept]
    if not sequence.valid[:, kept].any(axis=2).all():
        taken = np.stack([_starting_over(person) for person in positions.swapaxes(0, 1)], axis=1)  # (T, M)
        positions = np.take_along_axis(positions, taken[..., None, None], axis=0)
        confidence = None if confidence is None else np.take_along_axis(confidence, taken[..., None], axis=0)
    planes_CTMV = _planes(positions)
    centre = planes_CTMV[:, :, :1, 1:2].copy()
    centre[np.isnan(centre)] = 0.0
    planes_CTMV -= centre
    first = planes_CTMV[:, 0, 0]
    upright = _shortest_turn(first[:, 1] - first[:, 0], np.array([0.0, 0.0, 1.0]))
    across = _shortest_turn(upright @ (first[:, 8] - first[:, 4]), np.array([1.0, 0.0, 0.0]))
    turned_CTMV = ((across @ upright) @ planes_CTMV.reshape(3, -1)).reshape(planes_CTMV.shape)
    cleaned = np.empty(positions.shape, dtype=np.float32)
    for coordinate, plane in enumerate(turned_CTMV):
        cleaned[..., coordinate] = plane
    steps = (*sequence.provenance, "keep_widest()", "ntu_agcn()")
    return replace(sequence, positions=cleaned, provenance=steps, up="+z", confidence=confidence, track=None)


NOTHING = Cleaning(
    persons=0,
    trim=False,
    fill_seconds=0.0,
    metres=False,
    scale="none",
    centre="none",
    upright="none",
    heading="none",
)
CLEANINGS: Mapping[str, Callable[[Sequence], Sequence]] = {
    "default": Cleaning(),
    "none": NOTHING,
    "ntu-agcn": ntu_agcn,
}


def get_cleaning(text: str) -> Callable[[Sequence], Sequence]:
    """The recipe of this name, with some of its settings replaced where wanted.

    Example:
        >>> get_cleaning("none,scale=bones").scale
        'bones'

    Raises:
        UserError: an unknown recipe or setting; a value that cannot be.
    """
    name, *words = text.split(",")
    if name not in CLEANINGS:
        raise unknown("cleaning", name, CLEANINGS)
    recipe = CLEANINGS[name]
    if not words:
        return recipe
    if not isinstance(recipe, Cleaning):
        raise UserError(f"cleaning {name} has no settings, got {','.join(words)}")
    values = to_dict(recipe)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"cleaning {text!r}: expected settings like scale=bones, got {word!r}")
        values[key] = _value(value)
    return from_dict(Cleaning, values, where=f"cleaning {text!r}")


def _value(text: str) -> str | int | float | bool:
    """A value as TOML has it; a bare word is text."""
    try:
        value: str | int | float | bool = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
    return value


def _moved(sequence: Sequence, positions: NDArray[np.float32], step: str, **others: Any) -> Sequence:
    """The sequence with other positions, the step that made them, and other values of other fields."""
    steps = (*sequence.provenance, step)
    if positions is sequence.positions and not others:
        return sequence.described(provenance=steps)
    return replace(sequence, positions=positions, provenance=steps, **others)


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


def _filled(tracks: NDArray[np.floating], observed: NDArray[np.bool_], longest: float) -> NDArray[np.float32]:
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


def _up(sequence: Sequence) -> NDArray[np.float64]:
    """(3,) unit vector against gravity."""
    up = np.zeros(3)
    up["xyz".index(sequence.up[1])] = 1.0 if sequence.up[0] == "+" else -1.0
    return up


def _trunk(sequence: Sequence) -> NDArray[np.float64]:
    """(frames seen, 3) from the middle of the hips to the middle of the shoulders of the main person."""
    shoulders, hips = (list(pair) for pair in sequence.skeleton.across)
    person = sequence.positions[:, 0].astype(np.float64)
    trunk = person[:, shoulders].mean(axis=1) - person[:, hips].mean(axis=1)
    return np.asarray(trunk[~np.isnan(trunk[:, 0])])


def _right_side(sequence: Sequence) -> NDArray[np.float64]:
    """(frames seen, 3) right minus left of the main person, averaged over shoulders and hips."""
    right, left = np.array(sequence.skeleton.across).T
    person = sequence.positions[:, 0].astype(np.float64)
    across = person[:, right] - person[:, left]  # (T, pairs, 3)
    known = ~np.isnan(across[..., :1])
    total = np.where(known, across, 0.0).sum(axis=1)
    return np.asarray((total / np.maximum(known.sum(axis=1), 1))[known.any(axis=(1, 2))])


def _steady_direction(vectors: NDArray[np.float64]) -> NDArray[np.float64] | None:
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


def _planes(positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """(C, ...) of (..., C): numpy is faster along many numbers than along three."""
    planes = np.empty((positions.shape[-1], *positions.shape[:-1]))
    for coordinate, plane in enumerate(planes):
        plane[...] = positions[..., coordinate]
    return planes


def _starting_over(person: NDArray[np.float32]) -> NDArray[np.int64]:
    """(T,) which frames of a person (T, V, C) to take: once never seen again, that person's own from the start on.

    For a person missing in frame 0 the empty frames are left out first; otherwise a gap in the middle stays.
    """
    seen, frames = np.flatnonzero(~np.isnan(person[..., 0]).all(axis=1)), np.arange(len(person))
    if not len(seen) or (seen[0] == 0 and seen[-1] == len(person) - 1):
        return frames
    own = seen if seen[0] > 0 else np.arange(seen[-1] + 1)
    return np.resize(own, len(person))


def _shortest_turn(vector: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
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
    axis = _cross((x, y, z), (u, v, w))
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


def _cross(one: Iterable[float], other: Iterable[float]) -> tuple[float, float, float]:
    (x, y, z), (u, v, w) = one, other
    return y * w - z * v, z * u - x * w, x * v - y * u
