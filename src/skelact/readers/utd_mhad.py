"""UTD-MHAD ``*_skeleton.mat``: what a Kinect v1 tracked, as the MATLAB variable ``d_skel`` (20, 3, T).

The file lists the trunk from the head down; it is put into the order of ``kinect20`` here.

Convention: metres in camera space, +y up, +x to the right of a person who faces the camera, +z away from the
camera. Right-handed, so bodies are as in ``Skeleton.rest`` (a test checks the real recordings).

Source: Chen, Jafari, Kehtarnavaz, "UTD-MHAD", ICIP 2015, and the joint order that comes with the data.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.files import read_head
from skelact.readers.reader import FileReader
from skelact.sequences import Sequence
from skelact.skeletons import KINECT20

FPS = 30.0
KEY = "d_skel"
ORDER = [3, 2, 1, 0, *range(4, 20)]  # the file's joint for each joint of kinect20


def read_utd_mhad(path: Path) -> Sequence:
    """Read a UTD-MHAD skeleton recording.

    A joint at exactly (0, 0, 0) was not observed.

    Args:
        path: the file.

    Returns:
        Sequence of one person in metres, 30 fps.

    Raises:
        FileError: the file is broken, or shows no person.
    """
    path = Path(path)
    joints_VCT = _variable(path)
    if joints_VCT.ndim != 3 or joints_VCT.shape[:2] != (len(KINECT20), 3):
        raise FileError(path, f"{KEY} is {joints_VCT.shape}, expected (20 joints, 3 coordinates, frames)")
    if joints_VCT.dtype.kind not in "if":
        raise FileError(path, f"{KEY} holds {joints_VCT.dtype}, expected numbers")
    if joints_VCT.shape[2] == 0:
        raise FileError(path, "no frames in this recording")
    with np.errstate(over="ignore"):
        positions = joints_VCT.transpose(2, 0, 1)[:, ORDER].astype(np.float32)
    wrong = np.flatnonzero(np.isinf(positions).any(axis=(1, 2)))
    if len(wrong):
        raise FileError(path, f"frame {wrong[0] + 1} has a coordinate that is not a finite number")
    positions = np.where((positions == 0).all(axis=-1, keepdims=True), np.float32(np.nan), positions)
    if np.isnan(positions).all():
        raise FileError(path, "the recording shows no person: no joint was observed in any frame")
    return Sequence(positions[:, None], KINECT20, FPS, name=path.stem)


def _variable(path: Path) -> NDArray[Any]:
    from scipy.io import loadmat

    head = read_head(path)
    if not _looks_like_matlab(head):
        raise FileError(
            path, f"is not a MATLAB 5 file; it begins with {head[:12]!r}" if head else "the file is empty"
        )
    try:
        content = loadmat(str(path), variable_names=[KEY])
    except Exception as error:  # scipy raises many kinds of errors for broken bytes
        raise FileError(path, "the MATLAB file is broken. Truncated file?") from error
    if KEY not in content:
        raise FileError(path, f"has no variable {KEY}; other files of UTD-MHAD hold no skeletons")
    return np.asarray(content[KEY])


def _looks_like_matlab(head: bytes) -> bool:
    return head.startswith(b"MATLAB 5.0 MAT-file")


READER = FileReader(
    name="utd-mhad",
    title="UTD-MHAD skeleton MATLAB file",
    suffixes=(".mat",),
    sniffs=_looks_like_matlab,
    read_file=read_utd_mhad,
)
