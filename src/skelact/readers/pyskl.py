"""Annotation pickles of pyskl and mmaction2: one file, thousands of recordings, labels and splits.

``{"split": {name: [frame_dir, ...]}, "annotations": [annotation, ...]}``, a list of annotations, or one annotation
alone. An annotation is a dictionary: ``frame_dir`` (its name), ``label`` (a number from 0), ``total_frames``,
``keypoint`` (M, T, V, C) and, of key points in the picture, ``keypoint_score`` (M, T, V), ``img_shape`` and
``original_shape`` (height, width). Nothing in the file is ever run.

Names of splits give split and part: ``xsub_train`` and ``xsub_val`` are the two parts of xsub, ``train1`` and
``test1`` of split1, ``train`` and ``val`` of split. Where there are both ``val`` and ``test``, test is the test
part, and val belongs to neither.

Files do not give the frame rate; the default is 30 per second.

Convention: key points in the picture are in pixels, x to the right, y downwards (so up is -y), joints of COCO; key
points in space are those of Kinect v2 in metres, as in NTU RGB+D.

Source: Duan et al., "Revisiting skeleton-based action recognition", CVPR 2022, the description of the format that
comes with pyskl, and a real file.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError, UserError
from skelact.readers.files import read_bytes, read_head
from skelact.readers.reader import Unit, units_by_suffix
from skelact.readers.unpickling import read_pickle
from skelact.sequences import Sequence
from skelact.sequences.sequence import Tag
from skelact.settings.schema import setting
from skelact.skeletons import BODY25, COCO17, COCO18, NTU25, Skeleton, get_skeleton

KNOWN = {(17, 2): COCO17, (18, 2): COCO18, (25, 2): BODY25, (25, 3): NTU25}  # by joints and coordinates
PART = re.compile(r"(?P<before>.*?)[_\-. ]*(?P<part>train|val|test)(?P<after>[_\-. ]*\d*)", re.IGNORECASE)
TAG = "split."  # begins the name of a tag for the part of a split that a recording is in


@dataclass(frozen=True)
class PysklOptions:
    """Options of a file."""

    skeleton: str | Skeleton = setting("", "of the joints: a name, or a TOML file; empty: by their number")
    fps: float = setting(30.0, "frames per second", above=0, high=100_000)
    classes: str = setting("", "text file with the name of a class a line, of label 0 first; empty: numbers stay")
    unit: Literal["", "m", "cm", "mm", "px", "image"] = setting("", "of the coordinates; empty: px or m")

    def __post_init__(self) -> None:
        """A skeleton travels by value."""
        if isinstance(self.skeleton, str) and self.skeleton:
            object.__setattr__(self, "skeleton", get_skeleton(self.skeleton))


@dataclass(frozen=True)
class PysklReader:
    """The reader; see the top of this module."""

    name: str = "pyskl"
    title: str = "pyskl / mmaction2 annotation pickle"
    suffixes: tuple[str, ...] = (".pkl", ".pickle")
    called: str = ""
    many: bool = True
    Options: type[Any] = PysklOptions

    def sniff(self, head: bytes) -> bool:
        """A pickle of protocol 2 or later in which the names of the format come up."""
        return head[:1] == b"\x80" and any(key in head for key in (b"annotations", b"keypoint", b"frame_dir"))

    def find(self, files: Iterable[Path]) -> list[Unit]:
        """Each pickle."""
        return units_by_suffix(files, self.suffixes)

    def read(self, unit: Unit, options: PysklOptions) -> Iterator[Sequence | FileError]:
        """The recordings in the order of the file; a broken one is given as its error."""
        annotations, splits = _content(unit.path)
        classes = _class_names(options.classes)
        parts = _parts(unit.path, splits)
        for number, one in enumerate(annotations):
            try:
                yield _sequence(one, options, classes, parts)
            except UserError as error:
                yield FileError(unit.path, f"{_called(number, one)}: {error}")


def _content(path: Path) -> tuple[list[Any], Mapping[Any, Any]]:
    """Annotations and splits."""
    if not read_head(path):
        raise FileError(path, "the file is empty")
    content = read_pickle(path)
    if isinstance(content, dict) and "keypoint" in content:
        content = [content]
    if isinstance(content, list):
        content = {"annotations": content}
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        holds = f"a {type(content).__name__}"
        if isinstance(content, dict):
            holds += f" with {', '.join(map(str, list(content)[:5])) or 'nothing'}"
        raise FileError(
            path, f"expected annotations of pyskl ('split' and 'annotations'), the pickle holds {holds}"
        )
    splits = content.get("split") or {}
    if not isinstance(splits, dict):
        raise FileError(path, f"'split' is a {type(splits).__name__}, expected a dictionary of lists of names")
    if not content["annotations"]:
        raise FileError(path, "no recording is in this file: 'annotations' is empty")
    return content["annotations"], splits


def _called(number: int, annotation: Any) -> str:
    name = annotation.get("frame_dir") if isinstance(annotation, dict) else None
    return f"annotation {number} ({name})" if isinstance(name, str) else f"annotation {number}"


def _parts(path: Path, splits: Mapping[Any, Any]) -> dict[str, dict[str, str]]:
    """Name of a recording -> tag of a split -> "train" or "test"."""
    found: dict[str, dict[str, str]] = {}
    three = {_split_of(path, name)[0] for name in splits if _split_of(path, name)[1] == "test"}
    for name, members in splits.items():
        split, part = _split_of(path, name)
        if not isinstance(members, list | tuple | set) or not all(isinstance(one, str) for one in members):
            raise FileError(path, f"split {name!r} is not a list of names of recordings")
        if part == "val":
            if split in three:
                continue
            part = "test"
        for one in members:
            if found.setdefault(one, {}).setdefault(TAG + split, part) != part:
                raise FileError(path, f"{one} is in both parts of split {split}")
    return found


def _split_of(path: Path, name: Any) -> tuple[str, str]:
    """Name of a split and its part, from a name such as xsub_train."""
    match = PART.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise FileError(path, f"split {name!r} is neither training nor test: expected a name such as xsub_train")
    rest = f"{match['before']}{match['after'].strip('_-. ')}"
    return (rest if rest and not rest.isdigit() else f"split{rest}"), match["part"].lower()


def _class_names(file: str) -> tuple[str, ...]:
    """The names of the classes, a line each; none where no file is named."""
    if not file:
        return ()
    try:
        lines = read_bytes(Path(file)).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FileError(file, "is not UTF-8 text; save it as UTF-8") from error
    while lines and not lines[-1].strip():
        lines.pop()
    names = [line.strip() for line in lines]
    for number, name in enumerate(names, start=1):
        if not name:
            raise FileError(file, "expected the name of a class, got a blank line", number)
        if names.index(name) < number - 1:
            raise FileError(file, f"class {name!r} occurs twice", number)
    return tuple(names)


def _sequence(
    annotation: Any, options: PysklOptions, classes: tuple[str, ...], parts: Mapping[str, Mapping[str, str]]
) -> Sequence:
    if not isinstance(annotation, dict):
        raise UserError(f"is a {type(annotation).__name__}, expected a dictionary")
    name = annotation.get("frame_dir", annotation.get("filename"))
    if not isinstance(name, str) or not name:
        raise UserError(f"frame_dir is {name!r}, expected the name of the recording")
    positions, confidence = _key_points(annotation)
    frames, coordinates = len(positions), positions.shape[3]
    total = annotation.get("total_frames", frames)
    if not isinstance(total, int | np.integer) or total != frames:
        raise UserError(f"total_frames is {total!r}, keypoint has {frames} frames")
    flat = coordinates == 2
    tags: dict[str, Tag] = {**parts.get(name, {}), **_size_of_picture(annotation)}
    return Sequence(
        positions,
        _skeleton(options, positions.shape[2], coordinates),
        options.fps,
        name=name,
        label=_label(annotation.get("label"), classes),
        confidence=confidence,
        tags=tags,
        unit=options.unit or ("px" if flat else ""),
        up="-y" if flat else "",
    )


def _key_points(annotation: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """(T, M, V, C) positions, NaN where a joint was not observed, and (T, M, V) confidence where there is one."""
    if "keypoint" not in annotation:
        elsewhere = " (raw_file names another file, which is not read)" if "raw_file" in annotation else ""
        raise UserError(f"has no keypoint{elsewhere}")
    points_MTVC = _numbers("keypoint", annotation["keypoint"], 4, "(people, frames, joints, coordinates)")
    if points_MTVC.shape[3] not in (2, 3) or 0 in points_MTVC.shape:
        expected = "(people, frames, joints, 2 or 3 coordinates), none of them 0"
        raise UserError(f"keypoint is {points_MTVC.shape}, expected {expected}")
    positions = points_MTVC.transpose(1, 0, 2, 3)
    missing = (positions == 0).all(axis=-1)
    confidence = None
    if annotation.get("keypoint_score") is not None:
        scores_MTV = _numbers("keypoint_score", annotation["keypoint_score"], 3, "(people, frames, joints)")
        if scores_MTV.shape != points_MTVC.shape[:3]:
            raise UserError(f"keypoint_score is {scores_MTV.shape}, keypoint has {points_MTVC.shape[:3]}")
        if (scores_MTV < 0).any():
            raise UserError(f"keypoint_score goes down to {scores_MTV.min():g}, expected 0 to 1")
        confidence = np.minimum(scores_MTV.transpose(1, 0, 2), np.float32(1))  # heat maps go a little above 1
        missing = confidence == 0
    if missing.all():
        raise UserError("the recording shows no person: every joint is at 0 or has score 0 in every frame")
    return np.where(missing[..., None], np.float32(np.nan), positions), confidence


def _numbers(key: str, value: Any, axes: int, expected: str) -> NDArray[np.float32]:
    """An array of finite numbers as float32."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        kind = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        raise UserError(f"{key} is {kind}, expected an array of numbers {expected}")
    if value.ndim != axes:
        raise UserError(f"{key} is {value.shape}, expected {expected}")
    with np.errstate(over="ignore"):
        array = value.astype(np.float32)
    if not np.isfinite(array).all():
        raise UserError(f"{key} has values that are not finite numbers")
    return array


