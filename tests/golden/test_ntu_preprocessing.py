"""The published NTU preprocessing, against numbers that the published code produced from real recordings."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from skelact.readers import read
from skelact.sequences import Sequence
from skelact.sequences.cleaning import get_cleaning, keep_widest
from skelact.skeletons import NTU25

pytestmark = pytest.mark.real
NAMES = ("S001C001P001R001A001", "S001C003P008R002A058", "S003C001P015R001A034")


def published(positions: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """(3, frames, V, 2) as the published arrays are: repeated from the start, absent people 0."""
    repeated = np.resize(np.nan_to_num(positions), (frames, *positions.shape[1:]))
    both = np.zeros((frames, 2, *positions.shape[2:]), dtype=np.float32)
    both[:, : positions.shape[1]] = repeated
    return both.transpose(3, 0, 2, 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_two_most_energetic_bodies_are_what_was_read(shared: Path, name: str) -> None:
    golden = np.load(shared / "golden" / f"ntu_{name}.npz")
    kept = keep_widest(read(shared / "data" / "ntu_rgbd" / f"{name}.skeleton"))
    np.testing.assert_array_equal(published(kept.positions, int(golden["num_frames"])), golden["raw"])


@pytest.mark.parametrize("name", NAMES)
def test_ntu_agcn_equals_the_published_result(shared: Path, name: str) -> None:
    golden = np.load(shared / "golden" / f"ntu_{name}.npz")
    cleaned = get_cleaning("ntu-agcn")(read(shared / "data" / "ntu_rgbd" / f"{name}.skeleton"))
    assert (cleaned.frames, cleaned.up) == (golden["num_frames"], "+z")
    np.testing.assert_allclose(published(cleaned.positions, 300), golden["normalised"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_ntu_agcn_equals_the_published_result_from_raw_positions(shared: Path, name: str) -> None:
    golden = np.load(shared / "golden" / f"ntu_{name}.npz")
    raw = golden["raw"].transpose(1, 3, 2, 0)
    positions = np.where((raw == 0).all(axis=-1, keepdims=True), np.nan, raw)
    cleaned = get_cleaning("ntu-agcn")(Sequence(positions, NTU25, 30.0))
    np.testing.assert_allclose(published(cleaned.positions, 300), golden["normalised"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "case",
    ["second_leaves_40", "both_leave_55", "second_from_5_to_44", "second_gap_20_to_29", "first_leaves_50"],
)
def test_people_who_come_late_leave_or_are_lost_for_a_while(shared: Path, case: str) -> None:
    with np.load(shared / "golden" / "ntu_who_leaves.npz") as golden:
        assert len(golden.files) == 10, "a case that is not tested here"
        raw, normalised = golden[f"{case}/raw"].transpose(1, 3, 2, 0), golden[f"{case}/normalised"]
    positions = np.where((raw == 0).all(axis=-1, keepdims=True), np.nan, raw)
    cleaned = get_cleaning("ntu-agcn")(Sequence(positions, NTU25, 30.0))
    np.testing.assert_allclose(published(cleaned.positions, len(raw)), normalised, rtol=0, atol=1e-5)
