"""Maps between skeletons: the same names are the same joints, and joints that are made lie where they should."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.skeletons import BODY25, COCO17, H36M17, KINECT20, NTU25, SBU15, SKELETONS, Skeleton
from skelact.skeletons.maps import MADE_OF, joint_map

PAIRS = list(permutations((KINECT20, NTU25, SBU15, COCO17, BODY25, H36M17), 2))
of_pair = pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda skeleton: skeleton.name)


def people(skeleton: Skeleton, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    shape = (4, 2, len(skeleton), 3)
    return (skeleton.rest + rng.normal(scale=0.1, size=shape)).astype(np.float32)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda one: one.name)
def test_the_map_to_itself_changes_nothing(skeleton: Skeleton) -> None:
    positions = people(skeleton)
    positions[1, 0, 2] = np.nan
    mapped = joint_map(skeleton, skeleton)
    assert mapped.missing == ()
    assert mapped.apply(positions).tobytes() == positions.tobytes()


@of_pair
def test_joints_of_the_same_name_come_back_as_they_went(source: Skeleton, target: Skeleton) -> None:
    positions = people(source)
    there = joint_map(source, target).apply(positions)
    back = joint_map(target, source).apply(there)
    common = [j for j, name in enumerate(source.joints) if name in target.joints]
    assert len(common) >= 8
    assert back[..., common, :].tobytes() == positions[..., common, :].tobytes()


@of_pair
def test_every_joint_of_the_known_skeletons_can_be_made(source: Skeleton, target: Skeleton) -> None:
    mapped = joint_map(source, target)
    assert mapped.missing == ()
    assert np.isfinite(mapped.apply(people(source))).all()
    np.testing.assert_allclose(mapped.weights.sum(axis=1), 1)
    assert (mapped.weights >= 0).all()


@of_pair
def test_a_rest_pose_maps_to_the_rest_pose_of_the_target(source: Skeleton, target: Skeleton) -> None:
    """Up to the places that the two skeletons give joints of the same name."""
    apart = np.linalg.norm(joint_map(source, target).apply(source.rest) - target.rest, axis=1)
    assert apart.max() < 0.2, dict(zip(target.joints, apart.round(2).tolist(), strict=True))
    assert np.median(apart) < 0.06


@of_pair
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999))
def test_turning_and_mapping_commute(source: Skeleton, target: Skeleton, seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    positions, shift = people(source, seed), rng.normal(size=3)
    mapped = joint_map(source, target)
    first = mapped.apply(positions @ turn.T + shift)
    np.testing.assert_allclose(first, mapped.apply(positions) @ turn.T + shift, atol=1e-5)


@of_pair
def test_left_and_right_are_made_alike(source: Skeleton, target: Skeleton) -> None:
    weights = joint_map(source, target).weights
    np.testing.assert_allclose(weights, weights[target.mirror][:, source.mirror], atol=1e-6)


def test_what_is_made_lies_between_what_it_is_made_of() -> None:
    from_kinect, from_sbu = joint_map(KINECT20, NTU25), joint_map(SBU15, KINECT20)
    neck = dict(zip(KINECT20.joints, from_kinect.weights[NTU25.index("neck")], strict=True))
    assert neck["chest"] == pytest.approx(0.6, abs=0.02)  # heights 1.40 and 1.60, the neck at 1.48
    assert neck["head"] == pytest.approx(0.4, abs=0.02)
    pelvis = dict(zip(SBU15.joints, from_sbu.weights[KINECT20.index("pelvis")], strict=True))
    assert (pelvis["left_hip"], pelvis["right_hip"]) == pytest.approx((0.5, 0.5))
    positions = people(SBU15)
    made = from_sbu.apply(positions)[..., KINECT20.index("pelvis"), :]
    hips = [SBU15.index("left_hip"), SBU15.index("right_hip")]
    np.testing.assert_allclose(made, positions[..., hips, :].mean(axis=-2), atol=1e-6)


def test_what_was_not_observed_is_not_made_up() -> None:
    positions = people(SBU15)
    positions[2, 1, SBU15.index("left_hip")] = np.nan
    made = joint_map(SBU15, KINECT20).apply(positions)
    gone = {KINECT20.joints[j] for j in np.flatnonzero(np.isnan(made[2, 1]).any(axis=-1))}
    assert gone == {"left_hip", "pelvis", "spine", "chest"}
    assert np.isfinite(made[[0, 1, 3]]).all()


def test_what_is_made_is_as_sure_as_the_least_sure_part() -> None:
    sure = np.random.default_rng(0).random((4, 2, len(SBU15))).astype(np.float32)
    made = joint_map(SBU15, KINECT20).apply_to_confidence(sure)
    hips = [SBU15.index("left_hip"), SBU15.index("right_hip")]
    np.testing.assert_array_equal(made[..., KINECT20.index("pelvis")], sure[..., hips].min(axis=-1))
    np.testing.assert_array_equal(made[..., KINECT20.index("head")], sure[..., SBU15.index("head")])
    assert made.dtype == np.float32
    np.testing.assert_array_equal(joint_map(SBU15, SBU15).apply_to_confidence(sure), sure)


def test_in_two_dimensions_too() -> None:
    positions = people(KINECT20)
    flat = joint_map(KINECT20, NTU25).apply(positions[..., :2])
    np.testing.assert_allclose(flat, joint_map(KINECT20, NTU25).apply(positions)[..., :2], atol=1e-6)


def part_of(skeleton: Skeleton, names: list[str]) -> Skeleton:
    """A skeleton of some joints, all of them children of the first."""
    rest = skeleton.rest[[skeleton.index(name) for name in names]]
    every = tuple(range(len(names)))
    return Skeleton("few", tuple(names), (0,) * len(names), {"body": every}, 0, "+y", "m", rest)


def test_what_nothing_defines_stays_missing() -> None:
    some = ["pelvis", "chest", "head", "left_hand", "right_wrist", "left_ankle", "right_foot"]
    few = part_of(KINECT20, some)
    mapped = joint_map(few, KINECT20)
    made = mapped.apply(few.rest)
    assert set(mapped.missing) == {
        f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "hip", "knee")
    }
    assert np.isnan(made[[KINECT20.index(name) for name in mapped.missing]]).all()
    assert "left_wrist" not in mapped.missing  # where the hand is
    sure = mapped.apply_to_confidence(np.ones((2, 7), dtype=np.float32))
    assert sorted(np.flatnonzero(sure[0] == 0)) == sorted(KINECT20.index(name) for name in mapped.missing)


def test_a_map_that_finds_less_than_half_is_refused() -> None:
    tail = Skeleton("cat", ("tail",), (0,), {"all": (0,)}, 0, "+y", "m", np.zeros((1, 3), np.float32))
    few = part_of(SBU15, ["head", "neck", "torso", "left_shoulder", "left_elbow", "left_hand", "left_hip"])
    with pytest.raises(UserError) as caught:
        joint_map(few, SBU15)
    assert str(caught.value) == (
        "skeleton few gives the places of 7 of the 15 joints of sbu15, at least half are needed. "
        "It has head, neck, torso, left_shoulder, left_elbow, left_hand, left_hip; it lacks right_shoulder, "
        "right_elbow, right_hand, left_knee, left_foot, right_hip, right_knee, right_foot. "
        "Joints are matched by their names"
    )
    with pytest.raises(UserError, match=r"^skeleton cat gives the places of 0 of the 15 joints of sbu15"):
        joint_map(tail, SBU15)


def test_kinect_to_coco_and_back_makes_sense() -> None:
    """The face of COCO lies where the head is; hips and shoulders are the same; neck and pelvis come back."""
    there, back = joint_map(KINECT20, COCO17), joint_map(COCO17, KINECT20)
    positions = people(KINECT20)
    coco = there.apply(positions)
    for joint in ("nose", "left_eye", "right_ear"):
        np.testing.assert_array_equal(coco[..., COCO17.index(joint), :], positions[..., KINECT20.index("head"), :])
    again = back.apply(coco)
    middle = positions[..., [KINECT20.index("left_hip"), KINECT20.index("right_hip")], :].mean(axis=-2)
    np.testing.assert_allclose(again[..., KINECT20.index("pelvis"), :], middle, atol=1e-6)
    head = KINECT20.index("head")
    np.testing.assert_allclose(again[..., head, :], positions[..., head, :], atol=1e-6)


def test_without_a_rest_pose_a_joint_lies_in_the_middle() -> None:
    bare = replace(SBU15, rest=np.zeros((15, 3), np.float32))
    weights = joint_map(bare, KINECT20).weights[KINECT20.index("left_wrist")]
    assert weights[[SBU15.index("left_elbow"), SBU15.index("left_hand")]].tolist() == [0.5, 0.5]


def test_the_table_names_joints_that_some_skeleton_has() -> None:
    known = {name for skeleton in SKELETONS.values() for name in skeleton.joints}
    used = {*MADE_OF, *(other for choices in MADE_OF.values() for others in choices for other in others)}
    assert used <= known
