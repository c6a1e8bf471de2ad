"""Arrays with named axes."""

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import FileError, UserError
from skelact.readers import read
from skelact.readers.arrays import read_array
from skelact.skeletons import BODY25, KINECT20, NTU25

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


def test_nan_and_on_request_zero_mean_not_observed(tmp_path: Path) -> None:
    positions = np.ones((3, 1, 25, 3))
    positions[0, 0, 1, 2] = np.nan
    positions[1, 0, 2] = 0
    path = tmp_path / "clip.npy"
    np.save(path, positions)
    kept = read_array(path, "TMVC", NTU25, 30)
    assert np.argwhere(~kept.valid).tolist() == [[0, 0, 1]]
    dropped = read_array(path, "TMVC", NTU25, 30, zeros_missing=True)
    assert np.argwhere(~dropped.valid).tolist() == [[0, 0, 1], [1, 0, 2]]


def test_unit_and_up_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.ones((2, 25, 3)))
    given = read_array(path, "TVC", "ntu25", 30, unit="mm", up="+z")
    assert (given.unit, given.up) == ("mm", "+z")
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
    assert str(caught.value) == "format array needs options: axes, skeleton"


def test_options_and_skeletons_that_are_not_known(tmp_path: Path) -> None:
    path = tmp_path / "clip.npy"
    np.save(path, np.ones((2, 25, 3)))
    with pytest.raises(
        UserError, match=r"^unknown option of format array 'axis'; did you mean 'axes'\? Known: axes, "
    ):
        read(path, axis="TVC")
    with pytest.raises(UserError, match=r"^unknown skeleton 'ntu26'; did you mean 'ntu25'\?"):
        read(path, axes="TVC", skeleton="ntu26", fps=30)


def with_confidence(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """(C, T, V, M) x, y and a confidence, as OpenPose's BODY-25 is often stored."""
    array = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4, 25, 1))
    array[:, 1, 3] = 0
    array[2, 0, 0] = 1.03
    path = tmp_path / "clip.npy"
    np.save(path, array)
    return path, array


def test_the_last_coordinate_can_be_a_confidence(tmp_path: Path) -> None:
    path, array = with_confidence(tmp_path)
    sequence = read(path, axes="CTVM", skeleton="body25", fps=30, confidence=True, unit="image")
    assert (sequence.positions.shape, sequence.skeleton, sequence.up) == ((4, 1, 25, 2), BODY25, "-y")
    assert np.argwhere(~sequence.valid).tolist() == [[1, 0, 3]]
    seen = np.asarray(sequence.valid)
    expected = array.transpose(1, 3, 2, 0).astype(np.float32)
    np.testing.assert_array_equal(sequence.positions[seen], expected[seen][:, :2])
    np.testing.assert_array_equal(sequence.confidence, np.minimum(expected[..., 2], 1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a[:2],
            "the array has 2 coordinates; expected 2 or 3 and a confidence. Is confidence=true right?",
        ),
        (
            lambda a: a * 5,
            "the last coordinate goes from 0 to {:g}; a confidence is 0 to 1. Is confidence=true right?",
        ),
        (lambda a: np.zeros_like(a), "the recording shows no person: no joint was observed in any frame"),
    ],
)
def test_what_is_no_confidence(change: Any, message: str, tmp_path: Path) -> None:
    path, array = with_confidence(tmp_path)
    np.save(path, change(array))
    with pytest.raises(FileError) as caught:
        read(path, axes="CTVM", skeleton="body25", fps=30, confidence=True)
    assert str(caught.value) == f"{path}: {message.format(np.float32(5 * array[2].max()))}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fps": "29,97"}, "fps must be float, got '29,97'"),
        ({"fps": True}, "fps must be float, got True"),
        ({"fps": 0}, "fps must be above 0 and at most 100000, got 0.0"),
        ({"fps": float("nan")}, "fps must be a finite number, got nan"),
        ({"up": "z"}, "unknown up 'z'; did you mean '-z'? Known: +x, +y, +z, -x, -y, -z"),
        ({"unit": "inch"}, "unknown unit 'inch'. Known: cm, image, m, mm, px"),
        ({"zeros_missing": "yes"}, "zeros_missing must be bool, got 'yes'"),
        ({"skeleton": 25}, "skeleton must be str | skelact.skeletons.skeleton.Skeleton, got 25"),
        ({"key": 1}, "key must be str, got 1"),
    ],
)
def test_values_of_options_that_cannot_be(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    path, _ = with_confidence(tmp_path)
    with pytest.raises(UserError) as caught:
        read(path, **({"axes": "CTVM", "skeleton": "body25", "fps": 30} | options))
    assert str(caught.value) == f"format array: {message}"


@pytest.mark.real
def test_a_real_array_of_openpose(shared: Path) -> None:
    """2,500 frames of which 117 are filled; x and y about the middle of the picture."""
    path = shared / "data" / "pose2d" / "fsd10_example_skeleton.npy"
    sequence = read(path, axes="CTVM", skeleton="body25", fps=30, confidence=True, unit="image")
    assert sequence.positions.shape == (2500, 1, 25, 2)
    assert int(sequence.valid.any(axis=(1, 2)).sum()) == 117
    nose, ankle = (sequence.positions[:, 0, BODY25.index(joint), 1] for joint in ("neck", "left_ankle"))
    assert np.nanmedian(ankle - nose) > 0.2  # y points down
