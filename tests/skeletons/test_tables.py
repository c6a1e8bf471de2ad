"""The tables of skeletons: orders as published, bodies that stand and are symmetric."""

import numpy as np
import pytest

from skelact.skeletons import KINECT20, NTU25, SBU15, SKELETONS, Skeleton

every_layout = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)

# 1-based (child, parent), as published with NTU RGB+D; joint 21 is its own.
NTU_PAIRS = (
    "(1,2)(2,21)(3,21)(4,3)(5,21)(6,5)(7,6)(8,7)(9,21)(10,9)(11,10)(12,11)(13,1)(14,13)(15,14)(16,15)"
    "(17,1)(18,17)(19,18)(20,19)(22,23)(23,8)(24,25)(25,12)"
)
NTU_FLIP = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 20, 23, 24, 21, 22]
# 0-based (child, parent) of Kinect v1.
KINECT_PAIRS = (
    "(1,0)(2,1)(3,2)(4,2)(5,4)(6,5)(7,6)(8,2)(9,8)(10,9)(11,10)(12,0)(13,12)(14,13)(15,14)(16,0)(17,16)"
    "(18,17)(19,18)"
)


def pairs(text: str, first: int) -> set[tuple[int, int]]:
    return {(int(a) - first, int(b) - first) for a, b in (pair.split(",") for pair in text[1:-1].split(")("))}


def test_ntu_parents_are_those_published() -> None:
    assert set(NTU25.bones) == pairs(NTU_PAIRS, first=1)
    assert NTU25.joints[NTU25.root] == "chest"


def test_ntu_mirror_order_is_that_published() -> None:
    assert NTU25.mirror.tolist() == NTU_FLIP


def test_kinect_parents_are_those_published() -> None:
    assert set(KINECT20.bones) == pairs(KINECT_PAIRS, first=0)


def test_limbs_come_in_the_published_order() -> None:
    assert KINECT20.joints[4:8] == ("left_shoulder", "left_elbow", "left_wrist", "left_hand")
    assert KINECT20.joints[16:] == ("right_hip", "right_knee", "right_ankle", "right_foot")
    assert NTU25.joints[4:8] == KINECT20.joints[4:8]
    assert NTU25.joints[20:] == ("chest", "left_hand_tip", "left_thumb", "right_hand_tip", "right_thumb")
    assert SBU15.joints[:6] == ("head", "neck", "torso", "left_shoulder", "left_elbow", "left_hand")
    assert SBU15.joints[12:] == ("right_hip", "right_knee", "right_foot")


@every_layout
def test_key_is_the_name(skeleton: Skeleton) -> None:
    assert SKELETONS[skeleton.name] is skeleton


@every_layout
def test_all_bones_lead_to_the_one_root(skeleton: Skeleton) -> None:
    assert len(skeleton.bones) == len(skeleton) - 1
    for joint in range(len(skeleton)):
        for _ in range(len(skeleton)):
            joint = skeleton.parents[joint]
        assert joint == skeleton.root


@every_layout
def test_parts_hold_every_joint_once(skeleton: Skeleton) -> None:
    assert sorted(j for part in skeleton.parts.values() for j in part) == list(range(len(skeleton)))


@every_layout
def test_mirroring_twice_changes_nothing(skeleton: Skeleton) -> None:
    mirror = skeleton.mirror
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(skeleton)))
    for child, parent in skeleton.bones:
        assert (mirror[child], mirror[parent]) in skeleton.bones


@every_layout
def test_mirror_exchanges_parts(skeleton: Skeleton) -> None:
    for side, other in (("left", "right"), ("right", "left")):
        for limb in ("arm", "leg"):
            mirrored = sorted(skeleton.mirror[list(skeleton.parts[f"{side}_{limb}"])])
            assert mirrored == sorted(skeleton.parts[f"{other}_{limb}"])


@every_layout
def test_rest_pose_is_symmetric(skeleton: Skeleton) -> None:
    mirrored = skeleton.rest[skeleton.mirror] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, skeleton.rest, atol=1e-6)


@every_layout
def test_rest_pose_stands_with_its_right_side_at_plus_x(skeleton: Skeleton) -> None:
    place = dict(zip(skeleton.joints, skeleton.rest, strict=True))
    assert 0.0 < skeleton.rest[:, 1].min() < 0.1
    assert skeleton.joints[int(skeleton.rest[:, 1].argmax())] in ("head", "left_eye", "right_eye")
    downwards = ("head", "nose", "right_shoulder", "right_hip", "right_knee", "right_ankle", "right_foot")
    heights = [place[joint][1] for joint in downwards if joint in place]
    assert len(heights) >= 5
    assert heights == sorted(heights, reverse=True)
    for right, left in skeleton.across:
        assert skeleton.rest[right, 0] > 0 > skeleton.rest[left, 0]
    for toe in {"right_foot", "right_big_toe"} & place.keys():
        assert place[toe][2] < place["right_knee"][2]  # toes point to -z


@every_layout
def test_bones_of_the_rest_pose_are_human(skeleton: Skeleton) -> None:
    lengths = [np.linalg.norm(skeleton.rest[child] - skeleton.rest[parent]) for child, parent in skeleton.bones]
    assert min(lengths) >= 0.02
    assert max(lengths) < 0.55


@every_layout
def test_across_points_to_the_right(skeleton: Skeleton) -> None:
    names = [(skeleton.joints[a], skeleton.joints[b]) for a, b in skeleton.across]
    assert names == [("right_shoulder", "left_shoulder"), ("right_hip", "left_hip")]
