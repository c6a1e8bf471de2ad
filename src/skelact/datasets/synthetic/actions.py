"""What movers do: key poses over time, as tables.

A pose names the segments that are turned, in degrees: ``trunk=20`` bends the trunk forward by 20 degrees,
``right_upper_arm=(30, 80, -40)`` gives flex, side and axial, and ``thigh=90`` without a side turns both. A
segment that is not named is at ease. ``forward`` and ``rise`` carry the whole body, in metres. See ``body``
for the signs. Everyone is right-handed here.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from skelact.datasets.synthetic.body import INDEX, SIDES, Array

Turn = float | tuple[float, float, float]
Pose = dict[str, Turn]
Script = tuple[tuple[float, Pose], ...]  # (share of the action's time, pose)

PATH = ("forward", "rise")


@dataclass(frozen=True, eq=False)
class Action:
    """One class of movers.

    Args:
        name: name of the class.
        seconds: how long it takes at ordinary speed.
        scripts: one per person; the second stands opposite of the first.
        gap: distance between two persons where both are at ``forward`` 0, metres.
        backwards: the scripts run from their end to their start.
        steady: poses are passed at constant speed, not eased in and out.
        arms_only: people may sit or stroll meanwhile.
    """

    name: str
    seconds: float
    scripts: tuple[Script, ...]
    gap: float = 0.0
    backwards: bool = False
    steady: bool = False
    arms_only: bool = False


@dataclass(frozen=True, eq=False)
class Keys:
    """A script as arrays: times (K,), angles (K, S, 3) radians, path (K, 2) metres forward and up."""

    times: Array
    angles: Array
    path: Array


@lru_cache(maxsize=128)
def keys_of(action: Action, person: int) -> Keys:
    """The key poses of one person of an action, in the order in which they are passed."""
    script = action.scripts[person]
    times = np.array([time for time, _ in script])
    angles = np.zeros((len(script), len(INDEX), 3))
    path = np.zeros((len(script), len(PATH)))
    for k, (_, pose) in enumerate(script):
        angles[k] = angles_of(pose)
        path[k] = [pose.get(name, 0.0) for name in PATH]
    if action.backwards:
        return Keys(1.0 - times[::-1], angles[::-1], path[::-1])
    return Keys(times, angles, path)


def angles_of(pose: Pose) -> Array:
    """(S, 3) flex, side and axial of each segment, radians."""
    angles = np.zeros((len(INDEX), 3))
    for name, turn in pose.items():
        if name not in PATH:
            angles[_segments(name)] = np.radians(turn if isinstance(turn, tuple) else (turn, 0.0, 0.0))
    return angles


def _segments(name: str) -> list[int]:
    return [INDEX[name]] if name in INDEX else [INDEX[f"{side}_{name}"] for side in SIDES]


def _hold(pose: Pose, start: float, end: float) -> Script:
    return ((start, pose), (end, pose))


def _swing(one: Pose, other: Pose, times: tuple[float, ...]) -> Script:
    """From one pose to the other and back, a pose at each time."""
    return tuple((time, other if k % 2 else one) for k, time in enumerate(times))


EASE: Pose = {}
_HAND_UP: Pose = {"right_upper_arm": (25, 85, -85), "right_forearm": 75, "trunk": (0, -3, 0)}
_HAND_OUT: Pose = {"right_upper_arm": (25, 95, -75), "right_forearm": 25, "right_hand": -15, "trunk": (0, -3, 0)}
_AT_MOUTH: Pose = {"right_upper_arm": (66, 6, 52), "right_forearm": 123, "head": -8}
_TILTED: Pose = {"right_upper_arm": (86, 8, 57), "right_forearm": 124, "head": -24, "trunk": -5}
_ARM_UP: Pose = {"right_upper_arm": (168, 8, 0), "right_forearm": 6, "trunk": (-3, -2, 0)}
_HANDS_APART: Pose = {"upper_arm": (34, 12, 8), "forearm": 72}
_HANDS_MET: Pose = {"upper_arm": (39, -1, 44), "forearm": 65}
_COCKED: Pose = {
    "right_upper_arm": (20, 95, -88),
    "right_forearm": 98,
    "left_upper_arm": (45, 20, 0),
    "left_forearm": 20,
    "trunk": (-6, 6, -28),
    "right_thigh": -6,
    "left_thigh": 12,
}
_RELEASED: Pose = {
    "right_upper_arm": (112, 22, 0),
    "right_forearm": 14,
    "left_upper_arm": (-12, 16, 0),
    "left_forearm": 40,
    "trunk": (20, 0, 24),
    "right_thigh": -16,
    "left_thigh": 24,
    "left_shank": 12,
}
_THROWN: Pose = {**_RELEASED, "right_upper_arm": (38, -14, 20), "trunk": (30, -4, 34)}
_WOUND_UP: Pose = {"right_thigh": -24, "right_shank": 62, "left_upper_arm": (28, 16, 0), "trunk": 6}
_KICKED: Pose = {
    "right_thigh": 72,
    "right_shank": 8,
    "left_upper_arm": (42, 26, 0),
    "right_upper_arm": (-28, 20, 0),
    "trunk": -10,
    "pelvis": -6,
    "left_thigh": -6,
}
_DRAWN_BACK: Pose = {"right_thigh": 38, "right_shank": 62}
_BOWED: Pose = {"pelvis": 26, "thigh": 26, "trunk": 34, "head": 14, "upper_arm": 58}
_STOOPED: Pose = {
    "pelvis": 48,
    "thigh": 98,
    "shank": 82,
    "trunk": 40,
    "head": -14,
    "right_upper_arm": (92, 2, 6),
    "right_forearm": 8,
    "left_upper_arm": (58, 8, 0),
}
_CARRYING: Pose = {"right_upper_arm": (14, 4, 8), "right_forearm": 84}
_LEANING: Pose = {"pelvis": 24, "thigh": 74, "shank": 64, "trunk": 24, "upper_arm": 34, "forearm": 22, "head": -10}
ON_A_CHAIR: Pose = {"pelvis": -4, "thigh": 84, "shank": 86, "trunk": 6}
_SEATED: Pose = {**ON_A_CHAIR, "upper_arm": 24, "forearm": 52}
_CROUCHED: Pose = {"pelvis": 22, "thigh": 62, "shank": 74, "trunk": 18, "upper_arm": -38}
_IN_THE_AIR: Pose = {"upper_arm": (140, 12, 0), "forearm": 18, "thigh": 4, "shank": 8, "rise": 0.28}
_HAND_GIVEN: Pose = {"right_upper_arm": (44, 0, 42), "right_forearm": 36, "trunk": 6}
_SHAKEN_UP: Pose = {"right_upper_arm": (47, 0, 41), "right_forearm": 46, "trunk": 6}
_SHAKEN_DOWN: Pose = {"right_upper_arm": (40, -2, 42), "right_forearm": 24, "trunk": 7}
_HANDED_OVER: Pose = {"right_upper_arm": (59, 0, 38), "right_forearm": 28, "trunk": 10}
_HANDS_READY: Pose = {"upper_arm": (22, 18, 20), "forearm": 112, "trunk": -4, "right_thigh": -4}
_PUSHED: Pose = {
    "upper_arm": (82, 6, 8),
    "forearm": 8,
    "trunk": 20,
    "pelvis": 6,
    "left_thigh": 30,
    "left_shank": 20,
    "right_thigh": -10,
    "forward": 0.22,
}
_STRUCK: Pose = {"trunk": -20, "head": 14, "upper_arm": (34, 34, 0), "forearm": 40, "forward": -0.12}
_STEPPED_BACK: Pose = {"trunk": -4, "upper_arm": (14, 18, 0), "forearm": 28, "forward": -0.65}

_WAVE: Script = (
    (0.0, EASE),
    *_swing(_HAND_UP, _HAND_OUT, (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
    (1.0, EASE),
)
_DRINK: Script = ((0.0, EASE), (0.32, _AT_MOUTH), *_hold(_TILTED, 0.45, 0.62), (0.72, _AT_MOUTH), (1.0, EASE))
_RAISE_ARM: Script = ((0.0, EASE), (1.0, _ARM_UP))
# The same four claps; only when they fall differs.
_CLAP_EVENLY: Script = (
    (0.0, EASE),
    *_swing(_HANDS_APART, _HANDS_MET, (0.14, 0.23, 0.32, 0.41, 0.50, 0.59, 0.68, 0.77, 0.86)),
    (1.0, EASE),
)
_CLAP_IN_PAIRS: Script = (
    (0.0, EASE),
    *_swing(_HANDS_APART, _HANDS_MET, (0.14, 0.20, 0.26, 0.32, 0.50, 0.68, 0.74, 0.80, 0.86)),
    (1.0, EASE),
)
_THROW: Script = ((0.0, EASE), (0.38, _COCKED), (0.56, _RELEASED), (0.68, _THROWN), (1.0, EASE))
_KICK: Script = ((0.0, EASE), (0.32, _WOUND_UP), (0.54, _KICKED), (0.72, _DRAWN_BACK), (1.0, EASE))
_BOW: Script = ((0.0, EASE), *_hold(_BOWED, 0.4, 0.6), (1.0, EASE))
_PICK_UP: Script = ((0.0, EASE), *_hold(_STOOPED, 0.46, 0.56), (1.0, _CARRYING))
_SIT_DOWN: Script = ((0.0, EASE), (0.55, _LEANING), (1.0, _SEATED))
_JUMP: Script = (
    (0.0, EASE),
    (0.34, _CROUCHED),
    (0.47, {**_IN_THE_AIR, "rise": 0.0}),
    (0.58, _IN_THE_AIR),
    (0.69, {"upper_arm": (70, 16, 0), "forearm": 18, "thigh": 6, "shank": 8}),
    (0.78, {**_CROUCHED, "upper_arm": 20}),
    (1.0, EASE),
)
_WALK: Script = ((0.0, {}), (1.0, {"forward": 2.0}))
_SHAKE_HANDS: Script = (
    (0.0, EASE),
    (0.26, _HAND_GIVEN),
    *_swing(_SHAKEN_UP, _SHAKEN_DOWN, (0.34, 0.42, 0.50, 0.58, 0.66)),
    (0.74, _HAND_GIVEN),
    (1.0, EASE),
)
_GIVE: Script = ((0.0, _CARRYING), *_hold(_HANDED_OVER, 0.42, 0.54), (0.82, EASE), (1.0, EASE))
_TAKE: Script = ((0.0, EASE), (0.14, EASE), *_hold(_HANDED_OVER, 0.46, 0.56), (1.0, _CARRYING))
_PUSH: Script = ((0.0, EASE), (0.28, _HANDS_READY), (0.46, _PUSHED), (0.58, _PUSHED), (1.0, {"forward": 0.1}))
_BE_PUSHED: Script = (
    (0.0, EASE),
    (0.40, EASE),
    (0.52, _STRUCK),
    (0.82, _STEPPED_BACK),
    (1.0, {"forward": -0.65}),
)
_COME_CLOSER: Script = ((0.0, {"forward": -1.5}), (1.0, EASE))
_STAND: Script = ((0.0, EASE), (1.0, EASE))

ACTIONS = (
    Action("wave", 2.4, (_WAVE,), arms_only=True),
    Action("drink", 2.6, (_DRINK,), arms_only=True),
    Action("raise arm", 1.3, (_RAISE_ARM,), arms_only=True),
    Action("lower arm", 1.3, (_RAISE_ARM,), backwards=True, arms_only=True),
    Action("clap evenly", 2.4, (_CLAP_EVENLY,), arms_only=True),
    Action("clap in pairs", 2.4, (_CLAP_IN_PAIRS,), arms_only=True),
    Action("throw", 1.9, (_THROW,)),
    Action("kick", 1.6, (_KICK,)),
    Action("bow", 2.2, (_BOW,)),
    Action("pick up", 2.2, (_PICK_UP,)),
    Action("put down", 2.2, (_PICK_UP,), backwards=True),
    Action("sit down", 1.8, (_SIT_DOWN,)),
    Action("stand up", 1.8, (_SIT_DOWN,), backwards=True),
    Action("jump", 1.8, (_JUMP,)),
    Action("walk", 2.0, (_WALK,), steady=True),
    Action("shake hands", 2.6, (_SHAKE_HANDS, _SHAKE_HANDS), gap=1.0),
    Action("hand over", 2.4, (_GIVE, _TAKE), gap=1.2),
    Action("push", 2.0, (_PUSH, _BE_PUSHED), gap=0.85),
    Action("approach", 2.2, (_COME_CLOSER, _STAND), gap=0.9),
    Action("depart", 2.2, (_COME_CLOSER, _STAND), gap=0.9, backwards=True),
)


def action(name: str) -> Action:
    """The action of this name."""
    return next(a for a in ACTIONS if a.name == name)