def _skeleton(options: PysklOptions, joints: int, coordinates: int) -> Skeleton:
    if isinstance(options.skeleton, Skeleton):
        if len(options.skeleton) != joints:
            named = f"skeleton {options.skeleton.name} has {len(options.skeleton)}"
            raise UserError(f"keypoint has {joints} joints, {named}")
        return options.skeleton
    if (joints, coordinates) not in KNOWN:
        kind = f"{joints} joints with {coordinates} coordinates"
        raise UserError(f"{kind} are not known; name the skeleton: --option skeleton=...")
    return KNOWN[joints, coordinates]


def _label(number: Any, classes: tuple[str, ...]) -> str | None:
    """Name of a class, or its number as text; None where there is no label (none, or -1)."""
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise UserError(f"label is {str(number)[:30]}, expected one whole number")
    if number == -1:
        return None
    if number < 0 or (classes and number >= len(classes)):
        raise UserError(f"label is {number}, expected {f'0 to {len(classes) - 1}' if classes else '0 or more'}")
    return classes[number] if classes else str(number)


def _size_of_picture(annotation: Mapping[str, Any]) -> dict[str, Tag]:
    """Width and height of the picture that the key points are in."""
    shape = annotation.get("img_shape", annotation.get("original_shape"))
    if not isinstance(shape, tuple | list) or len(shape) < 2:
        return {}
    if not all(isinstance(one, int | np.integer) for one in shape[:2]):
        return {}
    return {"picture_width": int(shape[1]), "picture_height": int(shape[0])}


READER = PysklReader()
