"""An articulated body for any skeleton: from joint angles to the places of joints.

Convention: a body stands with +y up and its right side at +x, so it faces -z. A segment turns about its pivot
by three angles in radians, R = Rx(flex) Rz(side) Ry(axial), relative to the segment it hangs on. Positive
``flex`` brings an arm, thigh or the toes forward and up, folds elbow and knee, bends pelvis, trunk and head
forward. Positive ``side`` and ``axial`` are away from the body and inward for limbs, to the right and to the
left for the segments in the middle. So the same numbers on both sides are a symmetric pose.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.skeletons import Skeleton

Point = tuple[float, float, float]
Array = NDArray[np.float64]

SIDES = ("left", "right")
# What the rest poses of the skeletons stand for, from the floor to the top of the head, metres.
REST_HEIGHT = 1.73


class _Segment(NamedTuple):
    parent: str
    joints: tuple[str, ...]  # that move with it, without their side
    pivot: tuple[str, ...]  # it turns about the first of these joints that the skeleton has
    fallback: Point | None  # or else about this place; None: then it does not turn at all
    sign: Point  # from the angles above to rotations about +x, +z, +y; z and y change sign on the left


_MIDDLE = {
    "pelvis": _Segment("", ("pelvis", "hip"), ("pelvis",), (0.0, 0.95, 0.0), (-1, -1, 1)),
    "trunk": _Segment(
        "pelvis",
        ("spine", "torso", "chest", "neck", "shoulder"),
        ("spine", "torso"),
        (0.0, 1.08, 0.0),
        (-1, -1, 1),
    ),
    "head": _Segment(
        "trunk", ("head", "head_top", "nose", "eye", "ear"), ("neck", "chest"), (0.0, 1.48, 0.0), (-1, -1, 1)
    ),
}
_LIMBS = {
    "upper_arm": _Segment("trunk", ("elbow",), ("shoulder",), (0.18, 1.38, 0.0), (1, 1, 1)),
    "forearm": _Segment("upper_arm", ("wrist",), ("elbow",), (0.22, 1.10, 0.02), (1, 1, 1)),
    "hand": _Segment("forearm", ("hand", "hand_tip", "thumb"), ("wrist",), None, (1, 1, 1)),
    "thigh": _Segment("pelvis", ("knee",), ("hip",), (0.09, 0.92, 0.0), (1, 1, 1)),
    "shank": _Segment("thigh", ("ankle",), ("knee",), (0.10, 0.50, -0.01), (-1, 1, 1)),
    "foot": _Segment("shank", ("foot", "toe", "big_toe", "small_toe", "heel"), ("ankle",), None, (1, 1, 1)),
}

SEGMENTS = (*_MIDDLE, *(f"{side}_{limb}" for limb in _LIMBS for side in SIDES))
INDEX = {name: s for s, name in enumerate(SEGMENTS)}


def _split(name: str) -> tuple[str, str]:
    side, _, rest = name.partition("_")
    return (side, rest) if side in SIDES else ("", name)


def _facts(name: str) -> _Segment:
    side, kind = _split(name)
    if not side:
        return _MIDDLE[kind]
    limb = _LIMBS[kind]
    parent = limb.parent if limb.parent in _MIDDLE else f"{side}_{limb.parent}"
    pivot = tuple(f"{side}_{joint}" for joint in limb.pivot)
    fallback, sign = limb.fallback, limb.sign
    if side == "left":
        fallback = None if fallback is None else (-fallback[0], *fallback[1:])
        sign = (sign[0], -sign[1], -sign[2])
    return _Segment(parent, limb.joints, pivot, fallback, sign)


# Elbows and knees turn one way only.
HINGES = [INDEX[f"{side}_{limb}"] for side in SIDES for limb in ("forearm", "shank")]

_FACTS = tuple(_facts(name) for name in SEGMENTS)
_PARENT = np.array([INDEX.get(facts.parent, -1) for facts in _FACTS])
_SIGN = np.array([facts.sign for facts in _FACTS], dtype=np.float64)
# Segments of one level hang on earlier levels only, so a level is one matrix product.
_LEVELS = tuple(
    np.array([INDEX[name] for name in names])
    for names in (
        ("trunk", "left_thigh", "right_thigh"),
        ("head", "left_upper_arm", "right_upper_arm", "left_shank", "right_shank"),
        ("left_forearm", "right_forearm", "left_foot", "right_foot"),
        ("left_hand", "right_hand"),
    )
)


@dataclass(frozen=True, eq=False)
class Body:
    """Where the joints of a skeleton sit on the segments of one person.

    Args:
        segment: (V,) the segment that each joint moves with.
        joint: (V, 3) place of each joint from the pivot of its segment, metres.
        pivot: (S, 3) place of each pivot from the pivot of the segment it hangs on, metres.
        soles: joints that may touch the floor.
        clearance: height of the lowest of them above the floor, metres.
        height: from the floor to the top of the head, metres.
    """

    segment: NDArray[np.int64]
    joint: Array
    pivot: Array
    soles: NDArray[np.int64]
    clearance: float
    height: float

    @cached_property
    def standing(self) -> Array:
        """(V, 3) at ease, the lowest joint at its clearance above the floor y = 0, metres."""
        places = joint_places(self, np.zeros((len(SEGMENTS), 3)))
        places[:, 1] += self.clearance - places[self.soles, 1].min()
        return places


@lru_cache(maxsize=32)
def rest_body(skeleton: Skeleton) -> Body:
    """The body whose standing pose is the rest pose of the skeleton.

    Raises:
        UserError: a joint whose name belongs to no segment.
    """
    rest = skeleton.rest.astype(np.float64)
    place = {name: rest[j] for j, name in enumerate(skeleton.joints)}
    turns = [facts.fallback is not None or any(joint in place for joint in facts.pivot) for facts in _FACTS]
    pivot = np.zeros((len(SEGMENTS), 3))
    for s, facts in enumerate(_FACTS):
        if turns[s]:
            found = next((place[joint] for joint in facts.pivot if joint in place), None)
            pivot[s] = facts.fallback if found is None else found
        else:
            pivot[s] = pivot[_PARENT[s]]
    segment = np.array([segment_of(joint, skeleton.name) for joint in skeleton.joints])
    segment = np.where(np.array(turns)[segment], segment, _PARENT[segment])
    feet = [INDEX[f"{side}_{limb}"] for side in SIDES for limb in ("shank", "foot")]
    soles = np.flatnonzero(np.isin(segment, feet))
    soles = soles if len(soles) else np.arange(len(skeleton))
    offset = pivot - pivot[_PARENT]
    offset[0] = 0.0
    return Body(segment, rest - pivot[segment], offset, soles, float(rest[soles, 1].min()), REST_HEIGHT)


def segment_of(joint: str, skeleton: str) -> int:
    """The segment that a joint moves with, by its name.

    Raises:
        UserError: the name belongs to no segment.
    """
    side, kind = _split(joint)
    for name, facts in {**_MIDDLE, **_LIMBS}.items():
        if kind in facts.joints:
            return INDEX[name if name in _MIDDLE else f"{side or 'right'}_{name}"]
    known = sorted(joint for facts in (*_MIDDLE.values(), *_LIMBS.values()) for joint in facts.joints)
    raise UserError(
        f"movers cannot move joint {joint!r} of skeleton {skeleton}: its name is no part of the body. "
        f"Known, with or without left_ and right_: {', '.join(known)}"
    )


def resized(body: Body, scale: Array, height: float) -> Body:
    """The body with its segments stretched and its standing height set.

    Args:
        body: of any size.
        scale: (S, 3) factor of each segment along x (width), y (length), z (depth).
        height: standing height of the result, metres.
    """
    joint = body.joint * scale[body.segment]
    pivot = body.pivot.copy()
    pivot[1:] *= scale[_PARENT[1:]]
    stretched = replace(body, joint=joint, pivot=pivot)
    taller = height / body.height
    factor = taller * _reach(body) / _reach(stretched)
    return Body(body.segment, joint * factor, pivot * factor, body.soles, body.clearance * taller, height)


def _reach(body: Body) -> float:
    """From the lowest sole to the highest joint of the standing body, metres."""
    heights = body.standing[:, 1]
    return float(heights.max() - heights[body.soles].min())


def joint_places(body: Body, angles: Array) -> Array:
    """Forward kinematics.

    Args:
        body: V joints.
        angles: (..., S, 3) flex, side, axial of each segment, radians.

    Returns:
        (..., V, 3) metres from the pivot of the pelvis.
    """
    turn = _rotations(angles * _SIGN)
    place = np.zeros(angles.shape)
    for level in _LEVELS:
        parent = _PARENT[level]
        held = turn[..., parent, :, :]
        turn[..., level, :, :] = held @ turn[..., level, :, :]
        place[..., level, :] = place[..., parent, :] + (held @ body.pivot[level, :, None])[..., 0]
    moved = (turn[..., body.segment, :, :] @ body.joint[:, :, None])[..., 0]
    return moved + place[..., body.segment, :]


def turned(places: Array, angle: float | Array) -> Array:
    """Turn about +y; a body that faces -z faces -x after a quarter turn.

    Args:
        places: (T, ..., 3).
        angle: radians, one or (T,).
    """
    c, s = np.cos(angle), np.sin(angle)
    if np.ndim(angle):
        c, s = (a.reshape(-1, *(1,) * (places.ndim - 2)) for a in (c, s))
    x, y, z = np.moveaxis(places, -1, 0)
    return np.stack([c * x + s * z, y, c * z - s * x], axis=-1)


def mirrored(angles: Array) -> Array:
    """(..., S, 3) the same pose with left and right exchanged."""
    swapped = angles[..., _OTHER_SIDE, :].copy()
    swapped[..., : len(_MIDDLE), 1:] *= -1.0
    return swapped


def _rotations(angles: Array) -> Array:
    """(..., 3, 3) Rx Rz Ry from (..., 3) angles about x, z, y."""
    (cx, cz, cy), (sx, sz, sy) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    matrix = np.empty((*angles.shape, 3))
    szcy, szsy = sz * cy, sz * sy
    matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 0, 2] = cz * cy, -sz, cz * sy
    matrix[..., 1, 0], matrix[..., 1, 1], matrix[..., 1, 2] = cx * szcy + sx * sy, cx * cz, cx * szsy - sx * cy
    matrix[..., 2, 0], matrix[..., 2, 1], matrix[..., 2, 2] = sx * szcy - cx * sy, sx * cz, sx * szsy + cx * cy
    return matrix


def _other_side(name: str) -> str:
    side, kind = _split(name)
    return name if not side else f"{'left' if side == 'right' else 'right'}_{kind}"


_OTHER_SIDE = np.array([INDEX[_other_side(name)] for name in SEGMENTS])
