"""NTU RGB+D ``.skeleton``: what a Kinect v2 tracked, as text.

The file has the number of frames; each frame its number of bodies; each body a line of 10 values (its identity
first), the number of joints, and a line of 12 values for every joint: x y z, the pixel in the depth and in the
colour image, an orientation, and how well the joint was tracked.

Convention: metres in camera space, +y up, +x to the right of a person who faces the camera, +z away from the
camera. Right-handed, so bodies are as in ``Skeleton.rest`` (a test says so of real recordings).

Source: Shahroudy et al., "NTU RGB+D", CVPR 2016, and the ``read_skeleton_file`` that comes with the data.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.files import read_bytes
from skelact.readers.ntu_plain import BODY_VALUES, JOINT_VALUES, JOINTS, Bodies, read_plain
from skelact.readers.reader import Reader
from skelact.readers.text import ZERO, Words, numbers, read_words, shown, whole_number
from skelact.sequences import Sequence
from skelact.skeletons import NTU25

FPS = 30.0
TOGETHER = 1 << 20  # bytes of files that are read together
STATE = JOINT_VALUES - 1  # column of the tracking state
CONFIDENCE = np.array([0.0, 0.5, 1.0], dtype=np.float32)  # not tracked, inferred, tracked
START = re.compile(rb"\s*\d+\s*\n(0\s*\n)*\d+\s*\n\s*\d+([ \t]+\S+){9}\s*\n")


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
    gave. A body that is not in a frame, and a joint at exactly (0, 0, 0), was not measured.

    Args:
        path: the file.

    Returns:
        Sequence in metres, 30 fps, as many persons as the fullest frame has, with ``confidence`` (tracked 1,
        inferred 0.5, not tracked 0) and ``track``.

    Raises:
        FileError: the file is broken, or nobody is in it.
    """
    path = Path(path)
    return _sequence(path, read_plain([read_bytes(path)])[0] or _read_any(path))


def read_together(paths: Iterable[Path]) -> dict[Path, Sequence]:
    """What ``read_ntu`` gives of some files, faster than one by one; without those that it may refuse."""
    found: dict[Path, Sequence] = {}
    for group in _groups(paths):
        for path, bodies in zip(group, read_plain(list(group.values())), strict=True):
            with suppress(FileError):
                if bodies is not None:
                    found[path] = _sequence(path, bodies)
    return found


def _groups(paths: Iterable[Path]) -> Iterator[dict[Path, bytes]]:
    """Files with their bytes, as many as fit in the processor's cache."""
    group: dict[Path, bytes] = {}
    for path in paths:
        with suppress(FileError):
            data = read_bytes(path)
            if group and sum(map(len, group.values())) + len(data) > TOGETHER:
                yield group
                group = {}
            group[path] = data
    if group:
        yield group


def _sequence(path: Path, bodies: Bodies) -> Sequence:
    persons = int(bodies.place.max()) + 1
    positions = _in_places(bodies, persons, _measured(bodies), np.nan)
    if np.isnan(positions).all():
        raise FileError(path, "nobody is in this recording: every joint of every body is at (0, 0, 0)")
    confidence = _in_places(bodies, persons, CONFIDENCE.take(bodies.states), 0.0)
    track = _in_places(bodies, persons, bodies.identity, -1)
    return Sequence(positions, NTU25, FPS, name=path.stem, confidence=confidence, track=track)


def _measured(bodies: Bodies) -> NDArray[np.float32]:
    """(B, V, 3) positions, NaN where a joint was not measured."""
    measured = np.empty((*bodies.states.shape, 3), dtype=np.float32)
    for coordinate, values in enumerate(bodies.positions_CBV):  # three long copies, not many of three numbers
        measured[..., coordinate] = values
    zero = bodies.positions_CBV[0] == 0
    if zero.any():
        measured[zero & (bodies.positions_CBV == 0).all(axis=0)] = np.nan
    return measured


def _in_places(bodies: Bodies, persons: int, values: NDArray[Any], missing: float) -> NDArray[Any]:
    """(T, M, ...) of values (B, ...) of the bodies."""
    if len(values) == bodies.frames * persons:  # everybody is in every frame
        return values.reshape(bodies.frames, persons, *values.shape[1:])
    every = np.full((bodies.frames, persons, *values.shape[1:]), missing, dtype=values.dtype)
    every[bodies.frame, bodies.place] = values
    return every


