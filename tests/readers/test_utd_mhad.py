"""UTD-MHAD MATLAB files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from skelact.readers import read
from skelact.readers.utd_mhad import read_utd_mhad
from skelact.skeletons import KINECT20

FILE_ORDER = [
    "head", "chest", "spine", "pelvis",
    "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_shoulder", "right_elbow", "right_wrist", "right_hand",
    "left_hip", "left_knee", "left_ankle", "left_foot",
    "right_hip", "right_knee", "right_ankle", "right_foot",
]  # fmt: skip


@pytest.mark.parametrize("compressed", [False, True])
def test_joints_find_their_places(tmp_path: Path, compressed: bool) -> None:
    joints_VCT = np.random.default_rng(0).normal(0, 1, (20, 3, 7))
    path = tmp_path / "a1_s1_t1_skeleton.mat"
    savemat(path, {"d_skel": joints_VCT}, do_compression=compressed)
    sequence = read(path)
    assert (sequence.positions.shape, sequence.fps, sequence.skeleton) == ((7, 1, 20, 3), 30.0, KINECT20)
    for place, name in enumerate(FILE_ORDER):
        expected = joints_VCT[place].T.astype(np.float32)
        np.testing.assert_array_equal(sequence.positions[:, 0, KINECT20.index(name)], expected)


def test_a_joint_at_the_camera_was_not_observed(tmp_path: Path) -> None:
    joints_VCT = np.ones((20, 3, 4))
    joints_VCT[0, :, 2] = 0
    path = tmp_path / "a1_s1_t1_skeleton.mat"
    savemat(path, {"d_skel": joints_VCT})
    assert np.argwhere(~read_utd_mhad(path).valid).tolist() == [[2, 0, KINECT20.index("head")]]


@pytest.mark.real
def test_the_order_is_that_of_the_published_list(shared: Path) -> None:
    """The list that comes with the data has the same names, but for the middle of the shoulders and the hips."""
    lines = (shared / "data" / "utd_mhad" / "Skeleton" / "Skeleton_joint_order.txt").read_text().splitlines()
    listed = [line.split(".")[1].strip(" ;") for line in lines if line[:1].isdigit()]
    ours = {"chest": "shoulder_center", "pelvis": "hip_center"}
    assert listed == [ours.get(name, name) for name in FILE_ORDER]


@pytest.mark.real
def test_heads_are_up_and_feet_are_down(shared: Path) -> None:
    path = shared / "data" / "utd_mhad" / "Skeleton" / "a1_s1_t1_skeleton.mat"
    height = np.nanmean(read_utd_mhad(path).positions[:, 0, :, 1], axis=0)
    assert KINECT20.joints[int(height.argmax())] == "head"
    assert KINECT20.joints[int(height.argmin())].endswith("foot")


@pytest.mark.real
def test_right_hand_swipes_are_made_with_the_right_hand(shared: Path) -> None:
    for path in sorted((shared / "data" / "utd_mhad" / "Skeleton").glob("a[1-3]_s?_t1_skeleton.mat")):
        positions = read_utd_mhad(path).positions[:, 0]
        way = {
            side: np.linalg.norm(np.diff(positions[:, KINECT20.index(f"{side}_wrist")], axis=0), axis=-1).sum()
            for side in ("left", "right")
        }
        assert way["right"] > way["left"], path.name
