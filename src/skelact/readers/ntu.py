"""NTU RGB+D ``.skeleton``: what a Kinect v2 tracked, as text.

The file has the number of frames; each frame its number of bodies; each body a line of 10 values (its identity
first), the number of joints, and a line of 12 values for every joint: x y z, the pixel in the depth and in the
colour image, an orientation, and how well the joint was tracked.

Convention: metres in camera space, +y up, +x to the right of a person who faces the camera, +z away from the
camera. Right-handed, so bodies are as in ``Skeleton.rest`` (a test checks real recordings).

Source: Shahroudy et al., "NTU RGB+D", CVPR 2016, and the ``read_skeleton_file`` that comes with the data.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.files import read_bytes
from skelact.readers.reader import FileReader
from skelact.readers.text import Lines, numbers, read_lines, whole_number
from skelact.sequences import Sequence
from skelact.skeletons import NTU25

try:
    from skelact.readers.ntu_fast import read_bodies
except ImportError:  # no C compiler was at hand

    def read_bodies(data: bytes, /) -> tuple[int, bytearray] | None:  # noqa: ARG001
        """None, so that every file is read the slow way."""
        return None


FPS = 30.0
JOINTS = len(NTU25)
BODY_VALUES = 10
JOINT_VALUES = 12
STATE = JOINT_VALUES - 1  # column of the tracking state
STATES = ("0", "1", "2")
CONFIDENCE = np.array([0.0, 0.5, 1.0], dtype=np.float32)  # not tracked, inferred, tracked
START = re.compile(rb"\s*\d+\s*\n(0\s*\n)*\d+\s*\n\s*\d+([ \t]+\S+){9}\s*\n")
BODY = np.dtype(
    [
        ("frame", np.int64),
        ("place", np.int64),  # in that frame
        ("identity", np.int64),  # given by the Kinect
        ("positions", np.float32, (JOINTS, 3)),  # NaN where a joint was not observed
        ("states", np.uint8, JOINTS),
    ],
    align=True,
)  # a body in a frame, as ntu_fast.c gives it


@dataclass(frozen=True)
class _Found:
    """Where the bodies of a file are; lines are counted from 0 without the blank ones."""

    frames: int
    frame: list[int]  # of each body
    place: list[int]  # its place in that frame
    line: list[int]  # its first joint
    identity: list[int]


def read_ntu(path: Path) -> Sequence:
    """Read an NTU RGB+D skeleton file.

    Body k of a frame, in the order of the file, is at place k; ``track`` has the identities that the Kinect
    gave. A body that is not in a frame, and a joint at exactly (0, 0, 0), was not observed.

    Args:
        path: the file.

    Returns:
        Sequence in metres, 30 fps, as many persons as the fullest frame has, with ``confidence`` (tracked 1,
        inferred 0.5, not tracked 0) and ``track``.

    Raises:
        FileError: the file is broken, or shows no person.
    """
    path = Path(path)
    found = read_bodies(read_bytes(path))
    frames, bodies = _read_any(path) if found is None else (found[0], np.frombuffer(found[1], dtype=BODY))
    persons = int(bodies["place"].max()) + 1
    sequence = Sequence(
        _in_places(bodies, (frames, persons), bodies["positions"], np.nan),
        NTU25,
        FPS,
        name=path.stem,
        confidence=_in_places(bodies, (frames, persons), CONFIDENCE.take(bodies["states"]), 0.0),
        track=_in_places(bodies, (frames, persons), bodies["identity"], -1),
    )
    if not sequence.valid.any():
        raise FileError(path, "the recording shows no person: every joint of every body is at (0, 0, 0)")
    return sequence


def _in_places(
    bodies: NDArray[np.void], shape: tuple[int, int], values: NDArray[Any], missing: float
) -> NDArray[Any]:
    """(T, M, ...) of values (B, ...) of the bodies."""
    frames, persons = shape
    if len(values) == frames * persons:  # every person is in every frame
        return values.reshape(*shape, *values.shape[1:])
    every = np.full((*shape, *values.shape[1:]), missing, dtype=values.dtype)
    every[bodies["frame"], bodies["place"]] = values
    return every


def _read_any(path: Path) -> tuple[int, NDArray[np.void]]:
    """Frames and bodies in a file, with any blanks and forms of numbers; a ``FileError`` names what is wrong."""
    lines = read_lines(path)
    found = _find_bodies(lines)
    joints = _joint_lines(lines, found)
    positions = numbers(lines, joints, 3).reshape(-1, JOINTS, 3)
    positions[(positions == 0).all(axis=-1)] = np.nan
    bodies = np.zeros(len(found.line), dtype=BODY)
    bodies["frame"], bodies["place"], bodies["identity"] = found.frame, found.place, found.identity
    bodies["positions"] = positions
    bodies["states"] = _states(lines, joints)
    return found.frames, bodies


def _find_bodies(lines: Lines) -> _Found:
    found = _Found(whole_number(lines, 0, "the number of frames"), [], [], [], [])
    try:
        _walk(lines, found)
    except FileError:
        _joint_lines(lines, found)  # a joint's line that is wrong or lost, further up, may be the reason
        raise
    if not found.line:
        raise FileError(
            lines.path, f"the recording shows no person: {found.frames} frames, no body in any of them"
        )
    return found


def _walk(lines: Lines, found: _Found) -> None:
    """Go through the frames and record where each body is."""
    frames, line = found.frames, 1
    for frame in range(frames):
        if line >= len(lines):
            raise _ends(lines, f"the file announces {frames} frames and ends after {frame}")
        count = whole_number(lines, line, f"the number of bodies in frame {frame + 1}")
        line += 1
        for place in range(count):
            if line >= len(lines):
                raise _ends(lines, f"frame {frame + 1} announces {count} bodies, the file ends after {place}")
            who = f"body {place + 1} of frame {frame + 1}"
            identity = _identity(lines, line, who)
            if line + 2 + JOINTS > len(lines):
                raise _ends(lines, f"the file ends in {who}")
            found.frame.append(frame)
            found.place.append(place)
            found.line.append(line + 2)
            found.identity.append(identity)
            line += 2 + JOINTS
    if line < len(lines):
        raise lines.error(line, f"the file goes on after its {frames} frames: {lines.shown(line)}")


def _identity(lines: Lines, line: int, who: str) -> int:
    """Identity of the body whose header is in this line; checks the header and the number of joints after it."""
    word, count = lines.rows[line][0], len(lines.rows[line])
    final = line + 1 >= len(lines)
    if final and count < BODY_VALUES:
        raise _ends(lines, f"the file ends in {who}")
    if count != BODY_VALUES or not word.isdigit() or len(word) > 19 or int(word) >= 2**63:
        reason = f"expected the {BODY_VALUES} values of {who}, its identity first, got {lines.shown(line)}"
        raise lines.error(line, reason)
    if final:
        raise _ends(lines, f"the file ends in {who}")
    joints = whole_number(lines, line + 1, f"the number of joints of {who}")
    if joints != JOINTS:
        raise lines.error(line + 1, f"{who} has {joints} joints, expected {JOINTS} (Kinect v2)")
    return int(word)


def _joint_lines(lines: Lines, found: _Found) -> list[int]:
    """(bodies x V) the line of each joint of each body; checks that each has its 12 values."""
    joints = [first + joint for first in found.line for joint in range(JOINTS)]
    for place, line in enumerate(joints):
        count = len(lines.rows[line])
        if count == JOINT_VALUES:
            continue
        body, joint = divmod(place, JOINTS)
        who = f"joint {joint + 1} of body {found.place[body] + 1} of frame {found.frame[body] + 1}"
        if line == len(lines) - 1:
            raise _ends(lines, f"the file ends in {who}")
        raise lines.error(line, f"{who} has {count} values, expected {JOINT_VALUES}")
    return joints


def _states(lines: Lines, joints: list[int]) -> NDArray[np.uint8]:
    """(bodies, V) how well each joint was tracked."""
    words = [lines.rows[line][STATE] for line in joints]
    wrong = next((place for place, word in enumerate(words) if word not in STATES), None)
    if wrong is not None:
        reason = f"the tracking state is {words[wrong][:30]!r}, expected 0, 1 or 2"
        raise lines.error(joints[wrong], reason)
    return np.array([int(word) for word in words], dtype=np.uint8).reshape(-1, JOINTS)


def _ends(lines: Lines, what: str) -> FileError:
    return lines.error(len(lines) - 1, f"{what}. Truncated file?")


def _looks_like_ntu(head: bytes) -> bool:
    return START.match(head) is not None


READER = FileReader(
    name="ntu",
    title="NTU RGB+D skeleton text",
    suffixes=(".skeleton",),
    sniffs=_looks_like_ntu,
    read_file=read_ntu,
)
