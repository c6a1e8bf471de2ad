"""One published preprocessing of a benchmark, read some rows at a time."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.datasets.dataset import Dataset, LeftOut, Rule
from skelact.datasets.ntu_clips import name_numbers
from skelact.errors import FileError, UserError, unknown
from skelact.importing.arrays.stored import StoredArray
from skelact.readers import options_from
from skelact.sequences import Sequence
from skelact.sequences.sequence import Tag
from skelact.settings.schema import setting
from skelact.skeletons import NTU25, Skeleton, get_skeleton

LABEL_MOST = 2**31  # far above any number of classes
PARTS = {"train": "train", "val": "test", "test": "test"}  # what files are called -> part of the split
SPLIT_WORDS = {  # what folders and files are called -> split
    "xsub": "xsub", "cs": "xsub", "csub": "xsub", "crosssubject": "xsub",
    "xview": "xview", "cv": "xview", "crossview": "xview",
    "xset": "xset", "xsetup": "xset", "cset": "xset", "csetup": "xset", "crosssetup": "xset", "crossset": "xset",
}  # fmt: skip

Cut = Callable[[NDArray[np.float32], int], tuple[NDArray[np.float32], str]]


@dataclass(frozen=True)
class ArraysOptions:
    """Options of preprocessed arrays."""

    split: str = setting("", "which split they are, where the names of files do not give it")
    skeleton: str | Skeleton = setting("", "of the joints; empty: that of the data set, or ntu25")
    fps: float = setting(30.0, "frames per second", above=0, high=100_000)


@dataclass(frozen=True)
class ArrayFormat:
    """A published form of preprocessed arrays.

    Args:
        name: what ``--format`` calls it.
        title: what people call it.
        preprocessing: name of the preprocessing; results of different ones are never mixed.
        up: axis that points up in them.
        find: folder or file -> its parts.
        unfold: one row of the array -> (T, M, V, C).
        cut: positions and their true length (0: not known) -> positions without padding, and what was done.
    """

    name: str
    title: str
    preprocessing: str
    up: str
    find: Callable[[Path], list["Part"]]
    unfold: Callable[[NDArray[Any], int], NDArray[Any]]
    cut: Cut


@dataclass(frozen=True)
class Part:
    """The training or the test part: an array with a row per clip.

    Args:
        part: "train" or "test".
        array: its rows are the clips.
        labels: (N,) from 0.
        names: of the clips; empty where they are not known.
        lengths: (N,) true numbers of frames; None where they are not known.
        labels_file: the file that has the labels, for messages.
        files: all files that it comes from.
        classes: number of classes; 0: not known.
    """

    part: str
    array: StoredArray
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    lengths: NDArray[np.int64] | None
    labels_file: Path
    files: tuple[Path, ...]
    classes: int = 0


@dataclass(frozen=True)
class Chunk:
    """Some clips of a part that follow each other; small, for sending to another process."""

    format: ArrayFormat
    skeleton: Skeleton
    fps: float
    array: StoredArray
    start: int
    part: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    lengths: tuple[int, ...]

    def sequences(self, rows: NDArray[Any] | None = None) -> Iterator[Sequence | LeftOut]:
        """The clips; for each row that is no clip, the reason.

        Args:
            rows: of the array, where they had to be read in order; read here otherwise.
        """
        if rows is None:
            rows = self.array.rows(self.start, self.start + len(self.names))
        for place, row in enumerate(rows):
            try:
                yield self._sequence(place, row)
            except UserError as error:
                yield LeftOut(Path(f"{self.array.path}#{self.start + place}"), str(error))

    def _sequence(self, place: int, row: NDArray[Any]) -> Sequence:
        format = self.format
        positions = format.unfold(row, len(self.skeleton)).astype(np.float32)
        if not np.isfinite(positions).all():
            raise UserError("has values that are not finite numbers")
        positions, done = format.cut(positions, self.lengths[place])
        absent = (positions == 0).all(axis=(2, 3))  # no person has all joints in the origin
        positions = np.where(absent[:, :, None, None], np.float32(np.nan), positions)[:, ~absent.all(axis=0)]
        if positions.shape[1] == 0:
            raise UserError("the clip shows no person: all its coordinates are 0")
        name = self.names[place]
        source = f"{self.array.title}#{self.start + place}"
        tags: dict[str, Tag] = {**(name_numbers(name) or {}), "part": self.part, "source": source}
        return Sequence(
            positions,
            self.skeleton,
            self.fps,
            name=name,
            label=self.labels[place],
            tags=tags,
            up=format.up,
            provenance=(f"{format.preprocessing}: {done}",),
        )


@dataclass(frozen=True)
class Preprocessed:
    """Preprocessed arrays, checked against the benchmark.

    Args:
        format: how they are made.
        parts: training and test part, or one of them.
        split: which split they are.
        splits: rules for the store: all of the benchmark where clips have names, else the split of the files.
        skeleton: of the clips.
        classes: names of the labels.
        fps: frames per second.
    """

    format: ArrayFormat
    parts: tuple[Part, ...]
    split: str
    splits: Mapping[str, Rule]
    skeleton: Skeleton
    classes: tuple[str, ...]
    fps: float

    @property
    def clips(self) -> int:
        """How many there are."""
        return sum(len(part.labels) for part in self.parts)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it comes from."""
        return tuple(dict.fromkeys(file for part in self.parts for file in part.files))

    def chunks(self, done: int, size: int) -> Iterator[Chunk]:
        """The clips from number ``done`` on, at most ``size`` at a time."""
        for part in self.parts:
            count = len(part.labels)
            for start in range(min(done, count), count, size):
                yield self._chunk(part, start, min(start + size, count))
            done = max(done - count, 0)

    def in_order(self, done: int, size: int) -> Iterator[tuple[Chunk, NDArray[Any]]]:
        """The same with their rows, where arrays are compressed."""
        for part in self.parts:
            start = min(done, len(part.labels))
            done -= start
            for rows in part.array.in_order(start, size):
                yield self._chunk(part, start, start + len(rows)), rows
                start += len(rows)

    @property
    def compressed(self) -> bool:
        """Whether rows can only be read in order."""
        return any(part.array.compressed for part in self.parts)

    def _chunk(self, part: Part, start: int, stop: int) -> Chunk:
        lengths = np.zeros(stop - start) if part.lengths is None else part.lengths[start:stop]
        names = part.names[start:stop] or tuple(f"{part.part}-{row:06}" for row in range(start, stop))
        return Chunk(
            format=self.format,
            skeleton=self.skeleton,
            fps=self.fps,
            array=part.array,
            start=start,
            part=part.part,
            names=names,
            labels=tuple(self.classes[label] for label in part.labels[start:stop].tolist()),
            lengths=tuple(int(length) for length in lengths),
        )


