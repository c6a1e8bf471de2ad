"""NW-UCLA JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

from skelact.readers import read
from skelact.readers.nw_ucla import read_nw_ucla
from skelact.skeletons import KINECT20


def written(folder: Path, skeletons: np.ndarray, label: int = 3) -> Path:
    path = folder / "a03_s01_e00_v01.json"
    path.write_text(json.dumps({"file_name": path.stem, "skeletons": skeletons.tolist(), "label": label}))
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    skeletons = np.random.default_rng(0).normal(0, 1, (5, 20, 3))
    sequence = read(written(tmp_path, skeletons))
    np.testing.assert_array_equal(sequence.positions[:, 0], skeletons.astype(np.float32))
    assert (sequence.name, sequence.fps, sequence.skeleton) == ("a03_s01_e00_v01", 30.0, KINECT20)
    assert (dict(sequence.tags), sequence.label) == ({"label": 3}, None)


def test_a_joint_at_the_camera_was_not_observed(tmp_path: Path) -> None:
    skeletons = np.ones((3, 20, 3))
    skeletons[1, 4] = 0
    skeletons[2, 5, 2] = 0
    assert np.argwhere(~read_nw_ucla(written(tmp_path, skeletons)).valid).tolist() == [[1, 0, 4]]


def test_whole_numbers_are_numbers(tmp_path: Path) -> None:
    sequence = read_nw_ucla(written(tmp_path, np.ones((2, 20, 3), dtype=np.int64)))
    assert (sequence.positions == 1).all()


@pytest.mark.real
def test_real_gaps_are_found(shared: Path) -> None:
    folder = shared / "data" / "nw_ucla" / "all_sqe"
    gaps = np.argwhere(~read_nw_ucla(folder / "a04_s01_e01_v01.json").valid)
    assert gaps.tolist() == [[34, 0, joint] for joint in (0, 1, 2, 4, 12, 16)]
    assert read_nw_ucla(folder / "a02_s09_e04_v02.json").frames == 1
