"""Arrays that numpy saved, ``.npy`` and ``.npz``: the user names the axes.

Convention: coordinates are taken as they are. The body convention (+y up, right side at +x when facing -z) is
the user's to keep.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.readers.files import read_head
from skelact.readers.numpy_files import (
    ZIP_FAULTS,
    ObjectsError,
    check_members,
    read_elements,
    read_header,
    read_member,
)
from skelact.readers.reader import FileReader
from skelact.sequences import Sequence
from skelact.settings.schema import required, setting
from skelact.skeletons import Skeleton, get_skeleton

AXES = "TMVC"  # frames, persons, joints, coordinates: the order of ``Sequence.positions``
Up = Literal["", "+x", "-x", "+y", "-y", "+z", "-z"]
Unit = Literal["", "m", "cm", "mm", "px", "image"]
NPY, ZIP = b"\x93NUMPY", b"PK\x03\x04"


@dataclass(frozen=True)
class ArrayOptions:
    """Required and optional settings of an array."""

    axes: str = required("a letter per axis: T frames, M persons (may be left out), V joints, C coordinates")
    skeleton: str | Skeleton = required("of the joints: a name, or a TOML file that describes it")
    fps: float = required("frames per second", above=0, high=100_000)
    key: str = setting("", "which array of an .npz, where it has several")
    zeros_missing: bool = setting(False, "whether a joint with all coordinates 0 was not observed")
    confidence: bool = setting(
        False, "whether the last coordinate is a confidence, 0 where a joint was not observed"
    )
    unit: Unit = setting("", "unit of the coordinates; the skeleton's where empty")
    up: Up = setting("", "axis that points up; the skeleton's where empty")

    def __post_init__(self) -> None:
        """Letters and skeleton are checked before a file is opened, and a skeleton travels by value."""
        _check_axes(self.axes)
        if isinstance(self.skeleton, str):
            object.__setattr__(self, "skeleton", get_skeleton(self.skeleton))


def read_array(
    path: Path,
    axes: str,
    skeleton: Skeleton | str,
    fps: float,
    key: str = "",
    zeros_missing: bool = False,
    confidence: bool = False,
    unit: str = "",
    up: str = "",
) -> Sequence:
    """Read one recording from an array file. Nothing in the file is ever run: pickled objects are refused.

    Args:
        path: ``.npy`` or ``.npz``.
        axes: a letter per axis of the array: T frames, M persons, V joints, C coordinates; M may be left out
            when there is one person. many published preprocessings write "CTVM".
        skeleton: the joints, or the name of the skeleton, or a TOML file that describes it.
        fps: frames per second, Hz.
        key: which array of an ``.npz``; may be empty when it has only one.
        zeros_missing: whether a joint with all coordinates 0 was not observed. NaN always does.
        confidence: whether the last coordinate is how sure the recorder was, 0 to 1, as in many arrays of what
            OpenPose found; 0 means not observed.
        unit: unit of the coordinates, one of ``UNITS``; the skeleton's when empty.
        up: axis that points up; the skeleton's when empty.

    Returns:
        Sequence of the same numbers as float32.

    Raises:
        UserError: letters that make no sense, an unknown skeleton.
        FileError: the file is broken, or does not fit the options.

    Example:
        >>> read_array(Path("walk.npy"), axes="CTVM", skeleton="ntu25", fps=30).positions.shape  # doctest: +SKIP
        (103, 2, 25, 3)
    """
    path = Path(path)
    joints = get_skeleton(skeleton) if isinstance(skeleton, str) else skeleton
    letters = _check_axes(axes)
    array = _load(path, key)
    if array.dtype.kind not in "iuf":
        raise FileError(path, f"the array holds {array.dtype}, expected numbers")
    if array.ndim != len(letters):
        raise FileError(path, f"the array is {array.shape}, which are not the {len(letters)} axes {letters!r}")
    with np.errstate(over="ignore"):
        positions = _in_order(array, letters).astype(np.float32)
    sure = None
    if confidence:
        positions, sure = _without_confidence(path, positions)
    _check_shape(path, positions, joints)
    if np.isinf(positions).any():
        raise FileError(path, "the array has infinite coordinates; a joint that was not observed is NaN")
    if zeros_missing:
        positions = np.where((positions == 0).all(axis=-1, keepdims=True), np.float32(np.nan), positions)
    if np.isnan(positions).any(axis=-1).all():
        raise FileError(path, "the recording shows no person: no joint was observed in any frame")
    return Sequence(positions, joints, fps, name=path.stem, confidence=sure, unit=unit, up=up)


def _without_confidence(
    path: Path, values: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Positions, NaN where the last coordinate is 0, and that coordinate (T, M, V)."""
    if values.shape[3] not in (3, 4):
        got = f"{values.shape[3]} coordinates"
        raise FileError(path, f"the array has {got}; expected 2 or 3 and a confidence. Is confidence=true right?")
    sure = np.nan_to_num(values[..., -1])
    if (sure < 0).any() or (sure > 1.5).any():
        span = f"from {sure.min():g} to {sure.max():g}"
        raise FileError(
            path, f"the last coordinate goes {span}; a confidence is 0 to 1. Is confidence=true right?"
        )
    sure = np.minimum(sure, np.float32(1))  # networks answer a little more than 1 now and then
    return np.where(sure[..., None] == 0, np.float32(np.nan), values[..., :-1]), sure