def open_arrays(
    format: ArrayFormat, source: Path, data: Dataset | None, options: Mapping[str, Any]
) -> Preprocessed:
    """Find the arrays, and check that they fit together and fit the benchmark.

    Args:
        format: how they are made.
        source: folder, or one of its files.
        data: the benchmark; None: labels get numbers, and ``part`` is all that is known of the clips.
        options: ``split`` (where the names of files do not give it), ``skeleton`` (the benchmark's, or ntu25)
            and ``fps`` (30).

    Raises:
        UserError: an unknown option; an unknown split; arrays of another split.
        FileError: shapes, lengths or labels that do not fit; names the file.
    """
    settings = options_from(ArraysOptions, options, f"format {format.name}")
    named = settings.skeleton or (data.skeleton if data else NTU25)
    skeleton = get_skeleton(named) if isinstance(named, str) else named
    parts = tuple(format.find(source))
    for part in parts:
        _check_array(format, part, skeleton)
        _check_labels(part, data)
    split = _split(parts, source, data, settings.split)
    known = data is not None and all(part.names and _named(part) for part in parts)
    splits: Mapping[str, Rule] = {split: _as_filed}
    if data is not None and known:
        splits = data.splits
        for part in parts:
            _check_part(part, data, split)
    classes = data.classes if data else _numbered(parts)
    return Preprocessed(format, parts, split, splits, skeleton, classes, settings.fps)


