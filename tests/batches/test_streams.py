import numpy as np
import pytest
import torch

from skelact.batches import collate
from skelact.batches.streams import bone_vectors, motion_vectors, to_stream
from skelact.errors import UserError
from skelact.skeletons import KINECT20, SKELETONS, Skeleton


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_bones_are_child_minus_parent(skeleton: Skeleton) -> None:
    clip = np.random.default_rng(0).normal(size=(4, 2, len(skeleton), 3))
    bones = bone_vectors(collate([clip], skeleton)).positions[0]
    for joint, parent in enumerate(skeleton.parents):
        expected = torch.from_numpy(clip[:, :, joint] - clip[:, :, parent]).float()
        torch.testing.assert_close(bones[:, :, joint], expected, rtol=0, atol=1e-6)
    assert (bones[:, :, skeleton.root] == 0).all()


def test_bone_with_a_missing_end_is_missing() -> None:
    clip = np.ones((2, 1, 20, 3))
    clip[0, 0, 8] = np.nan  # the right shoulder, parent of the right elbow
    bones = bone_vectors(collate([clip], KINECT20))
    assert not bones.valid[0, 0, 0, [8, 9]].any()
    assert bones.valid[0, 0, 0, [0, 1, 10]].all()
    assert (bones.positions[~bones.valid] == 0).all()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_motion_is_next_minus_this_and_ends_in_zero(skeleton: Skeleton) -> None:
    clip = np.random.default_rng(0).normal(size=(5, 1, len(skeleton), 3))
    motion = motion_vectors(collate([clip], skeleton)).positions[0]
    torch.testing.assert_close(motion[:4], torch.from_numpy(clip[1:] - clip[:-1]).float(), rtol=0, atol=1e-6)
    assert (motion[4] == 0).all()


def test_unknown_stream_names_the_nearest() -> None:
    batch = collate([np.zeros((2, 1, 20, 3))], KINECT20)
    with pytest.raises(
        UserError, match=r"unknown stream 'bones'; did you mean 'bone'\? Known: bone, joint, motion"
    ):
        to_stream(batch, "bones")