def _read_any(path: Path) -> Bodies:
    """The bodies in a file, whatever its blanks and numbers look like; or what is wrong with it."""
    words = read_words(path)
    found = _find_bodies(words)
    first = _first_words(words, found)
    return Bodies(
        frames=found.frames,
        frame=np.array(found.frame),
        place=np.array(found.place),
        identity=np.array(found.identity),
        positions_CBV=np.moveaxis(numbers(words, first[..., None] + np.arange(3)), -1, 0),
        states=_states(words, first + STATE),
    )


def _find_bodies(words: Words) -> _Found:
    found = _Found(whole_number(words, 0, "the number of frames"), [], [], [], [])
    try:
        _walk(words, found)
    except FileError:
        _first_words(words, found)  # a joint's line that is wrong or lost, further up, may be the reason
        raise
    if not found.line:
        raise FileError(words.path, f"nobody is in this recording: {found.frames} frames, no body in any of them")
    return found


def _walk(words: Words, found: _Found) -> None:
    """Go through the frames and note where each body is."""
    frames, line = found.frames, 1
    for frame in range(frames):
        if line >= words.lines:
            raise _ends(words, f"the file announces {frames} frames and ends after {frame}")
        count = whole_number(words, line, f"the number of bodies in frame {frame + 1}")
        line += 1
        for place in range(count):
            if line >= words.lines:
                raise _ends(words, f"frame {frame + 1} announces {count} bodies, the file ends after {place}")
            who = f"body {place + 1} of frame {frame + 1}"
            identity = _identity(words, line, who)
            if line + 2 + JOINTS > words.lines:
                raise _ends(words, f"the file ends in {who}")
            found.frame.append(frame)
            found.place.append(place)
            found.line.append(line + 2)
            found.identity.append(identity)
            line += 2 + JOINTS
    if line < words.lines:
        raise words.error(line, f"the file goes on after its {frames} frames: {shown(words, line)}")


def _identity(words: Words, line: int, who: str) -> int:
    """Identity of the body whose header is in this line; checks the header and the number of joints after it."""
    word, count = words.head(line)
    final = line + 1 >= words.lines
    if final and count < BODY_VALUES:
        raise _ends(words, f"the file ends in {who}")
    if count != BODY_VALUES or not word.isdigit() or int(word) >= 2**63:
        reason = f"expected the {BODY_VALUES} values of {who}, its identity first, got {shown(words, line)}"
        raise words.error(line, reason)
    if final:
        raise _ends(words, f"the file ends in {who}")
    joints = whole_number(words, line + 1, f"the number of joints of {who}")
    if joints != JOINTS:
        raise words.error(line + 1, f"{who} has {joints} joints, expected {JOINTS} (Kinect v2)")
    return int(word)


def _first_words(words: Words, found: _Found) -> NDArray[np.int64]:
    """(bodies, V) first word of each joint's line; every line has its 12 values."""
    lines = np.array(found.line, dtype=np.int64)[:, None] + np.arange(JOINTS)
    wrong = np.argwhere(words.counts[lines] != JOINT_VALUES)
    if len(wrong):
        body, joint = wrong[0]
        line = int(lines[body, joint])
        who = f"joint {joint + 1} of body {found.place[body] + 1} of frame {found.frame[body] + 1}"
        if line == words.lines - 1:
            raise _ends(words, f"the file ends in {who}")
        raise words.error(line, f"{who} has {words.counts[line]} values, expected {JOINT_VALUES}")
    first: NDArray[np.int64] = words.first[lines]
    return first


def _states(words: Words, which: NDArray[np.int64]) -> NDArray[np.uint8]:
    state = words.characters[words.starts[which]] - np.uint8(ZERO)  # others wrap round to large
    wrong = np.argwhere((state >= len(CONFIDENCE)) | (words.ends[which] - words.starts[which] != 1))
    if len(wrong):
        word = int(which[tuple(wrong[0])])
        text = words.word(word)[:30].decode("ascii", errors="replace")
        raise words.error(words.line_of(word), f"the tracking state is {text!r}, expected 0, 1 or 2")
    return state


def _ends(words: Words, what: str) -> FileError:
    return words.error(words.lines - 1, f"{what}. Truncated copy?")


def _looks_like_ntu(head: bytes) -> bool:
    return START.match(head) is not None


READER = Reader(
    name="ntu",
    title="NTU RGB+D skeleton text",
    suffixes=(".skeleton",),
    sniff=_looks_like_ntu,
    read=read_ntu,
)
