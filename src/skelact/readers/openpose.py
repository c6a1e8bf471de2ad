"""OpenPose JSON: a folder of one file per frame is one recording of any number of people.

Two forms are read. OpenPose's own, files ``NAME_000000000012_keypoints.json`` (also plain ``00012.json``):
``{"people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, confidence, ...]}]}``, with 25 joints (BODY-25) or
18 (COCO). And the lists that programs around OpenPose for live pictures write, files ``00012.txt`` or ``.json``: a
list of people, each ``[[identity, label, x, y, ...]]`` with 18 joints as a share of the picture and 0, 0 for those
that were not found; the label, that program's guess, is not read.

Frames are numbered in the file names; a missing number is a frame without people. Several recordings
may lie in one folder when their names differ before the number. Files do not give the frame rate; the
default is 30 per second.

Convention: x to the right, y downwards (so up is -y), in pixels of the picture.

Source: the description of the output that comes with OpenPose (Cao et al., "OpenPose", TPAMI 2019), and a real
recording in the second form.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.files import HEAD, read_bytes
from skelact.readers.reader import Unit
from skelact.readers.tracking import follow, places_of
from skelact.sequences import Sequence
from skelact.settings.schema import setting
from skelact.skeletons import BODY25, COCO18, Skeleton

FRAME = re.compile(r"(?P<name>.*?)(?P<number>\d*)(?P<ending>_keypoints\.json|\.json|\.txt)", re.IGNORECASE)
SURE = "_keypoints.json"
KEYS = ("pose_keypoints_2d", "pose_keypoints")  # of newer and of older versions
SKELETONS = {3 * len(skeleton): skeleton for skeleton in (BODY25, COCO18)}  # by how many numbers a person has
LISTED = 2 * len(COCO18)  # numbers of a person in the other form
MOST_FRAMES = 1_000_000  # between the first number and the last; more would be a mistake in the names


@dataclass(frozen=True)
class OpenPoseOptions:
    """Options of a recording."""

    fps: float = setting(30.0, "frames per second", above=0, high=100_000)
    unit: Literal["", "px", "image"] = setting(
        "", "of the coordinates: px, or image where they are a share of the picture; empty: as the form has them"
    )


@dataclass(frozen=True)
class _Person:
    """A person in a frame: (V, 3) x, y and confidence, NaN where not observed; the identity, -1 for none."""

    joints: NDArray[np.float64]
    identity: int


@dataclass(frozen=True)
class _Frame:
    """People in a frame; ``listed`` where the file has the other form."""

    path: Path
    people: list[_Person]
    listed: bool


@dataclass(frozen=True)
class OpenPoseReader:
    """The reader; see the top of this module."""

    name: str = "openpose"
    title: str = "OpenPose JSON, a file per frame"
    suffixes: tuple[str, ...] = (".json",)
    called: str = r".*_keypoints\.json"
    many: bool = False
    Options: type[Any] = OpenPoseOptions

    def sniff(self, head: bytes) -> bool:
        """OpenPose's own form begins with its key ``people`` or a key before it; the other with three brackets."""
        start = head.lstrip()
        return (start.startswith(b"{") and b'"people"' in head) or b"".join(start.split())[:3] == b"[[["

    def find(self, files: Iterable[Path]) -> list[Unit]:
        """A unit of each folder, or of each name in a folder, whose frames lie in ``files``."""
        groups: dict[tuple[Path, str, str], list[tuple[int, Path]]] = {}
        for path in files:
            found = FRAME.fullmatch(path.name)
            if found and (found["number"] or found["ending"].lower() == SURE):
                key = (path.parent, found["name"], found["ending"].lower())
                groups.setdefault(key, []).append((int(found["number"] or 0), path))
        ours = {
            key: [path for _, path in sorted(frames, key=lambda frame: frame[0])]
            for key, frames in groups.items()
            if key[2] == SURE or self._looks_like_frames(path for _, path in sorted(frames))
        }
        units = Counter(folder for folder, _, _ in ours)
        return [
            Unit(folder if units[folder] == 1 else folder / (name.rstrip("_-. ") or "frames"), tuple(paths))
            for (folder, name, _), paths in ours.items()
        ]

    def read(self, unit: Unit, options: OpenPoseOptions) -> Iterator[Sequence | FileError]:
        """The one recording."""
        yield read_openpose(unit, options)

    def _looks_like_frames(self, paths: Iterable[Path]) -> bool:
        """Whether the first file that shows a person looks like a frame; empty frames do not count."""
        for path in paths:
            try:
                with path.open("rb") as file:
                    head = file.read(HEAD)
            except OSError:
                continue  # reported when it is read, if it is a frame
            if head.strip() not in (b"", b"[]"):
                return self.sniff(head)
        return False


