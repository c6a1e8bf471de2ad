"""NTU RGB+D files as the recorder writes them, read many times faster than ``ntu`` reads any file.

Nothing is guessed: a file whose lines are not exactly as expected is left to ``ntu``, which reads it or tells what
is wrong with it, and in which line.
"""

from collections.abc import Sequence as Seq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skelact.readers.bits import SPACE, ZERO, Places, Text, joined
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

    def some(self, which: slice, frames: int) -> "Bodies":
        """Some of them, of a file with so many frames."""
        positions = self.positions_CBV[:, which]
        return Bodies(
            frames, self.frame[which], self.place[which], self.identity[which], positions, self.states[which]
        )


def read_plain(files: Seq[bytes]) -> list[Bodies | None]:
    """The bodies in each of some files; None where one is not as the recorder writes files, or nobody is in it.

    Small files are read together: a call of numpy costs as much as some hundred of their joints.
    """
    found = _read_together(files)
    if found is None:
        return [None] if len(files) == 1 else [read_plain([data])[0] for data in files]
    return list(found)


def _read_together(files: Seq[bytes]) -> list[Bodies] | None:
    """As one text; None where one of the files is not as it should be."""
    if any(b"\0" in data for data in files):
        return None
    text, first = joined(files)
    newlines = text.newlines
    starts, ends = newlines[:-1] + 1, newlines[1:]
    ends = ends - (text.characters.take(ends - 1) == ord("\r"))
    found = _frames(text, starts, ends, np.searchsorted(starts, first))
    if found is None:
        return None
    frames, frame_line, counts = found
    clip = np.repeat(np.repeat(np.arange(len(files)), frames), counts)  # of each body
    bodies = np.bincount(clip, minlength=len(files))
    place = np.arange(len(clip)) - np.repeat(np.cumsum(counts) - counts, counts)
    head = np.repeat(frame_line + 1, counts) + place * BODY_LINES
    joints = (head[:, None] + np.arange(2, BODY_LINES)).ravel()
    words = text.words_between(newlines)
    if not bodies.all() or (words[head] != BODY_VALUES).any() or (words.take(joints) != JOINT_VALUES).any():
        return None
    counted = starts.take(head + 1)
    if (ends.take(head + 1) - counted != 2).any() or (text.runs(counted, 2).view("<u2") != COUNTED).any():
        return None
    identity = _identities(text, starts[head])
    states = _states(text, ends.take(joints))
    positions = _positions(text, starts.take(joints), ends.take(joints))
    if identity is None or states is None or positions is None:
        return None
    before = np.repeat(np.cumsum(frames) - frames, bodies)  # frames of the files before
    frame = np.repeat(np.arange(len(counts)), counts) - before
    together = Bodies(0, frame, place, identity, positions.reshape(3, -1, JOINTS), states.reshape(-1, JOINTS))
    ends_of = np.cumsum(bodies)
    return [together.some(slice(a, b), n) for a, b, n in zip(ends_of - bodies, ends_of, frames, strict=True)]


def _frames(text: Text, starts: Places, ends: Places, first: Places) -> tuple[Places, Places, Places] | None:
    """How many frames each file has, which line each frame is, and its bodies, if all is where it should be.

    The line of a frame is its number of bodies: a line of a single digit, as no other is but the first of a file.
    """
    announced = [text.characters[starts[line] : ends[line]].tobytes() for line in first.tolist()]
    if not all(word.isdigit() and len(word) < 10 for word in announced):
        return None
    frames = np.array([int(word) for word in announced])
    length = ends - starts
    length[first] = 0
    lines = np.flatnonzero(length == 1)
    if frames.sum() != len(lines) or not frames.all():
        return None
    counts = text.characters.take(starts.take(lines)).astype(np.int64) - ZERO
    if counts.min() < 0 or counts.max() > 9:
        return None
    frame_of_file = np.cumsum(frames) - frames
    lengths = 1 + counts * BODY_LINES
    lengths[frame_of_file] += 1  # the first line of a file is before its first frame
    behind = np.cumsum(lengths)
    right = np.zeros_like(lines)
    right[1:] = behind[:-1]
    begins = right[frame_of_file].copy()
    right[frame_of_file] += 1
    whole = behind[-1] == len(starts) and (first == begins).all() and (lines == right).all()
    return (frames, lines, counts) if whole else None


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
