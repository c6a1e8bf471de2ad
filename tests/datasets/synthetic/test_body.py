"""The body of movers: bones stay as long as they are, sides are symmetric, people stand on the floor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.datasets.synthetic.body import (
    INDEX,
    REST_HEIGHT,
    SEGMENTS,
    joint_places,
    mirrored,
    resized,
    rest_body,
    turned,
)
from skelact.errors import UserError
from skelact.skeletons import NTU25, SKELETONS, Skeleton

every_layout = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
# Bones of other skeletons, such as nose to shoulder, join segments that turn apart.
of_segments = pytest.mark.parametrize("skeleton", [one for one in SKELETONS.values() if "head" in one.joints])
COCO = (
    "nose,left_eye,right_eye,left_ear,right_ear,left_shoulder,right_shoulder,left_elbow,right_elbow,"
    "left_wrist,right_wrist,left_hip,right_hip,left_knee,right_knee,left_ankle,right_ankle"
)


def named(joints: str, rest: np.ndarray) -> Skeleton:
    names = tuple(joints.split(","))
    every = tuple(range(len(names)))
    return Skeleton("little", names, (0,) * len(names), {"all": every}, 0, "+y", "m", rest.astype(np.float32))


def bent(**turns: float) -> np.ndarray:
    """(S, 3) with some flex angles in degrees."""
    angles = np.zeros((len(SEGMENTS), 3))
    for name, degrees in turns.items():
        angles[INDEX[name], 0] = np.radians(degrees)
    return angles


@every_layout
def test_at_ease_it_is_the_rest_pose(skeleton: Skeleton) -> None:
    np.testing.assert_allclose(rest_body(skeleton).standing, skeleton.rest, atol=1e-6)


@of_segments
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_bones_keep_their_length_in_any_pose(skeleton: Skeleton, seed: int) -> None:
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, size=(20, len(SEGMENTS), 3))
    places = joint_places(rest_body(skeleton), angles)
    child, parent = np.array(skeleton.bones).T
    lengths = np.linalg.norm(places[:, child] - places[:, parent], axis=-1)
    rest = skeleton.rest.astype(float)
    np.testing.assert_allclose(lengths, np.linalg.norm(rest[child] - rest[parent], axis=-1)[None].repeat(20, 0))


@every_layout
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_mirrored_angles_give_the_mirror_image(skeleton: Skeleton, seed: int) -> None:
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, size=(5, len(SEGMENTS), 3))
    body = rest_body(skeleton)
    image = joint_places(body, angles)[:, skeleton.mirror] * [-1, 1, 1]
    np.testing.assert_allclose(joint_places(body, mirrored(angles)), image, atol=1e-6)


@pytest.mark.parametrize("height", [1.5, 1.73, 2.0])
@of_segments
def test_standing_height_is_as_asked(skeleton: Skeleton, height: float) -> None:
    scale = np.random.default_rng(0).uniform(0.8, 1.2, size=(len(SEGMENTS), 3))
    body = resized(rest_body(skeleton), scale, height)
    # The head joint is as far below the top of the head, in proportion, as in the rest pose.
    head = skeleton.rest[skeleton.index("head"), 1] * height / REST_HEIGHT
    assert body.standing[skeleton.index("head"), 1] == pytest.approx(head, abs=1e-6)
    assert body.standing[:, 1].min() == pytest.approx(skeleton.rest[:, 1].min() * height / REST_HEIGHT, abs=1e-6)


@pytest.mark.parametrize(
    ("turn", "joint", "expected"),
    [
        # A right arm hangs down 0.28 m from shoulder to elbow, 2 cm back; raised, back is down.
        (bent(right_upper_arm=90), "right_elbow", (0.22, 1.36, -0.28)),
        (bent(right_thigh=90), "right_knee", (0.10, 0.94, -0.43)),
        # The shank folds backwards: 0.41 m down and 3 cm back become 0.41 m back and 3 cm up.
        (bent(right_shank=90), "right_ankle", (0.10, 0.53, 0.40)),
        # From the spine the neck is 0.28 m up; bent forward it is in front.
        (bent(trunk=90), "neck", (0.00, 1.20, -0.28)),
    ],
)
def test_positive_flex_is_forward(turn: np.ndarray, joint: str, expected: tuple[float, ...]) -> None:
    places = joint_places(rest_body(NTU25), turn) + NTU25.rest[NTU25.index("pelvis")]
    np.testing.assert_allclose(places[NTU25.index(joint)], expected, atol=1e-6)


def test_positive_side_is_away_from_the_body_and_axial_is_inward() -> None:
    angles = bent(left_forearm=90, right_forearm=90)
    angles[[INDEX["left_upper_arm"], INDEX["right_upper_arm"]], 2] = np.radians(60)
    hand = joint_places(rest_body(NTU25), angles)[[NTU25.index("left_hand"), NTU25.index("right_hand")], 0]
    assert hand[1] == pytest.approx(-hand[0])
    assert hand[1] < 0.0  # crossed over
    angles = np.zeros_like(angles)
    angles[[INDEX["left_upper_arm"], INDEX["right_upper_arm"]], 1] = np.radians(90)
    hand = joint_places(rest_body(NTU25), angles)[[NTU25.index("left_hand"), NTU25.index("right_hand")], 0]
    assert hand[1] == pytest.approx(-hand[0])
    assert hand[1] > 0.7  # spread out


def test_a_quarter_turn_to_the_left_faces_minus_x() -> None:
    facing, right = np.array([[0.0, 0.0, -1.0]]), np.array([[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(turned(facing, np.pi / 2), [[-1.0, 0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(turned(right, np.pi / 2), [[0.0, 0.0, -1.0]], atol=1e-12)
    both = turned(np.repeat(facing[:, None], 2, axis=0), np.array([0.0, np.pi / 2]))
    np.testing.assert_allclose(both[:, 0], [[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]], atol=1e-12)


def test_a_skeleton_of_face_and_limbs_works_too() -> None:
    rest = np.random.default_rng(0).uniform(0.1, 1.6, size=(17, 3))
    skeleton = named(COCO, rest)
    body = rest_body(skeleton)
    np.testing.assert_allclose(body.standing - body.standing[0], rest - rest[0], atol=1e-6)
    nodding = joint_places(body, bent(head=30)) - joint_places(body, bent())
    assert {skeleton.joints[j] for j in np.flatnonzero(np.abs(nodding).max(axis=1) > 1e-9)} == {
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
    }


def test_a_joint_of_unknown_name_is_refused() -> None:
    with pytest.raises(UserError) as error:
        rest_body(named("pelvis,left_tail", np.zeros((2, 3))))
    assert str(error.value) == (
        "movers cannot move joint 'left_tail' of skeleton little: its name is no part of the body. Known, with "
        "or without left_ and right_: ankle, big_toe, chest, ear, elbow, eye, foot, hand, hand_tip, head, "
        "head_top, heel, hip, knee, neck, nose, pelvis, shoulder, small_toe, spine, thumb, toe, torso, wrist"
    )