def read_openpose(unit: Unit, options: OpenPoseOptions) -> Sequence:
    """Read the frames of a recording.

    A joint whose confidence is 0 was not observed. A person keeps one place while visible, and an identity in
    ``track``: the ``person_id`` of the files, else by nearness from frame to frame (``tracking.follow``).

    Returns:
        Sequence of 2 coordinates, as many persons as places are needed, ``confidence`` where files have it.

    Raises:
        FileError: a file is broken, files do not fit together, or no frame shows a person.
    """
    numbers = _numbers(unit)
    frames = [_read_frame(path) for path in unit.files]
    full = next((frame for frame in frames if frame.people), None)
    if full is None:
        raise FileError(
            unit.path, f"the recording shows no person: {len(frames)} frames, no person in any of them"
        )
    joints = len(full.people[0].joints)
    for frame in frames:
        _check_fits(frame, full, joints)
    identities = _identities(frames, numbers)
    places = places_of(identities)
    shape = (numbers[-1] - numbers[0] + 1, 1 + max(place for frame in places for place in frame), joints)
    values = np.full((*shape, 3), np.nan, dtype=np.float32)
    track = np.full(shape[:2], -1, dtype=np.int64)
    for number, frame, who, where in zip(numbers, frames, identities, places, strict=True):
        for person, identity, place in zip(frame.people, who, where, strict=True):
            values[number - numbers[0], place] = person.joints
            track[number - numbers[0], place] = identity
    return Sequence(
        values[..., :2],
        SKELETONS[3 * joints],
        options.fps,
        name=unit.path.stem if unit.is_file else unit.path.name,
        confidence=None if full.listed else np.nan_to_num(values[..., 2]),
        track=track,
        unit=options.unit or ("image" if full.listed else "px"),
        up="-y",
    )


def _numbers(unit: Unit) -> list[int]:
    """The number of each frame, rising."""
    found = [FRAME.fullmatch(path.name) for path in unit.files]
    numbers = [int(one["number"] or 0) if one else 0 for one in found]
    for before, path in zip(range(len(numbers)), unit.files[1:], strict=False):
        if numbers[before] == numbers[before + 1]:
            raise FileError(path, f"has the frame number {numbers[before]}, as {unit.files[before].name} has")
    if numbers[-1] - numbers[0] >= MOST_FRAMES:
        span = f"frame numbers from {numbers[0]} to {numbers[-1]} in {len(numbers)} files"
        raise FileError(unit.path, f"{span}, expected fewer than {MOST_FRAMES:,} frames. Are these frame numbers?")
    return numbers


def _read_frame(path: Path) -> _Frame:
    content = _parse(path)
    listed = isinstance(content, list)
    people = content if listed else content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise FileError(path, 'expected an object with "people": a list, as OpenPose writes it')
    read_one = _listed if listed else _person
    found = (read_one(path, number, one) for number, one in enumerate(people, start=1))
    return _Frame(path, [one for one in found if one is not None and not np.isnan(one.joints).all()], listed)


