"""SBU Kinect Interaction ``skeleton_pos.txt``: two people, tracked by OpenNI in a Kinect v1.

A line per frame: its number, then x y z of 15 joints of one person and of the other, separated by commas. x and y
are a share of the picture, z is stored as z / 10000 * 7.8125; undone here.

Convention: metres, +y up, +x to the right of a person who faces the camera, +z away from the camera. Right-handed:
with these signs people look at each other and shake right hands (tests check the real recordings); nothing
has to be mirrored.

Source: Yun et al., "Two-person interaction detection using body-pose features", CVPR workshops 2012, and the
description that comes with the data.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.reader import FileReader
from skelact.readers.text import read_lines, read_table
from skelact.sequences import Sequence
from skelact.skeletons import SBU15

FPS = 15.0
PERSONS = 2
VALUES = 1 + PERSONS * len(SBU15) * 3
SCALE = np.array([-2.560, -1.920, 10.0 / 7.8125])  # stored values to metres
SHIFT = np.array([1.280, 0.960, 0.0])


def read_sbu(path: Path) -> Sequence:
    """Read the skeletons of one recording of the SBU Kinect Interaction set.

    A joint whose three stored values are 0 was not observed.

    Args:
        path: the file.

    Returns:
        Sequence of two persons in metres, 15 fps.

    Raises:
        FileError: the file is broken, or shows no person.
    """
    path = Path(path)
    values = read_table(path, VALUES, "values (frame number, 2 people x 15 joints x 3)")
    _check_frames(path, values[:, 0])
    stored = values[:, 1:].reshape(len(values), PERSONS, len(SBU15), 3)
    missing = (stored == 0).all(axis=-1, keepdims=True)
    if missing.all():
        raise FileError(path, "the recording shows no person: every joint is at (0, 0, 0) in every frame")
    positions = np.where(missing, np.nan, stored * SCALE + SHIFT).astype(np.float32)
    return Sequence(positions, SBU15, FPS, name=path.stem)


def _check_frames(path: Path, frames: NDArray[np.float64]) -> None:
    """Frames are numbered one after another: so a lost line is noticed."""
    wrong = np.flatnonzero(np.diff(frames) != 1)
    if len(wrong):
        before, after = frames[wrong[0]], frames[wrong[0] + 1]
        raise read_lines(path, commas=True).error(
            int(wrong[0]) + 1, f"frame {after:g} follows frame {before:g}. Were lines lost?"
        )


def _looks_like_sbu(head: bytes) -> bool:
    return head.split(b"\n", 1)[0].count(b",") == VALUES - 1


READER = FileReader(
    name="sbu",
    title="SBU Kinect Interaction skeleton text",
    suffixes=(".txt",),
    sniffs=_looks_like_sbu,
    read_file=read_sbu,
)
