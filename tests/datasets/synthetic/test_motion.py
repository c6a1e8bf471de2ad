"""What movers do, without any noise: known answers of physics and anatomy."""

from dataclasses import replace

import numpy as np
import pytest

from skelact.datasets.synthetic.actions import ACTIONS, action, keys_of
from skelact.datasets.synthetic.body import HINGES, SEGMENTS, Body, resized, rest_body
from skelact.datasets.synthetic.motion import FPS, perform, plain
from skelact.skeletons import NTU25, SKELETONS, Skeleton

every_layout = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
# Bones of other skeletons, such as nose to shoulder, join segments that turn apart.
of_segments = pytest.mark.parametrize("skeleton", [one for one in SKELETONS.values() if "head" in one.joints])
every_action = pytest.mark.parametrize("name", [a.name for a in ACTIONS])
BODY = rest_body(NTU25)


def moments(frames: int = 61) -> np.ndarray:
    return np.linspace(0.0, 1.0, frames)


def act(name: str, person: int = 0, frames: int = 61, body: Body = BODY) -> np.ndarray:
    """(T, V, 3) an action as its table says."""
    what = action(name)
    return perform(body, keys_of(what, person), moments(frames), plain(frames), what.steady)


def of(places: np.ndarray, joint: str) -> np.ndarray:
    return places[:, NTU25.index(joint)]


def test_there_are_enough_actions_of_every_kind() -> None:
    assert len(ACTIONS) == len({a.name for a in ACTIONS}) == 20
    assert sum(len(a.scripts) == 2 for a in ACTIONS) == 5
    assert sum(a.backwards for a in ACTIONS) == 4


@every_action
def test_scripts_run_from_0_to_1(name: str) -> None:
    for person in range(len(action(name).scripts)):
        times = keys_of(action(name), person).times
        assert (times[0], times[-1]) == (0.0, 1.0)
        assert (np.diff(times) > 0).all()


@every_action
@of_segments
def test_bones_keep_their_length(skeleton: Skeleton, name: str) -> None:
    child, parent = np.array(skeleton.bones).T
    for person in range(len(action(name).scripts)):
        places = act(name, person, body=rest_body(skeleton))
        lengths = np.linalg.norm(places[:, child] - places[:, parent], axis=-1)
        assert np.ptp(lengths, axis=0).max() < 1e-5


@every_action
@every_layout
def test_no_person_sinks_or_floats(skeleton: Skeleton, name: str) -> None:
    body = rest_body(skeleton)
    lowest = act(name, body=body)[..., 1].min(axis=1)
    assert lowest.min() >= body.clearance - 1e-9
    if name == "jump":
        assert lowest.max() == pytest.approx(body.clearance + 0.28, abs=0.01)
    else:
        np.testing.assert_allclose(lowest, body.clearance, atol=1e-9)


@pytest.mark.parametrize("name", ["wave", "bow", "pick up", "sit down", "raise arm"])
def test_feet_stay_where_they_are(name: str) -> None:
    for joint in ("left_ankle", "right_ankle"):
        place = of(act(name), joint)[:, ::2]
        assert np.abs(place - place[0]).max() < 0.03


def test_a_kicking_person_stands_on_the_other_foot() -> None:
    places = act("kick")
    assert np.abs(of(places, "left_ankle") - of(places, "left_ankle")[0]).max() < 0.05
    assert of(places, "right_ankle")[:, 1].max() > 0.5


def test_a_walk_at_one_metre_a_second() -> None:
    """The table walks 2 m in 2 s: the pelvis comes 1 m per second forward, to -z, and never sideways."""
    assert action("walk").seconds == 2.0
    pelvis = of(act("walk", frames=61), "pelvis")
    np.testing.assert_allclose(np.diff(pelvis[:, 2]) * FPS, -1.0, atol=1e-9)
    np.testing.assert_allclose(pelvis[:, 0], 0.0, atol=1e-9)


def test_walking_puts_one_leg_before_the_other() -> None:
    places = act("walk")
    ahead = of(places, "left_ankle")[:, 2] - of(places, "right_ankle")[:, 2]
    assert np.abs(ahead).max() == pytest.approx(0.64, abs=0.15)  # a step
    changes = np.count_nonzero(np.diff(np.sign(ahead)))
    assert changes == pytest.approx(2.0 / 0.64, abs=1.0)  # one for each step
    # Arms go with the other leg.
    hands = of(places, "left_hand")[:, 2] - of(places, "right_hand")[:, 2]
    assert np.corrcoef(ahead, hands)[0, 1] < -0.8