def _check_axes(axes: str) -> str:
    letters = axes.upper()
    if sorted(letters) not in (sorted(AXES), sorted(AXES.replace("M", ""))):
        meaning = "T frames, M persons (may be left out), V joints, C coordinates"
        raise UserError(f"axes {axes!r}: expected each of these letters once, such as TMVC: {meaning}")
    return letters


def _in_order(array: NDArray[Any], letters: str) -> NDArray[Any]:
    if "M" not in letters:
        array, letters = array[None], "M" + letters
    return array.transpose([letters.index(letter) for letter in AXES])


def _check_shape(path: Path, positions: NDArray[np.float32], skeleton: Skeleton) -> None:
    frames, persons, joints, coordinates = positions.shape
    got = f"{frames} frames, {persons} persons, {joints} joints, {coordinates} coordinates"
    if joints != len(skeleton) or coordinates not in (2, 3):
        expected = f"{len(skeleton)} joints ({skeleton.name}) and 2 or 3 coordinates"
        raise FileError(path, f"the array has {got}; expected {expected}. Are the axes in the right order?")
    if frames == 0 or persons == 0:
        raise FileError(path, f"the recording is empty: {got}")


def _load(path: Path, key: str) -> NDArray[Any]:
    head = read_head(path)
    if not _looks_like_array(head):
        reason = f"is not an array file of numpy; it begins with {head[:12]!r}" if head else "the file is empty"
        raise FileError(path, reason)
    try:
        return _load_one(path) if head.startswith(NPY) else _load_member(path, key)
    except ObjectsError as error:
        raise FileError(path, "the array file holds pickled objects, which are not read") from error
    except (OSError, *ZIP_FAULTS) as error:
        raise FileError(path, f"the array file is broken ({error}). Truncated file?") from error


def _load_one(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        header = read_header(file)
        return read_elements(file, header, path.stat().st_size - header.size)


def _load_member(path: Path, key: str) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        members = check_members(archive, path.stat().st_size)
        return read_member(archive, members[_choose(path, list(members), key)])


def _choose(path: Path, keys: list[str], key: str) -> str:
    known = ", ".join(keys) or "none"
    if key and key not in keys:
        raise FileError(path, f"has no array {key!r}. Arrays: {known}")
    if not key and len(keys) != 1:
        raise FileError(path, f"holds {len(keys)} arrays, name one with the option key. Arrays: {known}")
    return key or keys[0]


def _looks_like_array(head: bytes) -> bool:
    return head.startswith((NPY, ZIP))


READER = FileReader(
    name="array",
    title="numpy array (.npy, .npz) with named axes",
    suffixes=(".npy", ".npz"),
    sniffs=_looks_like_array,
    read_file=read_array,
    Options=ArrayOptions,
)
