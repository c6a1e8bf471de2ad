"""The people of movers: the traits of a person, and how their clips differ."""

from dataclasses import dataclass

import numpy as np

from skelact.datasets.synthetic.actions import ON_A_CHAIR, angles_of
from skelact.datasets.synthetic.body import HINGES, INDEX, SEGMENTS, SIDES, Array, Body, resized, rest_body
from skelact.datasets.synthetic.motion import Style
from skelact.datasets.synthetic.noise import smooth
from skelact.skeletons import Skeleton

_SHAPE = (len(SEGMENTS), 3)
_FEET = [INDEX[f"{side}_foot"] for side in SIDES]
# What carries the body varies less, and both legs alike, so that people do not limp or fall.
_SUPPORT = [
    INDEX["pelvis"],
    INDEX["trunk"],
    *(INDEX[f"{side}_{limb}"] for side in SIDES for limb in ("thigh", "shank")),
]


@dataclass(frozen=True, eq=False)
class Person:
    """Traits of one subject.

    Args:
        number: 1, 2, ...
        height: standing, metres.
        scale: (S, 3) factor of each segment along x, y, z.
        pace: factor on speed.
        reach: (S, 3) factor on the angles of key poses.
        posture: (S, 3) radians added to every pose.
        left_handed: does with the left hand what others do with the right.
    """

    number: int
    height: float
    scale: Array
    pace: float
    reach: Array
    posture: Array
    left_handed: bool

    def body(self, skeleton: Skeleton) -> Body:
        """The body of this person, with the joints of a skeleton."""
        return resized(rest_body(skeleton), self.scale, self.height)


def make_person(number: int, seed: int) -> Person:
    """A subject, the same for the same number and seed."""
    rng = np.random.default_rng([seed, 0, number])
    return Person(
        number=number,
        height=float(np.clip(rng.normal(1.70, 0.10), 1.45, 1.98)),
        scale=_proportions(rng),
        pace=float(np.exp(rng.normal(0.0, 0.15))),
        reach=_factors(rng, 0.24),
        posture=_offsets(rng, 10.5),
        left_handed=bool(rng.random() < 0.2),
    )


def make_style(person: Person, frames: int, arms_only: bool, rng: np.random.Generator) -> Style:
    """How a person moves in one clip: different for each person and each clip.

    Args:
        person: who.
        frames: T.
        arms_only: the legs are free: of ten people three sit and three stroll.
        rng: source of all draws.
    """
    sway = smooth(rng, (frames, len(SEGMENTS) * 3), width=20).reshape(frames, *_SHAPE)
    # Feet stay where they are, and what stands on them moves little.
    sway[:, _SUPPORT] *= 0.25
    sway[:, _FEET] = 0.0
    sway[:, HINGES, 1:] = 0.0
    other_hand = bool(rng.random() < 0.25)
    legs, distance = rng.random(), rng.uniform(0.8, 1.8)
    seat = angles_of(ON_A_CHAIR) if arms_only and legs < 0.3 else 0.0
    return Style(
        scale=person.reach * _factors(rng, 0.24),
        offset=person.posture + _offsets(rng, 10.5) + seat,
        sway=np.radians(5.0) * sway,
        drift=np.radians(10.0) * smooth(rng, (frames, 1), width=45)[:, 0],
        step=float(rng.uniform(0.0, 2.0 * np.pi)),
        stroll=distance if arms_only and legs > 0.7 else 0.0,
        left=person.left_handed != other_hand,
    )


def _proportions(rng: np.random.Generator) -> Array:
    scale = np.ones(_SHAPE)
    arms, legs, shoulders, hips, head = np.exp(rng.normal(0.0, [0.05, 0.05, 0.07, 0.07, 0.05]))
    for side in SIDES:
        for limb in ("upper_arm", "forearm", "hand"):
            scale[INDEX[f"{side}_{limb}"]] *= arms
        for limb in ("thigh", "shank", "foot"):
            scale[INDEX[f"{side}_{limb}"]] *= legs
    scale[INDEX["trunk"], 0] *= shoulders
    scale[INDEX["pelvis"], 0] *= hips
    scale[INDEX["head"]] *= head
    return scale


def _factors(rng: np.random.Generator, spread: float) -> Array:
    logs = rng.normal(0.0, spread, size=_SHAPE)
    logs[_SUPPORT] *= 0.4
    return np.exp(_alike(logs))


def _offsets(rng: np.random.Generator, degrees: float) -> Array:
    offsets = np.radians(degrees) * np.clip(rng.standard_normal(_SHAPE), -2.0, 2.0)
    offsets[HINGES, 0] *= 2.0
    offsets[HINGES, 1:] = 0.0
    offsets[_SUPPORT] *= 0.15
    offsets[INDEX["trunk"]] *= 2.5
    offsets[_FEET] = 0.0
    return _alike(offsets)


def _alike(values: Array) -> Array:
    """Give the left leg what the right leg has; in place."""
    for limb in ("thigh", "shank", "foot"):
        values[INDEX[f"left_{limb}"]] = values[INDEX[f"right_{limb}"]]
    return values