def make_part(
    part: str, array: StoredArray, labels: Any, labels_file: Path, names: Any = (), **others: Any
) -> Part:
    """A part, with labels and names checked.

    Raises:
        FileError: labels are not whole numbers, or names are not texts.
    """
    found = _whole_numbers(labels, labels_file)
    if found.size == 0 or found.dtype.kind not in "iu" or found.size != max(found.shape):
        raise FileError(
            labels_file, f"labels are {found.dtype} {found.shape}, expected a whole number for each clip"
        )
    if not isinstance(names, list | tuple) and not (isinstance(names, np.ndarray) and names.ndim == 1):
        raise FileError(labels_file, "names of clips are expected to be texts")
    texts = tuple(one.decode("latin1") if isinstance(one, bytes) else one for one in names)
    if not all(isinstance(one, str) for one in texts):
        raise FileError(labels_file, "names of clips are expected to be texts")
    stems = tuple(Path(one).stem for one in texts)
    files = (array.path, labels_file, *others.pop("files", ()))
    lengths = others.pop("lengths", None)
    return Part(part, array, found.reshape(-1).astype(np.int64), stems, lengths, labels_file, files, **others)


def _whole_numbers(labels: Any, labels_file: Path) -> NDArray[Any]:
    """Labels as an array. A list is checked first: one long text would make numpy widen all labels."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind != "O":
        return labels
    values = labels.ravel().tolist() if isinstance(labels, np.ndarray) else labels
    if not isinstance(values, list | tuple):
        kind = type(values).__name__
        raise FileError(labels_file, f"labels are {kind}, expected a whole number for each clip")
    flat = [_only(one) for one in values]
    for one in flat:
        if not isinstance(one, int | np.integer) or isinstance(one, bool) or not -LABEL_MOST <= one <= LABEL_MOST:
            value = repr(one)[:30] if isinstance(one, int | float | str) else type(one).__name__
            raise FileError(labels_file, f"labels hold {value}, expected a whole number for each clip")
    return np.array(flat, dtype=np.int64)


def _only(value: Any) -> Any:
    """The element of a list or an array of one; any other value as it is."""
    if isinstance(value, np.ndarray):
        return value.item() if value.size == 1 else value
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def find_parts(source: Path, ending: str, what: str) -> dict[str, Path]:
    """The arrays of a folder by part: files called ``train``, ``val`` or ``test`` and ``ending``.

    Raises:
        UserError: no such file, or files in several folders.
    """
    if source.is_file():
        found = [source]
    else:
        found = sorted(path for prefix in PARTS for path in source.rglob(f"{prefix}{ending}"))
    named = {PARTS[path.name.removesuffix(ending)]: path for path in found if _is_part(path, ending)}
    if not named:
        expected = " or ".join(f"{prefix}{ending}" for prefix in PARTS)
        raise UserError(f"{source}: no {what} there, looked for {expected}")
    if len(named) < len(found):
        folders = ", ".join(sorted({str(path.parent) for path in found}))
        raise UserError(f"{source} holds several sets of {what}; name the folder of one: {folders}")
    return {part: named[part] for part in ("train", "test") if part in named}


def cut_zeros(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without the frames at the end in which all coordinates are 0."""
    seen = np.flatnonzero((positions != 0).any(axis=(1, 2, 3)))
    return positions[: seen[-1] + 1] if len(seen) else positions[:0]


def _is_part(path: Path, ending: str) -> bool:
    return path.name.endswith(ending) and path.name.removesuffix(ending) in PARTS


def _check_array(format: ArrayFormat, part: Part, skeleton: Skeleton) -> None:
    array = part.array
    if np.dtype(array.dtype).kind != "f":
        raise FileError(array.path, f"{array.title} holds {array.dtype}, expected floating point numbers")
    try:
        row = np.broadcast_to(
            np.zeros((), array.dtype), array.shape[1:]
        )  # of that shape, and of no size in memory
        one = format.unfold(row, len(skeleton))
        fits = one.ndim == 4 and one.shape[2] == len(skeleton) and one.shape[3] in (2, 3) and one.size > 0
    except ValueError:
        fits = False
    if not fits:
        joints = f"{len(skeleton)} joints ({skeleton.name})"
        raise FileError(array.path, f"{array.title} is {array.shape}, expected {format.title} with {joints}")
    for what, count in (("labels", len(part.labels)), ("names", len(part.names) or len(part.labels))):
        if count != array.shape[0]:
            raise FileError(part.labels_file, f"has {count:,} {what}, {array.title} has {array.shape[0]:,} clips")
    if part.lengths is not None:
        _check_lengths(part, one.shape[0])