@pytest.mark.parametrize(
    ("name", "other"),
    [("sit down", "stand up"), ("raise arm", "lower arm"), ("pick up", "put down"), ("approach", "depart")],
)
def test_some_actions_differ_only_in_the_direction_of_time(name: str, other: str) -> None:
    np.testing.assert_allclose(act(name)[::-1], act(other), atol=1e-9)
    assert np.abs(act(name) - act(other)).max() > 0.3


def test_two_ways_to_clap_differ_only_in_timing() -> None:
    evenly, pairs = keys_of(action("clap evenly"), 0), keys_of(action("clap in pairs"), 0)
    np.testing.assert_array_equal(evenly.angles, pairs.angles)
    assert not np.allclose(evenly.times, pairs.times)
    for name in ("clap evenly", "clap in pairs"):
        places = act(name, frames=401)
        apart = np.linalg.norm(of(places, "left_hand") - of(places, "right_hand"), axis=1)
        met = (apart[1:-1] < apart[:-2]) & (apart[1:-1] < apart[2:]) & (apart[1:-1] < 0.1)
        assert met.sum() == 4


@every_action
def test_the_left_handed_do_the_mirror_image(name: str) -> None:
    what = action(name)
    style = replace(plain(61), left=True)
    left = perform(BODY, keys_of(what, 0), moments(), style, what.steady)
    np.testing.assert_allclose(left, act(name)[:, NTU25.mirror] * [-1, 1, 1], atol=1e-6)


def test_a_drinking_hand_reaches_the_mouth() -> None:
    places = act("drink", frames=101)
    gap = np.linalg.norm(of(places, "right_hand") - of(places, "head"), axis=1)
    assert gap[0] > 0.6
    assert gap[45:60].max() < 0.2


def test_the_seated_sit() -> None:
    end = act("sit down")[-1]
    place = dict(zip(NTU25.joints, end, strict=True))
    assert 0.4 < place["pelvis"][1] < 0.6
    assert place["right_knee"][2] < place["right_hip"][2] - 0.3  # the thigh points forward
    assert place["head"][1] > place["pelvis"][1] + 0.5


def test_the_raised_arm_is_above_the_head() -> None:
    places = act("raise arm")
    assert of(places, "right_hand")[0, 1] < 0.8
    assert of(places, "right_hand")[-1, 1] > of(places, "head")[-1, 1] + 0.2
    assert of(places, "left_hand")[-1, 1] < 0.85


def test_picking_up_comes_near_the_floor() -> None:
    places = act("pick up")
    assert of(places, "right_hand")[:, 1].min() < 0.4
    assert of(places, "right_hand")[-1, 1] > 0.9


def test_before_and_after_an_action_nothing_moves() -> None:
    outside = perform(BODY, keys_of(action("wave"), 0), np.array([-0.5, -0.1, 1.1, 1.5]), plain(4))
    np.testing.assert_allclose(outside, np.broadcast_to(BODY.standing, outside.shape), atol=1e-9)


def test_the_tall_take_longer_steps_but_do_not_walk_faster() -> None:
    tall = resized(BODY, np.ones((len(SEGMENTS), 3)), 2.0)
    walk = act("walk", body=tall)
    np.testing.assert_allclose(np.diff(of(walk, "pelvis")[:, 2]) * FPS, -1.0, atol=1e-9)
    step = np.abs(of(walk, "left_ankle")[:, 2] - of(walk, "right_ankle")[:, 2]).max()
    assert step == pytest.approx(0.64 * 2.0 / 1.73, abs=0.15)


def test_elbows_and_knees_never_bend_backwards() -> None:
    backwards = np.zeros((len(SEGMENTS), 3))
    backwards[HINGES, 0] = np.radians(-40.0)
    style = replace(plain(3), offset=backwards)
    places = perform(BODY, keys_of(action("bow"), 0), np.zeros(3), style)
    np.testing.assert_allclose(places[0], BODY.standing, atol=1e-9)
