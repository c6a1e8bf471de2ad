"""Arrays with named axes."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import FileError, UserError
from skelact.readers import read
from skelact.readers.arrays import read_array
from skelact.skeletons import KINECT20, NTU25

ORDERS = ["".join(p) for letters in ("TMVC", "TVC") for p in permutations(letters)]


@settings(max_examples=60, deadline=None)
@given(
    axes=st.sampled_from(ORDERS),
    frames=st.integers(1, 4),
    persons=st.integers(1, 3),
    coordinates=st.integers(2, 3),
    kind=st.sampled_from([np.float64, np.float32, np.float16, np.int32]),
    packed=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_any_order_of_axes_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    axes: str,
    frames: int,
    persons: int,
    coordinates: int,
    kind: type,
    packed: bool,
    seed: int,
) -> None:
    persons = persons if "M" in axes else 1
    rng = np.random.default_rng(seed)
    positions = rng.normal(0, 50, (frames, persons, 20, coordinates)).astype(kind)
    array = positions if "M" in axes else positions[:, 0]
    order = [("TMVC" if "M" in axes else "TVC").index(letter) for letter in axes]
    folder = tmp_path_factory.mktemp("arrays")
    if packed:
        path = folder / "clip.npz"
        np.savez_compressed(path, keypoint=array.transpose(order))
    else:
        path = folder / "clip.npy"
        np.save(path, array.transpose(order))
    sequence = read(path, axes=axes, skeleton="kinect20", fps=25)
    np.testing.assert_array_equal(sequence.positions, positions.astype(np.float32))
    assert (sequence.name, sequence.fps, sequence.skeleton) == ("clip", 25.0, KINECT20)


def test_nan_and_on_request_zero_mean_not_measured(tmp_path: Path) -> None:
    positions = np.ones((3, 1, 25, 3))
    positions[0, 0, 1, 2] = np.nan
    positions[1, 0, 2] = 0
    path = tmp_path / "clip.npy"
    np.save(path, positions)
    kept = read_array(path, "TMVC", NTU25, 30)
    assert np.argwhere(~kept.valid).tolist() == [[0, 0, 1]]
    dropped = read_array(path, "TMVC", NTU25, 30, zeros_missing=True)
    assert np.argwhere(~dropped.valid).tolist() == [[0, 0, 1], [1, 0, 2]]


def test_unit_and_up_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.ones((2, 25, 3)))
    told = read_array(path, "TVC", "ntu25", 30, unit="mm", up="+z")
    assert (told.unit, told.up) == ("mm", "+z")
    untold = read_array(path, "TVC", "ntu25", 30)
    assert (untold.unit, untold.up) == ("m", "+y")


def test_one_of_several_arrays_is_chosen_by_key(tmp_path: Path) -> None:
    path = tmp_path / "clips.npz"
    np.savez(path, a=np.ones((2, 25, 3)), b=np.full((4, 25, 3), 2.0))
    assert read_array(path, "TVC", NTU25, 30, key="b").frames == 4
    with pytest.raises(FileError) as caught:
        read_array(path, "TVC", NTU25, 30)
    assert str(caught.value) == f"{path}: holds 2 arrays, name one with the option key. Arrays: a, b"
    with pytest.raises(FileError) as caught:
        read_array(path, "TVC", NTU25, 30, key="c")
    assert str(caught.value) == f"{path}: has no array 'c'. Arrays: a, b"


@pytest.mark.parametrize("axes", ["", "TMV", "TTVC", "NTVC", "TMVCC", "xyz"])
def test_letters_that_make_no_sense(tmp_path: Path, axes: str) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.ones((2, 25, 3)))
    with pytest.raises(UserError) as caught:
        read_array(path, axes, NTU25, 30)
    assert str(caught.value) == (
        f"axes {axes!r}: expected each of these letters once, such as TMVC: "
        "T frames, M persons (may be left out), V joints, C coordinates"
    )


def test_what_the_reader_needs_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.ones((2, 25, 3)))
    with pytest.raises(UserError) as caught:
        read(path, fps=30)
    assert str(caught.value) == "format array needs to be told: axes, skeleton"


def test_options_and_skeletons_that_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.ones((2, 25, 3)))
    with pytest.raises(
        UserError, match=r"^unknown option of format array 'axis'; did you mean 'axes'\? Known: axes, "
    ):
        read(path, axis="TVC")
    with pytest.raises(UserError, match=r"^unknown skeleton 'ntu26'; did you mean 'ntu25'\?"):
        read(path, axes="TVC", skeleton="ntu26", fps=30)
