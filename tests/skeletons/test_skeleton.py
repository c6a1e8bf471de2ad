"""Skeletons: what is derived from a table, and which tables are refused."""

import json
from typing import Any

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.skeletons import SKELETONS, Skeleton, get_skeleton

JOINTS = ("belly", "neck", "left_arm", "right_arm")


def little(**changes: Any) -> Skeleton:
    """A belly with a neck, and two arms on the neck."""
    values: dict[str, Any] = {
        "name": "little",
        "joints": JOINTS,
        "parents": (0, 0, 1, 1),
        "parts": {"trunk": (0, 1), "left_arm": (2,), "right_arm": (3,)},
        "centre": 0,
        "up": "+y",
        "unit": "m",
        "rest": np.zeros((4, 3), dtype=np.float32),
    }
    return Skeleton(**{**values, **changes})


def test_bones_are_pairs_of_child_and_parent() -> None:
    assert little().bones == ((1, 0), (2, 1), (3, 1))
    assert little().root == 0
    assert len(little()) == 4


def test_mirror_exchanges_left_and_right() -> None:
    assert little().mirror.tolist() == [0, 1, 3, 2]


def test_a_joint_without_counterpart_is_its_own() -> None:
    skeleton = little(joints=("belly", "neck", "left_arm", "left_hand"))
    assert skeleton.mirror.tolist() == [0, 1, 2, 3]


def test_adjacency_of_a_small_tree() -> None:
    """Written down by hand: the neck receives from both arms, the belly from the neck; and the other way."""
    same, inward, outward = little().adjacency
    assert same.tolist() == np.eye(4).tolist()
    assert inward.tolist() == [[0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    # The neck gives to two arms: half to each.
    assert outward.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 0.5, 0, 0], [0, 0.5, 0, 0]]


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_columns_of_the_adjacency_sum_to_one(skeleton: Skeleton) -> None:
    same, inward, outward = skeleton.adjacency
    parents = {skeleton.parents[joint] for joint, _ in skeleton.bones}
    gives_inward = [float(joint != skeleton.root) for joint in range(len(skeleton))]
    gives_outward = [float(joint in parents) for joint in range(len(skeleton))]
    np.testing.assert_allclose(same.sum(axis=0), 1.0)
    np.testing.assert_allclose(inward.sum(axis=0), gives_inward)
    np.testing.assert_allclose(outward.sum(axis=0), gives_outward)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_two_hop_counts_walks_of_two_steps(skeleton: Skeleton) -> None:
    count = len(skeleton)
    near = [{j, skeleton.parents[j]} for j in range(count)]
    for child, parent in skeleton.bones:
        near[parent].add(child)
    expected = np.zeros((count, count), dtype=int)
    for start in range(count):
        for middle in near[start]:
            for end in near[middle]:
                expected[start, end] += 1
    np.testing.assert_array_equal(skeleton.two_hop, expected)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_to_dict_and_back(skeleton: Skeleton) -> None:
    again = Skeleton.from_dict(json.loads(json.dumps(skeleton.to_dict())))
    assert again == skeleton
    assert hash(again) == hash(skeleton)
    assert again.to_dict() == skeleton.to_dict()
    np.testing.assert_allclose(again.rest, skeleton.rest, atol=1e-6)


def test_equality_looks_at_name_joints_and_parents() -> None:
    assert little() == little()
    assert little() != little(parents=(0, 0, 1, 0))
    assert little() != little(name="other")
    assert little() != "little"


def test_index_names_the_joints_there_are() -> None:
    assert little().index("neck") == 1
    with pytest.raises(UserError) as error:
        little().index("tail")
    assert str(error.value) == ("skeleton little has no joint 'tail'. Joints: belly, neck, left_arm, right_arm")


def test_an_unknown_skeleton_names_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        get_skeleton("ntu-25")
    assert str(error.value) == (
        f"unknown skeleton 'ntu-25'; did you mean 'ntu25'? Known: {', '.join(sorted(SKELETONS))}; "
        "or name a TOML file that describes yours"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints": ("belly", "neck", "neck", "arm")}, "a joint name occurs twice"),
        ({"parents": (0, 0, 1)}, "4 joints, 3 parents, rest (4, 3)"),
        ({"rest": np.zeros((3, 3), dtype=np.float32)}, "4 joints, 4 parents, rest (3, 3)"),
        ({"unit": "inch"}, "unit is 'inch', expected one of m, cm, mm, px, image"),
        ({"up": "y"}, "up is 'y', expected one of +x, -x, +y, -y, +z, -z"),
        ({"parts": {"trunk": (0, 1), "arms": (2,)}}, "every joint must be in exactly one part"),
        ({"parts": {"trunk": (0, 1, 2), "arms": (2, 3)}}, "every joint must be in exactly one part"),
        ({"parents": (0, 2, 3, 1)}, "joint neck is part of a cycle"),
        ({"parents": (0, 0, 1, 4)}, "a parent is none of the joints 0 to 3"),
        ({"parents": (0, 0, 1, -1)}, "a parent is none of the joints 0 to 3"),
        ({"parents": (0, 0, 1, 3)}, "more than one root: belly, right_arm"),
    ],
)
def test_tables_that_contradict_themselves_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        little(**changes)
    assert str(error.value) == f"skeleton little: {message}"