def _check_lengths(part: Part, frames: int) -> None:
    lengths, path = part.lengths, part.files[-1]
    if lengths is None:
        return
    if lengths.shape != part.labels.shape:
        clips = part.array.shape[0]
        raise FileError(path, f"has lengths of {lengths.size:,} clips, {part.array.title} has {clips:,}")
    wrong = np.flatnonzero((lengths < 1) | (lengths > frames))
    if len(wrong):
        row = int(wrong[0])
        raise FileError(path, f"row {row}: a length of {lengths[row]} frames, expected 1 to {frames}")


def _check_labels(part: Part, data: Dataset | None) -> None:
    classes = len(data.classes) if data else part.classes
    if data and part.classes not in (0, classes):
        of = f"{data.name} has {classes}"
        raise FileError(part.labels_file, f"labels of {part.classes} classes, {of}. Of another data set?")
    wrong = np.flatnonzero((part.labels < 0) | ((part.labels >= classes) & (classes > 0)))
    if len(wrong):
        row = int(wrong[0])
        expected = f"0 to {classes - 1}" if classes else "0 or more"
        raise FileError(part.labels_file, f"row {row}: label {part.labels[row]}, expected {expected}")
    if data is None or data.inventory is None:
        return
    for row, name in enumerate(part.names):
        numbers = name_numbers(name)
        if numbers is not None and numbers["action"] != part.labels[row] + 1:
            reason = f"{name} has label {part.labels[row]}, its name says {numbers['action'] - 1}"
            raise FileError(part.labels_file, f"row {row}: {reason}. Rows out of order?")


def _named(part: Part) -> bool:
    return all(name_numbers(name) is not None for name in part.names)


def _split(parts: tuple[Part, ...], source: Path, data: Dataset | None, wanted: str) -> str:
    """The split of these files: from the option, the names of files and folders, or the names of the clips."""
    if wanted:
        if data is not None and wanted not in data.splits:
            raise unknown(f"split of {data.name}", wanted, data.splits)
        return wanted
    path = parts[0].array.path
    for name in (path.stem, path.parent.name, source.name):
        words = re.findall(r"[a-z0-9]+", name.lower())
        words += [first + second for first, second in pairwise(words)]  # x-sub, cross_subject
        found = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
        if len(found) == 1 and (data is None or found <= data.splits.keys()):
            return found.pop()
    fitting = (
        [] if data is None else [split for split in data.splits if all(_agrees(p, data, split) for p in parts)]
    )
    if len(fitting) == 1 and len(parts) == 2:
        return fitting[0]
    known = f" ({', '.join(data.splits)})" if data else ""
    raise UserError(
        f"{path}: the names of these files do not give their split{known}. Name it: --option split=xsub"
    )


def _agrees(part: Part, data: Dataset, split: str) -> bool:
    return bool(part.names) and all(
        (numbers := name_numbers(name)) is not None and data.splits[split](numbers) == part.part
        for name in part.names
    )


def _check_part(part: Part, data: Dataset, split: str) -> None:
    for name in part.names:
        expected = data.splits[split](name_numbers(name) or {})
        if expected != part.part:
            wrong = f"{name} is a {expected} clip of {split} and lies in the {part.part} part"
            raise FileError(part.labels_file, f"{wrong}. Arrays of another split? --option split= names it")


def _as_filed(tags: Mapping[str, Tag]) -> str | None:
    return str(tags["part"])


def _numbered(parts: tuple[Part, ...]) -> tuple[str, ...]:
    count = max(max(part.classes, int(part.labels.max()) + 1) for part in parts)
    return tuple(f"class {number:03}" for number in range(1, count + 1))


def with_lengths(part: Part, lengths: Any, path: Path) -> Part:
    """The part with true numbers of frames, of file ``path``.

    Raises:
        FileError: the lengths are not whole numbers.
    """
    found = np.asarray(lengths)
    if found.dtype.kind not in "iuf" or not (found == np.floor(found)).all():
        raise FileError(path, f"holds {found.dtype}, expected a whole number of frames for each clip")
    return replace(part, lengths=found.reshape(-1).astype(np.int64), files=(*part.files, path))