def _parse(path: Path) -> Any:
    try:
        return json.loads(read_bytes(path).decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        cut = error.pos >= len(error.doc.rstrip()) - 1 or error.msg.startswith("Unterminated")
        reason = f"not valid JSON at character {error.colno}: {error.msg}" + (". Truncated file?" if cut else "")
        raise FileError(path, reason, error.lineno) from error
    except (RecursionError, ValueError) as error:  # not UTF-8, nested too deep, a number of too many digits
        raise FileError(path, "is not a JSON file") from error


def _person(path: Path, number: int, content: Any) -> _Person | None:
    """A person in OpenPose's own form; None where only face or hands were found."""
    if not isinstance(content, dict):
        raise FileError(path, f"person {number} is {_short(content)}, expected an object")
    values = next((content[key] for key in KEYS if key in content), None)
    if not isinstance(values, list):
        raise FileError(path, f'person {number} has no list "{KEYS[0]}"')
    if not values:
        return None
    if len(values) not in SKELETONS:
        expected = " or ".join(f"{count} ({skeleton.name})" for count, skeleton in SKELETONS.items())
        raise FileError(path, f"person {number} has {len(values)} numbers, expected {expected}")
    joints = _finite(path, number, values).reshape(-1, 3)
    if (joints[:, 2] < 0).any():
        low = f"{joints[:, 2].min():g}"
        raise FileError(path, f"person {number} has a confidence of {low}, expected 0 to 1")
    joints[:, 2] = np.minimum(joints[:, 2], 1.0)  # the network's answer is now and then a little above 1
    joints[joints[:, 2] == 0] = np.nan
    return _Person(joints, _identity(path, number, content.get("person_id", -1)))


def _listed(path: Path, number: int, content: Any) -> _Person:
    """A person in the other form."""
    row = content[0] if isinstance(content, list) and len(content) == 1 else content
    if not isinstance(row, list) or len(row) != 2 + LISTED:
        got = f"{len(row)} values" if isinstance(row, list) else _short(row)
        raise FileError(path, f"person {number} is {got}, expected identity, label and {LISTED} numbers (coco18)")
    places = _finite(path, number, row[2:]).reshape(-1, 2)
    places[(places == 0).all(axis=1)] = np.nan
    joints = np.column_stack([places, np.where(np.isnan(places[:, 0]), np.nan, 1.0)])
    return _Person(joints, _identity(path, number, row[0]))


def _finite(path: Path, number: int, values: list[Any]) -> NDArray[np.float64]:
    if not all(type(one) in (int, float) for one in values):
        wrong = next(one for one in values if type(one) not in (int, float))
        raise FileError(path, f"person {number} has {_short(wrong)} among the numbers")
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        array = np.array([np.inf])
    with np.errstate(over="ignore"):
        if not np.isfinite(array.astype(np.float32)).all():
            raise FileError(path, f"person {number} has a number that is not finite")
    return array


def _identity(path: Path, number: int, content: Any) -> int:
    """The number that the recorder gave a person; -1: none."""
    one = content[0] if isinstance(content, list) and len(content) == 1 else content
    if one in ([], None):
        return -1
    if type(one) is not int or not -1 <= one < 2**63:
        raise FileError(
            path, f"person {number} has the identity {_short(one)}, expected a whole number, -1 for none"
        )
    return one


def _check_fits(frame: _Frame, full: _Frame, joints: int) -> None:
    """Check that all frames have one form and one skeleton, and each person at most once."""
    if frame.people and frame.listed != full.listed:
        raise FileError(frame.path, f"has another form than {full.path.name}. Files of two recordings?")
    for person in frame.people:
        if len(person.joints) != joints:
            had, has = (_skeleton(count).name for count in (joints, len(person.joints)))
            raise FileError(frame.path, f"has {has}, {full.path.name} has {had}. Files of two recordings?")
    given = [person.identity for person in frame.people if person.identity >= 0]
    twice = next((one for one in given if given.count(one) > 1), None)
    if twice is not None:
        raise FileError(frame.path, f"two people have the identity {twice}")


def _skeleton(joints: int) -> Skeleton:
    return SKELETONS[3 * joints]


def _identities(frames: list[_Frame], numbers: list[int]) -> list[list[int]]:
    """The identities in each frame: from the files if they identify every person, else by tracking."""
    given = [[person.identity for person in frame.people] for frame in frames]
    if all(one >= 0 for frame in given for one in frame):
        return given
    joints = len(next(frame for frame in frames if frame.people).people[0].joints)
    empty = np.zeros((0, joints, 2))
    people: list[NDArray[np.floating]] = [empty] * (numbers[-1] - numbers[0] + 1)
    for number, frame in zip(numbers, frames, strict=True):
        if frame.people:
            people[number - numbers[0]] = np.stack([person.joints[:, :2] for person in frame.people])
    followed = follow(people)
    return [followed[number - numbers[0]] for number in numbers]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 30 else f"{text[:30]}..."


READER = OpenPoseReader()
