"""PKU-MMD skeleton text and its labels: long recordings of one or two people, tracked by a Kinect v2.

A line per frame: x y z of 25 joints of one person and of the other, 150 numbers separated by spaces; an absent
person has 75 zeros. The label file has the same name and lies in another folder; a line per action: class,
first frame, last frame, confidence (1 or 2, how well the action was done; some files leave it out).

Convention: metres, 30 fps, +y up, +z away from the camera, joints as in NTU RGB+D.

Known from the description that comes with the data and from the beginning of a real file: the 150 numbers and
their order, zeros for an absent person, 30 fps, the columns of labels. Known from users of the data: class
numbers begin at 1; labels of a recording overlap (in part II those of about half of them); in a few the last frame
is before the first.

Not documented: whether frames count from 0 or from 1, and whether the last one is part of the action. Here they
count from 1 and the last one is, as in two converters of other groups; others slice the lines ``[first:last]``,
which differs in the first frame alone. A first frame 0 is taken for 1.

Source: Liu et al., "PKU-MMD: a large scale benchmark for continuous multi-modal human action understanding",
ACM Multimedia workshops 2017, and the description that comes with the data.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skelact.errors import FileError
from skelact.readers.files import read_head
from skelact.readers.reader import FileReader
from skelact.readers.text import Lines, read_lines, read_table
from skelact.sequences import Segment, Sequence
from skelact.settings.schema import setting
from skelact.skeletons import NTU25

FPS = 30.0
PERSONS = 2
VALUES = PERSONS * len(NTU25) * 3
LABEL_ENDINGS = (".txt", ".label")
WHOLE = re.compile(r"[+-]?\d{1,9}(\.0*)?", re.ASCII)
LEVELS = 3  # folders above a skeleton file in which its label file is searched
CLASSES = (
    "bow",
    "brushing hair",
    "brushing teeth",
    "check time (from watch)",
    "cheer up",
    "clapping",
    "cross hands in front (say stop)",
    "drink water",
    "drop",
    "eat meal/snack",
    "falling",
    "giving something to other person",
    "hand waving",
    "handshaking",
    "hopping (one foot jumping)",
    "hugging other person",
    "jump up",
    "kicking other person",
    "kicking something",
    "make a phone call/answer phone",
    "pat on back of other person",
    "pickup",
    "playing with phone/tablet",
    "point finger at the other person",
    "pointing to something with finger",
    "punching/slapping other person",
    "pushing other person",
    "put on a hat/cap",
    "put something inside pocket",
    "reading",
    "rub two hands together",
    "salute",
    "sitting down",
    "standing up",
    "take off a hat/cap",
    "take off glasses",
    "take off jacket",
    "take out something from pocket",
    "taking a selfie",
    "tear up paper",
    "throw",
    "touch back (backache)",
    "touch chest (stomachache/heart pain)",
    "touch head (headache)",
    "touch neck (neckache)",
    "typing on a keyboard",
    "use a fan (with hand or paper)/feeling warm",
    "wear jacket",
    "wear on glasses",
    "wipe face",
    "writing",
)


@dataclass(frozen=True)
class Labels:
    """The content of a label file.

    Args:
        segments: the lines that can be used, in the order of the file.
        errors: of the lines that cannot.
    """

    segments: tuple[Segment, ...]
    errors: tuple[FileError, ...]


@dataclass(frozen=True)
class PkuMmdOptions:
    """Options of a recording."""

    labels: str = setting("", "its label file; empty: looked for in folders beside; none: its labels are not read")


def read_pku_mmd(path: Path, labels: str = "") -> Sequence:
    """Read a recording of PKU-MMD, whole, with its segments.

    Args:
        path: the skeleton text.
        labels: its label file; empty: found by ``find_labels``, and no segments where there is none; "none": its
            labels are not looked at.

    Returns:
        Sequence of two persons in metres, 30 fps; an absent person is NaN.

    Raises:
        FileError: the recording or its label file is broken, or shows no person.
    """
    path = Path(path)
    sequence = read_skeletons(path)
    file = Path(labels) if labels else find_labels(path)
    if labels == "none" or file is None:
        return sequence
    found = read_labels(file, sequence.frames)
    if found.errors:
        first = found.errors[0]
        raise FileError(file, f"{first.reason}. To read {path.name} without labels: labels=none", first.line)
    return replace(sequence, segments=found.segments)


def read_skeletons(path: Path) -> Sequence:
    """The recording without its labels.

    Raises:
        FileError: the file is broken, or shows no person.
    """
    values = read_table(path, VALUES, "numbers (2 people x 25 joints x 3)")
    positions = values.reshape(len(values), PERSONS, len(NTU25), 3).astype(np.float32)
    positions[(positions == 0).all(axis=(2, 3))] = np.nan
    if np.isnan(positions).all():
        raise FileError(path, "the recording shows no person: every number is 0")
    return Sequence(positions, NTU25, FPS, name=path.stem)


def read_labels(path: Path, frames: int) -> Labels:
    """Read a label file line by line; a wrong line does not affect the others.

    Args:
        path: the file.
        frames: number of frames of the recording.

    Raises:
        FileError: it cannot be opened, is empty or is not text.
    """
    lines = read_lines(path, commas=True)
    segments: list[Segment] = []
    errors: list[FileError] = []
    for line in range(len(lines)):
        try:
            segments.append(_segment(lines, line, frames))
        except FileError as error:
            errors.append(error)
    return Labels(tuple(segments), tuple(errors))


def find_labels(path: Path) -> Path | None:
    """The label file of a recording: one of the same name in a folder with "label" in its name.

    Such a folder, or one inside it, lies beside the recording or beside one of the folders around it:
    ``Label/Train_Label_PKU_final/0002-L.txt`` for ``Data/PKU_Skeleton_Renew/0002-L.txt``.
    """
    path = Path(os.path.abspath(path))
    for above in path.parents[: LEVELS + 1]:
        for folder in folders_called("label", above):
            for place in (folder, *subfolders(folder)):
                for ending in LABEL_ENDINGS:
                    file = place / f"{path.stem}{ending}"
                    if file.is_file() and not _looks_like_pku_mmd(read_head(file)):
                        return file
    return None


def folders_called(word: str, folder: Path) -> list[Path]:
    """Folders in a folder with a word in their name, upper or lower case."""
    return [one for one in subfolders(folder) if word in one.name.lower()]


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, sorted; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except OSError:
        return []


def is_label_file(path: Path) -> bool:
    """Whether a file that is named like a recording holds its labels: by its content, or else its folder."""
    head = read_head(path)
    if _looks_like_pku_mmd(head):
        return False
    if 0 < head.split(b"\n", 1)[0].count(b",") <= 3 or path.suffix.lower() == ".label":
        return True
    return any("label" in part.name.lower() for part in (path.parent, path.parent.parent))


def _segment(lines: Lines, line: int, frames: int) -> Segment:
    count = len(lines.rows[line])
    if count not in (3, 4):
        raise lines.error(line, f"expected class,start,end,confidence, got {count} values: {lines.shown(line)}")
    number, start, end = (_whole(lines, line, place) for place in range(3))
    if not 1 <= number <= len(CLASSES):
        raise lines.error(line, f"class {number} is none of PKU-MMD's (1 to {len(CLASSES)})")
    if start < 0 or end < 0:
        raise lines.error(line, f"frames {start} to {end}: a frame number cannot be negative")
    if end < start:
        raise lines.error(line, f"frames {start} to {end}: the end is before the start")
    if end > frames or end == 0:
        raise lines.error(line, f"frames {start} to {end} are outside of the recording, which has {frames} frames")
    return Segment(max(start - 1, 0), end, CLASSES[number - 1])


def _whole(lines: Lines, line: int, place: int) -> int:
    """A word of a line as a whole number; ``12.0`` is one."""
    word = lines.rows[line][place]
    if not WHOLE.fullmatch(word):
        what = ("the number of the class", "the first frame", "the last frame")[place]
        raise lines.error(line, f"expected {what}, a whole number: {lines.shown(line)}")
    return int(float(word))


def _looks_like_pku_mmd(head: bytes) -> bool:
    """About 150 numbers in the first line; a few may be missing, so that the reader can report it."""
    first = head.split(b"\n", 1)[0].split()
    if abs(len(first) - VALUES) > VALUES // 5:
        return False
    try:
        return all(np.isfinite(float(word)) for word in first[:10])
    except ValueError:
        return False


READER = FileReader(
    name="pku-mmd",
    title="PKU-MMD skeleton text",
    suffixes=(".txt", ".skeleton"),
    sniffs=_looks_like_pku_mmd,
    read_file=read_pku_mmd,
    Options=PkuMmdOptions,
    called=r"(\d{4}|A\d\dN\d\d)-[LMR]\.(txt|skeleton)",
)
