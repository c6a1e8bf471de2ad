"""The real sets, read completely."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from skelact.datasets import DATASETS
from skelact.sequences import Sequence
from skelact.skeletons import Skeleton

FOLDERS = {"nw-ucla": "nw_ucla", "utd-mhad": "utd_mhad", "sbu": "sbu_kinect", "ntu60": "ntu_rgbd"}
COUNTS = {"nw-ucla": 1484, "utd-mhad": 861, "sbu": 282}
FRAMES = {"nw-ucla": 58_534, "utd-mhad": 58_299, "sbu": 6_822}
MISSING = {"nw-ucla": 12, "utd-mhad": 0, "sbu": 0}  # joints

pytestmark = pytest.mark.real


@cache
def everything(folder: Path, name: str) -> list[Sequence]:
    listing = DATASETS[name].find(folder / FOLDERS[name])
    assert listing.left_out == ()
    return [DATASETS[name].read(path) for path in listing.files]


@pytest.mark.parametrize("name", COUNTS)
def test_every_file_is_read(shared: Path, name: str) -> None:
    sequences = everything(shared / "data", name)
    assert len(sequences) == COUNTS[name]
    assert len({s.name for s in sequences}) == len(sequences)
    assert sum(s.frames for s in sequences) == FRAMES[name]
    assert sum(int((~s.valid).sum()) for s in sequences) == MISSING[name]
    assert {s.persons for s in sequences} == {2 if name == "sbu" else 1}
    assert not any(np.isinf(s.positions).any() for s in sequences)
    check = DATASETS[name].check(s.tags for s in sequences)
    assert (check.complete, check.text) == (True, f"{name} is complete: {COUNTS[name]:,} clips, as published")


@pytest.mark.parametrize("name", COUNTS)
def test_every_class_is_present(shared: Path, name: str) -> None:
    dataset = DATASETS[name]
    labels = {s.label for s in everything(shared / "data", name)}
    assert labels == set(dataset.classes)


def facing(positions: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(..., 3) direction in which a standing person looks whose right is ``right - left``, by our convention."""
    right = np.sum([positions[..., r, :] - positions[..., le, :] for r, le in skeleton.across], axis=0)
    return np.cross([0.0, 1.0, 0.0], right)


@pytest.mark.parametrize("name", ["nw-ucla", "utd-mhad", "ntu60"])
def test_bodies_are_right_handed_and_face_the_camera(shared: Path, name: str) -> None:
    """Toes point where the body looks by the right-hand rule; in a mirrored set they would point back."""
    skeleton = DATASETS[name].skeleton
    positions = np.concatenate([s.positions[:, 0] for s in everything(shared / "data", name)])
    front = facing(positions, skeleton)
    toes = sum(
        positions[:, skeleton.index(f"{side}_foot")] - positions[:, skeleton.index(f"{side}_ankle")]
        for side in ("left", "right")
    )
    assert np.nanmean(np.sum(front * toes, axis=-1) > 0) > 0.9
    assert np.nanmean(front[:, 2] < 0) > 0.95  # the camera is at z = 0, people at z > 0


def test_two_people_look_at_each_other(shared: Path) -> None:
    """OpenNI tracks no toes, but people who do something together look at each other."""
    skeleton = DATASETS["sbu"].skeleton
    positions = np.concatenate([s.positions for s in everything(shared / "data", "sbu") if s.label != "departing"])
    front = facing(positions, skeleton)
    middle = np.nanmean(positions, axis=2)
    towards = np.stack([middle[:, 1] - middle[:, 0], middle[:, 0] - middle[:, 1]], axis=1)
    assert np.mean(np.sum(front * towards, axis=-1) > 0) > 0.9


@pytest.mark.parametrize("name", FOLDERS)
def test_people_have_the_size_of_people(shared: Path, name: str) -> None:
    """Metres and up: the head is above the feet by the height of a person, seldom far off when they bow."""
    skeleton = DATASETS[name].skeleton
    positions = np.concatenate([s.positions[:, 0] for s in everything(shared / "data", name)])
    feet = (positions[:, skeleton.index("left_foot"), 1] + positions[:, skeleton.index("right_foot"), 1]) / 2
    assert 1.1 < np.nanmedian(positions[:, skeleton.index("head"), 1] - feet) < 1.9
    rest = skeleton.rest
    for joint in ("knee", "elbow"):
        for side in ("left", "right"):
            child = skeleton.index(f"{side}_{joint}")
            parent = skeleton.parents[child]
            length = np.nanmedian(np.linalg.norm(positions[:, child] - positions[:, parent], axis=-1))
            assert length == pytest.approx(float(np.linalg.norm(rest[child] - rest[parent])), rel=0.3), joint
