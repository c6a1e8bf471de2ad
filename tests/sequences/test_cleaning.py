"""Cleaning: each step against a known answer, and what must not change the outcome."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.sequences import Sequence
from skelact.sequences.cleaning import (
    CLEANINGS,
    Cleaning,
    fill_gaps,
    get_cleaning,
    keep_people,
    keep_widest,
    move_to_centre,
    people,
    tilt_upright,
    to_metres,
    to_rest_bones,
    to_rest_size,
    trim_ends,
    turn_to_front,
)
from skelact.skeletons import KINECT20, NTU25, SBU15, SKELETONS, Skeleton
from skelact.skeletons.skeleton import from_table

NAN = np.float32(np.nan)
HEADING_FREE = from_table(
    "hand2",
    [("palm", "palm", "hand", (0, 0, 0)), ("tip", "palm", "hand", (0, 0.1, 0))],
    centre="palm",
    up="+y",
    unit="m",
)


def standing(skeleton: Skeleton = KINECT20, frames: int = 12, people: int = 1) -> NDArray[np.float32]:
    """(T, M, V, 3) people in the rest pose, a metre apart, standing still."""
    places = skeleton.rest[None, None] + np.arange(people)[None, :, None, None] * np.array([1.0, 0, 0])
    return np.repeat(places, frames, axis=0).astype(np.float32)


def lively(seed: int, skeleton: Skeleton = KINECT20, frames: int = 20, people: int = 2) -> Sequence:
    """Two people who wander, turn a little and wave about; the first moves most; some joints are missing."""
    rng = np.random.default_rng(seed)
    path = rng.normal(size=(frames, people, 1, 3)).cumsum(axis=0) * 0.02
    positions = (
        standing(skeleton, frames, people) + path + rng.normal(size=(frames, people, len(skeleton), 3)) * 0.02
    )
    positions[:, 0] += rng.normal(size=(frames, 1, 3)).cumsum(axis=0) * 0.1
    positions[rng.random(positions.shape[:3]) < 0.03] = np.nan
    return Sequence(positions, skeleton, 30.0, name=f"lively{seed}")


def depth(skeleton: Skeleton, joint: int) -> int:
    """How many bones lie between a joint and the root."""
    parent = skeleton.parents[joint]
    return 0 if parent == joint else 1 + depth(skeleton, parent)


def about(axis: str, degrees: float) -> NDArray[np.float64]:
    """(3, 3) right-handed rotation about x, y or z."""
    turn = np.deg2rad(degrees)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(turn)
    matrix[second, first], matrix[first, second] = np.sin(turn), -np.sin(turn)
    return matrix


def at(sequence: Sequence, positions: NDArray[Any]) -> Sequence:
    return replace(sequence, positions=positions.astype(np.float32))


# Which people


def test_those_who_move_most_come_first() -> None:
    positions = standing(people=3)
    positions[:, 2] += np.linspace(0, 2, 12)[:, None, None]
    positions[:, 1] += np.linspace(0, 1, 12)[:, None, None]
    kept = keep_people(Sequence(positions, KINECT20, 30.0), 2)
    np.testing.assert_array_equal(kept.positions, positions[:, [2, 1]])
    assert kept.provenance == ("keep_people(persons=2)",)


def test_a_glitch_of_two_frames_does_not_oust_a_person() -> None:
    positions = standing(people=2)
    positions[:, 0] += np.linspace(0, 0.5, 12)[:, None, None]
    positions[:10, 1] = np.nan
    positions[11, 1] += 1.0
    kept = keep_people(Sequence(positions, KINECT20, 30.0), 1)
    np.testing.assert_array_equal(kept.positions[:, 0], positions[:, 0])


def test_empty_places_are_dropped() -> None:
    positions = standing(people=2)
    positions[:, 0] = np.nan
    assert keep_people(Sequence(positions, KINECT20, 30.0), 2).persons == 1


def test_a_person_keeps_a_place_when_the_recorder_shuffles_them() -> None:
    tidy = lively(3).positions
    track = np.tile([70, 50], (20, 1))
    shuffled, shuffled_track = tidy.copy(), track.copy()
    shuffled[7:], shuffled_track[7:] = tidy[7:, ::-1], track[7:, ::-1]
    confidence = np.where(shuffled_track == 70, 0.7, 0.5)[..., None].repeat(20, axis=2).astype(np.float32)
    sequence = Sequence(shuffled, KINECT20, 30.0, track=shuffled_track, confidence=confidence)
    kept = keep_people(sequence, 2)
    np.testing.assert_array_equal(kept.positions, tidy)
    assert kept.track is None
    np.testing.assert_array_equal(kept.confidence, np.full((20, 2, 20), [[[0.7], [0.5]]], dtype=np.float32))


def test_a_person_lost_and_found_again_is_one_person() -> None:
    positions = standing(frames=12) + np.linspace(0, 0.3, 12, dtype=np.float32)[:, None, None, None]
    positions[5] = np.nan
    track = np.array([[4]] * 5 + [[-1]] + [[9]] * 6)
    kept = keep_people(Sequence(positions, KINECT20, 30.0, track=track), 2)
    np.testing.assert_array_equal(kept.positions, positions)


def test_a_person_who_appears_elsewhere_is_another() -> None:
    positions = standing(frames=12)
    positions[6:] += 2.0
    track = np.array([[4]] * 6 + [[9]] * 6)
    kept = keep_people(Sequence(positions, KINECT20, 30.0, track=track), 2)
    assert kept.valid.any(axis=2).sum(axis=0).tolist() == [6, 6]


# When


def test_empty_frames_at_both_ends_go_and_those_between_stay() -> None:
    positions = standing(frames=8)
    positions[[0, 1, 4, 7]] = np.nan
    confidence = np.arange(8 * 20, dtype=np.float32).reshape(8, 1, 20) / 160
    trimmed = trim_ends(Sequence(positions, KINECT20, 30.0, confidence=confidence, track=np.arange(8)[:, None]))
    np.testing.assert_array_equal(trimmed.positions, positions[2:7])
    np.testing.assert_array_equal(trimmed.confidence, confidence[2:7])
    np.testing.assert_array_equal(trimmed.track, np.arange(2, 7)[:, None])


def test_short_gaps_are_filled_linearly_and_long_ones_stay() -> None:
    positions = np.tile(np.arange(12, dtype=np.float32)[:, None, None, None], (1, 1, 2, 3)) ** 2
    positions[3:5, 0, 0] = np.nan  # two frames: filled
    positions[7:10, 0, 0] = np.nan  # three frames: too long
    filled = fill_gaps(Sequence(positions, HEADING_FREE, 10.0), 0.2).positions[:, 0]
    known = [4.0 + 7.0, 4.0 + 14.0]  # a third and two thirds of the way from 2 * 2 to 5 * 5
    np.testing.assert_allclose(filled[3:5, 0], np.array(known)[:, None].repeat(3, axis=1))
    assert np.isnan(filled[7:10, 0]).all()
    np.testing.assert_array_equal(filled[:, 1], positions[:, 0, 1])


def test_at_the_ends_of_a_clip_the_nearest_place_holds() -> None:
    positions = np.tile(np.arange(9, dtype=np.float32)[:, None, None, None], (1, 1, 2, 3))
    positions[[0, 1, 8], 0, 0] = np.nan
    filled = fill_gaps(Sequence(positions, HEADING_FREE, 10.0), 0.2).positions[:, 0, 0, 0]
    assert filled.tolist() == [2, 2, 2, 3, 4, 5, 6, 7, 7]
    positions[2, 0, 0] = np.nan
    filled = fill_gaps(Sequence(positions, HEADING_FREE, 10.0), 0.2).positions[:, 0, 0, 0]
    assert np.isnan(filled[:3]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), frames=st.integers(1, 15), seconds=st.sampled_from([0.1, 0.3, 9.0]))
def test_filling_agrees_with_a_loop(seed: int, frames: int, seconds: float) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(frames, 2, 2, 3)).astype(np.float32)
    positions[rng.random((frames, 2, 2)) < 0.5] = np.nan
    if np.isnan(positions).all():
        return
    expected = positions.copy()
    for person in range(2):
        for joint in range(2):
            known = np.flatnonzero(~np.isnan(positions[:, person, joint, 0]))
            for frame in range(frames if len(known) else 0):
                before, after = known[known <= frame].max(initial=-1), known[known >= frame].min(initial=frames)
                if 0 < after - before - 1 <= round(seconds * 10):
                    column = [np.interp(frame, known, positions[known, person, joint, axis]) for axis in range(3)]
                    expected[frame, person, joint] = column
    filled = fill_gaps(Sequence(positions, HEADING_FREE, 10.0), seconds)
    np.testing.assert_allclose(filled.positions, expected, atol=1e-6)


# Where and how large


@pytest.mark.parametrize(("unit", "factor"), [("mm", 0.001), ("cm", 0.01), ("m", 1.0)])
def test_lengths_become_metres(unit: str, factor: float) -> None:
    metres = to_metres(Sequence(standing() / factor, KINECT20, 30.0, unit=unit))
    np.testing.assert_allclose(metres.positions, standing(), rtol=1e-6)
    assert metres.unit == "m"


def test_pixels_stay_pixels() -> None:
    sequence = to_metres(Sequence(standing(), KINECT20, 30.0, unit="px"))
    assert (sequence.unit, sequence.provenance) == ("px", ("to_metres: skipped, the unit is px",))


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_child_becomes_as_large_as_the_rest_pose(skeleton: Skeleton) -> None:
    small = standing(skeleton) * np.float32(0.6)
    small[3:6, 0, 4] = np.nan
    sized = to_rest_size(Sequence(small, skeleton, 30.0))
    np.testing.assert_allclose(sized.positions[0], standing(skeleton)[0], rtol=1e-5)


def test_both_people_are_scaled_alike() -> None:
    both = standing(people=2)
    both[:, 0] *= 0.5
    sized = to_rest_size(Sequence(both, KINECT20, 30.0))
    np.testing.assert_allclose(sized.positions, 2 * both, rtol=1e-5)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_long_arms_and_short_legs_become_those_of_the_rest_pose(skeleton: Skeleton) -> None:
    rng = np.random.default_rng(3)
    built = standing(skeleton, people=2)
    for joint, parent in sorted(skeleton.bones, key=lambda bone: depth(skeleton, bone[0])):
        bone = skeleton.rest[joint] - skeleton.rest[parent]
        built[:, :, joint] = built[:, :, parent] + bone * rng.uniform(0.5, 2.0, size=(1, 2, 1))
    whole = to_rest_bones(Sequence(built, skeleton, 30.0))
    shape = whole.positions - whole.positions[:, :, [skeleton.root]]
    np.testing.assert_allclose(shape[0, 0], skeleton.rest - skeleton.rest[skeleton.root], atol=1e-5)
    np.testing.assert_allclose(shape[0, 1], shape[0, 0], atol=1e-5)
    assert whole.provenance == ("to_rest_bones()",)


def test_bones_keep_where_they_point_and_missing_joints_stay_missing() -> None:
    sequence = lively(5)
    positions = sequence.positions.copy()
    positions[4:9, 0, 5] = np.nan  # an elbow: the wrist below hangs on the shoulder then
    positions[2, 0, KINECT20.root] = np.nan
    positions[3] = np.nan
    moved = to_rest_bones(at(sequence, positions)).positions
    np.testing.assert_array_equal(np.isnan(moved), np.isnan(positions))
    child, parent = np.array(KINECT20.bones).T
    before, after = positions[:, :, child] - positions[:, :, parent], moved[:, :, child] - moved[:, :, parent]
    known = ~np.isnan(before[..., 0])
    lengths = np.broadcast_to(np.linalg.norm(KINECT20.rest[child] - KINECT20.rest[parent], axis=1), known.shape)
    np.testing.assert_allclose(np.linalg.norm(after, axis=-1)[known], lengths[known], rtol=1e-4)
    cosine = (before * after).sum(-1) / (np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1))
    np.testing.assert_allclose(cosine[known], 1.0, atol=1e-4)


def test_flat_positions_have_no_bone_lengths() -> None:
    flat = to_rest_bones(Sequence(standing()[..., :2], KINECT20, 30.0))
    assert flat.provenance == ("to_rest_bones: skipped, positions are flat",)


def test_the_centre_joint_is_the_origin_in_every_frame() -> None:
    walking = standing(people=2) + np.linspace(0, 3, 12, dtype=np.float32)[:, None, None, None]
    centred = move_to_centre(Sequence(walking, KINECT20, 30.0), "frame")
    expected = standing(people=2) - KINECT20.rest[KINECT20.centre]
    np.testing.assert_allclose(centred.positions, expected, atol=1e-6)


def test_the_path_is_kept_when_the_first_frame_gives_the_origin() -> None:
    walking = standing() + np.linspace(1, 3, 12, dtype=np.float32)[:, None, None, None]
    walking[:2, 0, KINECT20.centre] = np.nan
    centred = move_to_centre(Sequence(walking, KINECT20, 30.0), "first")
    np.testing.assert_allclose(centred.positions, walking - walking[2, 0, KINECT20.centre], atol=1e-6)


def test_where_the_centre_is_missing_its_neighbours_in_time_stand_for_it() -> None:
    walking = standing() + np.linspace(0, 3, 12, dtype=np.float32)[:, None, None, None]
    whole = move_to_centre(Sequence(walking, KINECT20, 30.0), "frame").positions
    walking[4:8, 0, KINECT20.centre] = np.nan
    centred = move_to_centre(Sequence(walking, KINECT20, 30.0), "frame").positions
    rest = np.arange(20) != KINECT20.centre
    np.testing.assert_allclose(centred[:, :, rest], whole[:, :, rest], atol=1e-6)


def test_without_any_centre_joint_the_middle_of_the_body_is_the_origin() -> None:
    still = standing()
    still[:, 0, KINECT20.centre] = np.nan
    centred = move_to_centre(Sequence(still, KINECT20, 30.0), "frame").positions
    np.testing.assert_allclose(np.nanmean(centred, axis=2), 0, atol=1e-6)


# Tilt


@pytest.mark.parametrize("over", ["clip", "start"])
@pytest.mark.parametrize(("axis", "degrees"), [("x", 0), ("x", 25), ("z", -40), ("x", 90)])
@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_tilted_camera_is_straightened(skeleton: Skeleton, axis: str, degrees: int, over: Any) -> None:
    trunk = tilt_upright(Sequence(standing(skeleton), skeleton, 30.0, up="+y"), over).positions
    tilted = standing(skeleton) @ about(axis, degrees).T
    straight = tilt_upright(Sequence(tilted, skeleton, 30.0, up="+y"), over)
    np.testing.assert_allclose(straight.positions, trunk, atol=1e-5)
    assert straight.provenance == (f"tilt_upright(over={over})",)


def test_bending_down_for_a_while_does_not_tilt_the_clip() -> None:
    bending = standing()
    bending[8:] = bending[8:] @ about("x", 80).T  # a third of the frames
    straight = tilt_upright(Sequence(bending, KINECT20, 30.0), "clip").positions
    expected = tilt_upright(Sequence(standing(), KINECT20, 30.0), "clip").positions
    np.testing.assert_allclose(straight[:8], expected[:8], atol=0.06)  # a plain mean would tilt by 25 degrees


def test_what_has_no_trunk_is_left_and_says_why() -> None:
    flat = Sequence(standing()[..., :2], KINECT20, 30.0)
    assert tilt_upright(flat, "clip").provenance == ("tilt_upright: skipped, positions are flat",)
    hand = Sequence(standing(HEADING_FREE), HEADING_FREE, 30.0)
    reason = "tilt_upright: skipped, the skeleton does not have shoulders and hips"
    assert tilt_upright(hand, "clip").provenance == (reason,)
    unseen = standing()
    unseen[:, :, KINECT20.index("left_hip")] = np.nan
    reason = "tilt_upright: skipped, shoulders and hips were not observed"
    assert tilt_upright(Sequence(unseen, KINECT20, 30.0), "clip").provenance == (reason,)


# Heading


@pytest.mark.parametrize("over", ["clip", "start"])
@pytest.mark.parametrize("degrees", [0, 35, 90, 180, -120])
@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_a_person_who_faces_elsewhere_is_turned_to_the_rest_pose(
    skeleton: Skeleton, degrees: int, over: Any
) -> None:
    turned = standing(skeleton, people=2) @ about("y", degrees).T
    front = turn_to_front(Sequence(turned, skeleton, 30.0), over)
    np.testing.assert_allclose(front.positions, standing(skeleton, people=2), atol=1e-5)
    assert front.provenance == (f"turn_to_front(over={over})",)


UPRIGHT = {  # a rotation that takes +y to the axis and leaves x where it is, or for x itself takes +y to it
    "+y": np.eye(3),
    "-y": about("x", 180),
    "+z": about("x", 90),
    "-z": about("x", -90),
    "+x": about("z", -90),
    "-x": about("z", 90),
}


@pytest.mark.parametrize("up", UPRIGHT)
def test_any_axis_may_be_up(up: str) -> None:
    vertical = np.zeros(3)
    vertical["xyz".index(up[1])] = 1 if up[0] == "+" else -1
    np.testing.assert_allclose(UPRIGHT[up] @ [0, 1, 0], vertical, atol=1e-12)
    world = standing() @ about("y", 50).T @ UPRIGHT[up].T
    front = turn_to_front(Sequence(world, KINECT20, 30.0, up=up), "clip").positions
    right = front[0, 0, KINECT20.index("right_shoulder")] - front[0, 0, KINECT20.index("left_shoulder")]
    side = np.array([0, 1, 0]) if up[1] == "x" else np.array([1, 0, 0])
    np.testing.assert_allclose(right, 0.36 * side, atol=1e-5)
    np.testing.assert_allclose(front @ vertical, world @ vertical, atol=1e-5)


def test_mirrored_frames_do_not_turn_the_clip() -> None:
    recorded = standing() @ about("y", 70).T
    recorded[8:] = recorded[8:, :, KINECT20.mirror]  # a third of the frames
    front = turn_to_front(Sequence(recorded, KINECT20, 30.0), "clip").positions
    np.testing.assert_allclose(front[:8], standing()[:8], atol=2e-3)


def test_the_second_person_turns_with_the_first() -> None:
    facing = standing(people=2)
    facing[:, 1] = (facing[:, 1] - [1, 0, 0]) @ about("y", 180).T + [1, 0, 0]
    front = turn_to_front(Sequence(facing @ about("y", 40).T, KINECT20, 30.0), "clip").positions
    np.testing.assert_allclose(front, facing, atol=1e-5)


def test_what_has_no_heading_is_left_and_says_why() -> None:
    flat = Sequence(standing()[..., :2], KINECT20, 30.0)
    assert turn_to_front(flat, "clip").provenance == ("turn_to_front: skipped, positions are flat",)
    hand = Sequence(standing(HEADING_FREE), HEADING_FREE, 30.0)
    reason = "turn_to_front: skipped, the skeleton has neither shoulders nor hips"
    assert turn_to_front(hand, "clip").provenance == (reason,)
    unseen = standing()
    unseen[:, :, [4, 8, 12, 16]] = np.nan
    reason = "turn_to_front: skipped, shoulders and hips were not observed"
    assert turn_to_front(Sequence(unseen, KINECT20, 30.0), "clip").provenance == (reason,)


# Recipes


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 99),
    degrees=st.floats(-180, 180),
    shift=st.tuples(*[st.floats(-3, 3)] * 3),
    skeleton=st.sampled_from([KINECT20, NTU25, SBU15]),
)
def test_default_does_not_see_where_a_scene_is_or_faces(
    seed: int, degrees: float, shift: tuple[float, float, float], skeleton: Skeleton
) -> None:
    sequence = lively(seed, skeleton)
    elsewhere = at(sequence, sequence.positions @ about("y", degrees).T + np.array(shift))
    clean = get_cleaning("default")
    np.testing.assert_allclose(clean(elsewhere).positions, clean(sequence).positions, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), factor=st.floats(0.5, 2.0))
def test_with_scale_default_does_not_see_size_either(seed: int, factor: float) -> None:
    sequence = lively(seed)
    clean = Cleaning(scale="body")
    larger = at(sequence, sequence.positions * factor)
    np.testing.assert_allclose(clean(larger).positions, clean(sequence).positions, atol=2e-5)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 99),
    words=st.sampled_from(["", ",scale=body", ",scale=bones", ",upright=clip", ",heading=start"]),
)
def test_cleaning_twice_is_cleaning_once(seed: int, words: str) -> None:
    clean = get_cleaning("default,persons=0" + words)  # who moves most may be another one after centring
    once = clean(lively(seed))
    np.testing.assert_allclose(clean(once).positions, once.positions, atol=1e-5)


def test_default_keeps_distances_between_joints() -> None:
    sequence = Sequence(lively(1).positions[..., :], KINECT20, 30.0)
    cleaned = get_cleaning("default,fill_seconds=0")(sequence)
    before = np.linalg.norm(sequence.positions[:, :, :1] - sequence.positions, axis=-1)
    after = np.linalg.norm(cleaned.positions[:, :, :1] - cleaned.positions, axis=-1)
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_default_says_what_it_did() -> None:
    assert get_cleaning("default")(lively(0)).provenance == (
        "keep_people(persons=2)",
        "trim_ends()",
        "fill_gaps(seconds=0.5)",
        "to_metres()",
        "move_to_centre(of=frame)",
        "turn_to_front(over=clip)",
    )


def test_none_changes_nothing() -> None:
    sequence = lively(0)
    assert get_cleaning("none")(sequence) is sequence


@pytest.mark.parametrize("name", CLEANINGS)
def test_an_empty_recording_is_refused(name: str) -> None:
    empty = Sequence(np.full((3, 1, 25, 3), NAN), NTU25, 30.0, name="empty")
    with pytest.raises(UserError) as caught:
        get_cleaning(name)(empty)
    assert str(caught.value) == "sequence 'empty': no joint is observed in any frame"


def test_settings_may_follow_a_name() -> None:
    assert get_cleaning("default") == Cleaning()
    changed = get_cleaning("default,scale=bones,heading=start,fill_seconds=1,persons=1")
    assert changed == Cleaning(scale="bones", heading="start", fill_seconds=1.0, persons=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defalt", "unknown cleaning 'defalt'; did you mean 'default'? Known: default, none, ntu-agcn"),
        ("default,scale", "cleaning 'default,scale': expected settings like scale=bones, got 'scale'"),
        (
            "default,center=first",
            "cleaning 'default,center=first': unknown setting 'center'; did you mean 'centre'? Known: "
            "centre, fill_seconds, heading, metres, persons, scale, trim, upright",
        ),
        ("default,trim=3", "cleaning 'default,trim=3': trim must be bool, got 3"),
        (
            "default,heading=left",
            "cleaning 'default,heading=left': unknown heading 'left'. Known: clip, none, start",
        ),
        ("ntu-agcn,trim=true", "cleaning ntu-agcn has no settings, got trim=true"),
    ],
)
def test_recipes_that_are_none(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        get_cleaning(text)
    assert str(caught.value) == message


# The published preprocessing of NTU RGB+D, where the real files do not reach


def test_ntu_agcn_is_for_ntu25() -> None:
    with pytest.raises(UserError) as caught:
        get_cleaning("ntu-agcn")(Sequence(standing(), KINECT20, 30.0, name="other"))
    reason = "cleaning ntu-agcn is for skeleton ntu25, sequence 'other' has kinect20. Take --clean default"
    assert str(caught.value) == reason


def test_only_the_first_four_places_are_looked_at() -> None:
    positions = standing(NTU25, people=5)
    positions *= np.array([1, 3, 2, 1, 9], dtype=np.float32)[:, None, None]
    kept = keep_widest(Sequence(positions, NTU25, 30.0))
    np.testing.assert_array_equal(kept.positions, positions[:, [1, 2]])


def test_ntu_agcn_points_the_first_spine_up_z_and_shoulders_along_x() -> None:
    sequence = lively(5, NTU25)
    cleaned = get_cleaning("ntu-agcn")(at(sequence, np.nan_to_num(sequence.positions, nan=0.5)))
    first = cleaned.positions[0, 0]
    np.testing.assert_allclose(cleaned.positions[:, 0, 1], 0, atol=1e-6)
    across = (first[8] - first[4]) / np.linalg.norm(first[8] - first[4])
    np.testing.assert_allclose(across, [1, 0, 0], atol=1e-5)
    assert cleaned.up == "+z"


def test_ntu_agcn_moves_a_late_person_to_the_start() -> None:
    positions = lively(5, NTU25, frames=10).positions.copy()
    positions = np.nan_to_num(positions, nan=0.5)
    positions[:3, 1] = np.nan
    positions[6, 1] = np.nan
    whole = get_cleaning("ntu-agcn")(Sequence(positions, NTU25, 30.0))
    order = [3, 4, 5, 7, 8, 9, 3, 4, 5, 7]  # those seen, then from the start again
    moved = positions.copy()
    moved[:, 1] = positions[order, 1]
    again = get_cleaning("ntu-agcn")(Sequence(moved, NTU25, 30.0))
    assert whole.valid.all()
    np.testing.assert_allclose(whole.positions, again.positions, atol=1e-6)


def test_confidence_goes_where_its_joint_goes() -> None:
    positions = np.nan_to_num(lively(5, NTU25, frames=10).positions, nan=0.5)
    positions[:3, 1] = np.nan
    positions[6, 1] = np.nan
    sure = np.random.default_rng(0).random(positions.shape[:3]).astype(np.float32)
    sequence = Sequence(positions, NTU25, 30.0, confidence=sure)
    widest = keep_widest(sequence)
    places = [0, 1] if np.array_equal(widest.positions[:, 0], positions[:, 0]) else [1, 0]
    np.testing.assert_array_equal(widest.confidence, sure[:, places])
    moved = sure.copy()
    moved[:, 1] = sure[[3, 4, 5, 7, 8, 9, 3, 4, 5, 7], 1]  # as the person does
    np.testing.assert_array_equal(get_cleaning("ntu-agcn")(sequence).confidence, moved[:, places])


def test_what_was_filled_in_has_no_confidence() -> None:
    positions = lively(3).positions.copy()
    positions[4:6, 0, 2] = np.nan
    sure = np.full(positions.shape[:3], 0.75, dtype=np.float32)
    sequence = Sequence(positions, KINECT20, 30.0, confidence=sure)
    filled = fill_gaps(sequence, 0.5)
    assert filled.valid[4:6, 0, 2].all()
    assert filled.confidence is not None
    np.testing.assert_array_equal(filled.confidence, np.where(sequence.valid, np.float32(0.75), np.float32(0)))


def test_all_recipes_keep_confidence() -> None:
    positions = np.nan_to_num(lively(5, NTU25).positions, nan=0.5)
    sequence = Sequence(positions, NTU25, 30.0, confidence=np.ones(positions.shape[:3]))
    for name in (*CLEANINGS, "default,scale=bones,upright=clip"):
        cleaned = get_cleaning(name)(sequence)
        assert cleaned.confidence is not None
        assert cleaned.confidence.shape == cleaned.valid.shape
        assert (cleaned.confidence == 1).all()


def test_ntu_agcn_repeats_who_leaves_and_keeps_gaps_in_the_middle() -> None:
    positions = np.nan_to_num(lively(5, NTU25, frames=20).positions, nan=0.5)
    positions[4, 1] = np.nan
    positions[8:, 1] = np.nan
    left = get_cleaning("ntu-agcn")(Sequence(positions, NTU25, 30.0))
    positions[:, 1] = positions[np.arange(20) % 8, 1]  # the own frames of that person, from the first on
    stayed = get_cleaning("ntu-agcn")(Sequence(positions, NTU25, 30.0))
    np.testing.assert_array_equal(left.positions, stayed.positions)
    missing = [frame for person in range(2) for frame in np.flatnonzero(~left.valid[:, person].any(axis=1))]
    assert missing == [4, 12]


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), persons=st.integers(1, 3), gaps=st.sampled_from([0.0, 0.0, 0.2]))
def test_people_who_keep_their_places_are_not_sorted_in_vain(seed: int, persons: int, gaps: float) -> None:
    """What is left out where everyone is always in one place would have changed nothing."""
    rng = np.random.default_rng(seed)
    positions = rng.normal(0, 1, (12, persons, 20, 3))
    positions[rng.random((12, persons)) < gaps] = np.nan
    positions[0] = np.nan_to_num(positions[0])
    track = np.tile(rng.permutation(9)[:persons], (12, 1))
    track[5:, 0] += int(rng.integers(0, 2)) * 10
    sequence = Sequence(positions, KINECT20, 30.0, track=track, confidence=rng.random((12, persons, 20)))
    kept = keep_people(sequence, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "_in_their_places", lambda *_: False)
        sorted_ = keep_people(sequence, 2)
    np.testing.assert_array_equal(kept.positions, sorted_.positions)
    np.testing.assert_array_equal(kept.confidence, sorted_.confidence)
