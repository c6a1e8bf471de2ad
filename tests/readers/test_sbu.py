"""SBU Kinect Interaction text."""

from pathlib import Path

import numpy as np
import pytest

from skelact.readers import read
from skelact.readers.sbu import read_sbu
from skelact.sequences import Sequence
from skelact.skeletons import SBU15


def written(folder: Path, stored: np.ndarray, first: int = 55) -> Path:
    """A file of stored values (T, 2, 15, 3)."""
    lines = [
        ",".join([str(first + t), *(f"{value:.5g}" for value in frame.ravel())]) for t, frame in enumerate(stored)
    ]
    path = folder / "skeleton_pos.txt"
    path.write_text("\r\n".join(lines) + "\r\n", newline="")
    return path


def test_stored_values_become_metres(tmp_path: Path) -> None:
    stored = np.full((2, 2, 15, 3), 0.5)
    stored[0, 0, 0] = [0.0, 0.0, 0.78125]  # upper left corner of the picture, 1 m away
    stored[1, 1, 14] = [1.0, 1.0, 1.5625]  # lower right corner, 2 m away
    sequence = read(written(tmp_path, stored))
    np.testing.assert_allclose(sequence.positions[0, 0, 0], [1.28, 0.96, 1.0], rtol=1e-6)
    np.testing.assert_allclose(sequence.positions[1, 1, 14], [-1.28, -0.96, 2.0], rtol=1e-6)
    np.testing.assert_allclose(sequence.positions[0, 1, 3], [0.0, 0.0, 0.64], atol=1e-7)
    assert (sequence.fps, sequence.skeleton, sequence.unit) == (15.0, SBU15, "m")


def test_a_joint_that_is_stored_as_zero_was_not_observed(tmp_path: Path) -> None:
    stored = np.full((3, 2, 15, 3), 0.5)
    stored[1, 0, 4] = 0
    stored[2, 1] = 0
    sequence = read_sbu(written(tmp_path, stored))
    assert np.argwhere(~sequence.valid[:2]).tolist() == [[1, 0, 4]]
    assert sequence.valid[2].tolist() == [[True] * 15, [False] * 15]


def real(shared: Path, pattern: str) -> list[Sequence]:
    return [read_sbu(path) for path in sorted((shared / "data" / "sbu_kinect").glob(pattern))]


@pytest.mark.real
def test_bones_have_human_lengths(shared: Path) -> None:
    positions = np.concatenate([s.positions for s in real(shared, "*/0[1-2]/001/*.txt")])

    def length(a: str, b: str) -> float:
        ends = positions[:, :, SBU15.index(a)] - positions[:, :, SBU15.index(b)]
        return float(np.median(np.linalg.norm(ends, axis=-1)))

    assert 0.36 < length("left_hip", "left_knee") < 0.5
    assert 0.34 < length("right_knee", "right_foot") < 0.5
    assert 0.24 < length("left_shoulder", "left_elbow") < 0.34
    assert 0.25 < length("left_shoulder", "right_shoulder") < 0.4
    assert length("left_hip", "left_knee") == pytest.approx(length("right_hip", "right_knee"), rel=0.1)


@pytest.mark.real
def test_people_shake_right_hands(shared: Path) -> None:
    """Right is right: neither the joint names nor the picture is mirrored."""
    right_further = []
    for sequence in real(shared, "*/05/*/*.txt"):
        positions = sequence.positions
        reach = {
            side: np.linalg.norm(
                positions[:, :, SBU15.index(f"{side}_hand")] - positions[:, :, SBU15.index("torso")], axis=-1
            ).max(axis=0)
            for side in ("left", "right")
        }
        right_further.append(reach["right"] > reach["left"])
    assert np.mean(right_further) > 0.85
