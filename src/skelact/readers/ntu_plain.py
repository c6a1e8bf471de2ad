"""NTU RGB+D files as the recorder writes them, read many times faster than ``ntu`` reads any file.

Nothing is guessed: a file whose lines are not exactly as expected is left to ``ntu``, which reads it or tells what
is wrong with it, and in which line.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelact.readers.bits import SPACE, ZERO, Places, Text, padded
from skelact.skeletons import NTU25

JOINTS = len(NTU25)
BODY_VALUES = 10
JOINT_VALUES = 12
STATES = 3
BODY_LINES = 2 + JOINTS
COUNTED = int.from_bytes(b"%d" % JOINTS, "little")  # the two characters of the line before the joints
IDENTITY = 24  # characters, more than any identity has
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Bodies:
    """What a file holds of each body in each frame.

    Args:
        frames: number of frames.
        frame: (B,) frame of each body.
        place: (B,) its place in that frame.
        identity: (B,) given by the Kinect.
        positions: (3, B, 25) float64, (0, 0, 0) where a joint was not measured.
        states: (B, 25) uint8, 0 to 2.
    """

    frames: int
    frame: Places
    place: Places
    identity: Places
    positions_CBV: NDArray[np.float64]
    states: NDArray[np.uint8]


def read_plain(data: bytes) -> Bodies | None:
    """The bodies in a file; None where it is not as the recorder writes files, or nobody is in it."""
    if b"\0" in data:
        return None
    text = padded(data)
    newlines = text.newlines
    starts, ends = newlines[:-1] + 1, newlines[1:]
    ends = ends - (text.characters.take(ends - 1) == ord("\r"))
    frame_line = _frame_lines(text, starts, ends)
    if frame_line is None:
        return None
    counts = text.characters.take(starts.take(frame_line)).astype(np.int64) - ZERO
    frame = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(frame)) - np.repeat(np.cumsum(counts) - counts, counts)
    head = np.repeat(frame_line + 1, counts) + place * BODY_LINES
    joints = (head[:, None] + np.arange(2, BODY_LINES)).ravel()
    words = text.words_between(newlines)
    if not len(frame) or (words[head] != BODY_VALUES).any() or (words.take(joints) != JOINT_VALUES).any():
        return None
    counted = starts.take(head + 1)
    if (ends.take(head + 1) - counted != 2).any() or (text.runs(counted, 2).view("<u2") != COUNTED).any():
        return None
    identity = _identities(text, starts[head])
    states = _states(text, ends.take(joints))
    positions = _positions(text, starts.take(joints), ends.take(joints))
    if identity is None or states is None or positions is None:
        return None
    shape = (len(frame), JOINTS)
    return Bodies(len(counts), frame, place, identity, positions.reshape(3, *shape), states.reshape(shape))


def _frame_lines(text: Text, starts: Places, ends: Places) -> Places | None:
    """The line of each frame, its number of bodies: those of a single digit, if they are where they should be."""
    announced = text.characters[starts[0] : ends[0]].tobytes()
    length = ends - starts
    length[0] = 0
    lines = np.flatnonzero(length == 1)
    if not announced.isdigit() or len(announced) > 9 or int(announced) != len(lines) or not len(lines):
        return None
    counts = text.characters.take(starts.take(lines)) - np.uint8(ZERO)  # others wrap round to large
    if counts.max() > 9:
        return None
    behind = 1 + np.cumsum(1 + counts.astype(np.int64) * BODY_LINES)
    right = lines[0] == 1 and (lines[1:] == behind[:-1]).all() and behind[-1] == len(starts)
    return lines if right else None


def _identities(text: Text, starts: Places) -> Places | None:
    """(B,) the first word of each body's line."""
    begins = text.runs(starts, IDENTITY).tolist()
    known = {begin: begin.split(b" ", 1)[0] for begin in set(begins)}  # a clip has few different ones
    for word in known.values():
        if not word.isdigit() or len(word) == IDENTITY or int(word) >= 2**63:
            return None
    return np.array([int(known[begin]) for begin in begins], dtype=np.int64)


def _states(text: Text, ends: Places) -> NDArray[np.uint8] | None:
    """(n,) the last word of each line."""
    states: NDArray[np.uint8] = text.characters.take(ends - 1) - np.uint8(ZERO)
    alone = text.characters.take(ends - 2) <= SPACE
    return states if states.max() < STATES and alone.all() else None


def _positions(text: Text, starts: Places, ends: Places) -> NDArray[np.float64] | None:
    """(3, n) the first three words of each line."""
    begins, behind = text.first_words(starts, 3)
    found, odd = text.decimals(begins.ravel(), behind.ravel())
    values = found.reshape(begins.shape)
    if odd.any():
        for line in np.flatnonzero(odd.reshape(begins.shape).any(axis=0)).tolist():
            slowly = _slowly(text.characters[starts[line] : ends[line]].tobytes())
            if slowly is None:
                return None
            values[:, line] = slowly
    return values


def _slowly(line: bytes) -> list[float] | None:
    """The first three words of a line, numbers of any form; None where one is none, or too large for float32."""
    words = line.split(maxsplit=3)[:3]
    try:
        values = [float(word) for word in words if b"_" not in word]  # float() admits 1_000
    except ValueError:
        return None
    return None if len(values) != 3 or any(abs(value) > LARGEST for value in values) else values
