"""How a body does an action: from key poses to the places of its joints over time."""

from dataclasses import dataclass

import numpy as np

from skelact.datasets.synthetic.actions import Keys
from skelact.datasets.synthetic.body import (
    HINGES,
    INDEX,
    REST_HEIGHT,
    SEGMENTS,
    Array,
    Body,
    joint_places,
    mirrored,
    turned,
)

FPS = 30.0
# A leg of 0.85 m that swings 22 degrees to both sides takes steps of 0.64 m.
_LEG_SWING = np.radians(22.0)
_STRIDE = 4.0 * 0.85 * np.sin(_LEG_SWING)
# Below this speed, m/s, steps become smaller, down to none.
_STROLL = 0.35


@dataclass(frozen=True, eq=False)
class Style:
    """What is special to one person in one clip.

    Args:
        scale: (S, 3) factor on the angles of key poses.
        offset: (S, 3) radians added to all poses.
        sway: (T, S, 3) radians added frame by frame.
        drift: (T,) radians by which the person has turned to the left.
        step: where in a stride a walk begins, radians.
        stroll: how far the person walks at constant speed beside what the action asks for, metres.
        left: left and right are exchanged.
    """

    scale: Array
    offset: Array
    sway: Array
    drift: Array
    step: float = 0.0
    stroll: float = 0.0
    left: bool = False


def plain(frames: int) -> Style:
    """The style of the tables themselves."""
    shape = (len(SEGMENTS), 3)
    return Style(np.ones(shape), np.zeros(shape), np.zeros((frames, *shape)), np.zeros(frames))


def perform(body: Body, keys: Keys, moments: Array, style: Style, steady: bool = False) -> Array:
    """One person doing one action.

    Args:
        body: V joints.
        keys: the key poses.
        moments: (T,) share of the action's time at each frame; before 0 and after 1 nothing changes.
        style: how this person does it.
        steady: no easing between key poses.

    Returns:
        (T, V, 3) metres, +y up, the floor at y = 0, facing -z; at ``forward`` 0 the person stands at the origin.
    """
    angles, path = _between(keys, moments, style, steady)
    angles += style.offset + style.sway
    forward, rise = path[:, 0] + style.stroll * np.linspace(0.0, 1.0, len(moments)), path[:, 1]
    share = np.zeros(len(moments))
    if np.ptp(forward) > 0:
        stride = _STRIDE * body.height / REST_HEIGHT
        steps, share = _gait(forward, stride, style.step)
        angles += steps
    angles[:, HINGES, 0] = np.maximum(angles[:, HINGES, 0], 0.0)
    _flatten_feet(angles)
    if style.left:
        angles = mirrored(angles)
    places = joint_places(body, angles)
    places[..., 1] += (rise + body.clearance - places[:, body.soles, 1].min(axis=1))[:, None]
    places -= _planted(body, places, rise)[:, None, :] * (1.0 - share)[:, None, None]
    places = turned(places, style.drift)
    places[..., 2] -= forward[:, None]
    return places


def _between(keys: Keys, moments: Array, style: Style, steady: bool) -> tuple[Array, Array]:
    """(T, S, 3) angles and (T, 2) path between the key poses."""
    times = keys.times
    k = np.clip(np.searchsorted(times, moments, side="right") - 1, 0, len(times) - 2)
    weight = np.clip((moments - times[k]) / (times[k + 1] - times[k]), 0.0, 1.0)
    if not steady:
        weight = 0.5 - 0.5 * np.cos(np.pi * weight)
    poses = keys.angles * style.scale
    angles = poses[k] + (poses[k + 1] - poses[k]) * weight[:, None, None]
    path = keys.path[k] + (keys.path[k + 1] - keys.path[k]) * weight[:, None]
    return angles, path


def _gait(forward: Array, stride: float, start: float) -> tuple[Array, Array]:
    """Legs and arms of a person who moves along a path.

    Args:
        forward: (T,) metres along the path; less from frame to frame is walking backwards.
        stride: length of two steps, metres.
        start: where in a stride the path's 0 is, radians.

    Returns:
        (T, S, 3) radians to add, and (T,) how much of the walk there is, 1 at ordinary speed.
    """
    speed = np.abs(np.gradient(forward)) * FPS
    share = np.clip(speed / _STROLL, 0.0, 1.0)
    share = share * share * (3.0 - 2.0 * share)
    phase = 2.0 * np.pi * forward / stride + start
    angles = np.zeros((len(forward), len(SEGMENTS), 3))
    for side, turn in (("right", 0.0), ("left", np.pi)):
        swing = np.sin(phase + turn)
        # The knee folds while its leg comes forward.
        fold = np.maximum(np.cos(phase + turn), 0.0)
        angles[:, INDEX[f"{side}_thigh"], 0] = _LEG_SWING * swing + 0.12 * fold
        angles[:, INDEX[f"{side}_shank"], 0] = 0.08 + 0.80 * fold
        angles[:, INDEX[f"{side}_upper_arm"], 0] = -0.7 * _LEG_SWING * swing
        angles[:, INDEX[f"{side}_forearm"], 0] = 0.2
    angles[:, INDEX["pelvis"], 2] = 0.06 * np.sin(phase)
    angles[:, INDEX["trunk"], 2] = -0.12 * np.sin(phase)
    return angles * share[:, None, None], share


def _flatten_feet(angles: Array) -> None:
    """Keep the soles level as far as ankles allow; in place."""
    for side in ("left", "right"):
        pitch = angles[:, 0, 0] - angles[:, INDEX[f"{side}_thigh"], 0] + angles[:, INDEX[f"{side}_shank"], 0]
        angles[:, INDEX[f"{side}_foot"], 0] += np.clip(pitch, -0.7, 0.6)


def _planted(body: Body, places: Array, rise: Array) -> Array:
    """(T, 3) how far the soles on the floor would slide if the pelvis stayed where it is; 0 along y."""
    height = places[:, body.soles, 1] - rise[:, None] - body.clearance
    weight = np.exp(-height / 0.02)
    weight /= weight.sum(axis=1, keepdims=True)
    drawn: Array = np.einsum("tj,tjc->tc", weight, places[:, body.soles] - body.standing[body.soles])
    drawn[:, 1] = 0.0
    return drawn
