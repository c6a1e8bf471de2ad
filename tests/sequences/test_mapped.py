"""A store with another skeleton."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from skelact.sequences import Sequence
from skelact.sequences.mapped import MappedStore
from skelact.sequences.store import Store, StoreWriter
from skelact.skeletons import KINECT20, SBU15
from skelact.skeletons.maps import joint_map


@pytest.fixture
def path(tmp_path: Path) -> Path:
    writer = StoreWriter(tmp_path / "store")
    rng = np.random.default_rng(0)
    for number, frames in enumerate((5, 8)):
        positions = SBU15.rest + rng.normal(scale=0.1, size=(frames, 2, 15, 3))
        sure = rng.random(positions.shape[:3]) if number else None
        clip = Sequence(positions, SBU15, 15.0, f"clip {number}", "push", sure, tags={"subject": number})
        writer.add(clip)
    writer.finish(splits={"fold1": lambda tags: "test" if tags["subject"] else "train"})
    return tmp_path / "store"


def test_positions_are_mapped_and_all_else_is_the_stores_own(path: Path) -> None:
    plain, mapped = Store(path), MappedStore(path, KINECT20)
    for row in range(2):
        expected = joint_map(SBU15, KINECT20).apply(plain.positions(row))
        assert mapped.positions(row).tobytes() == expected.tobytes()
        sequence = mapped.sequence(row)
        assert sequence.skeleton == KINECT20
        assert sequence.name == f"clip {row}"
    assert mapped.skeleton == KINECT20
    assert mapped.fingerprint == plain.fingerprint
    assert [rows.tolist() for rows in mapped.parts("fold1")] == [[0], [1]]
    mapped.verify()


def test_confidence_is_mapped_too(path: Path) -> None:
    plain, mapped = Store(path), MappedStore(path, KINECT20)
    assert mapped.confidence(0) is None
    sure = plain.confidence(1)
    assert sure is not None
    expected = joint_map(SBU15, KINECT20).apply_to_confidence(sure)
    np.testing.assert_array_equal(mapped.confidence(1), expected)
    np.testing.assert_array_equal(mapped.sequence(1).confidence, expected)


def test_worker_processes_see_the_same(path: Path) -> None:
    mapped = MappedStore(path, KINECT20)
    again = pickle.loads(pickle.dumps(mapped))
    assert again.positions(1).tobytes() == mapped.positions(1).tobytes()
