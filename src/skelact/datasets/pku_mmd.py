"""PKU-MMD, both parts: long recordings by three Kinect v2 cameras, in which people do one action after another.

Part I: 1,076 recordings of 66 people with 21,545 labelled segments of 51 actions. Part II: shorter recordings of
13 people, with views that differ more; its actions have the numbers of part I, papers count 41 of them. The clips
are the labelled segments.

Splits are those of the lists that come with the data, ``cross-subject`` and ``cross-view``. Only names
of part II give the person: the number behind N, 1 to 13.

Source: Liu et al., "PKU-MMD: a large scale benchmark for continuous multi-modal human action understanding",
ACM Multimedia workshops 2017, and the description that comes with the data, for the numbers of part I. No source
that could be checked gives the number of clips of part II, or the sizes of the splits of part I, so imports do not
compare these.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

from skelact.datasets.dataset import Dataset, Expected, LeftOut, Listing, Tags
from skelact.datasets.files import Pattern, walk
from skelact.errors import FileError, UserError
from skelact.readers.pku_mmd import (
    CLASSES,
    LEVELS,
    find_labels,
    folders_called,
    is_label_file,
    read_labels,
    read_skeletons,
)
from skelact.sequences import Segment, Sequence
from skelact.sequences.sequence import Tag
from skelact.skeletons import NTU25

ENDINGS = r"\.(?:txt|skeleton|label)$"
PART_1 = Pattern(
    title="PKU-MMD I",
    wording="NNNN-V.txt (number of the recording, view L, M or R)",
    looks=re.compile(rf"/\d{{4}}-[LMR]{ENDINGS}"),
    full=re.compile(rf"/(?P<video>\d{{4}})-(?P<camera>[LMR]){ENDINGS}"),
)
PART_2 = Pattern(
    title="PKU-MMD II",
    wording="AaaNnn-V.txt (order of actions, person, view L, M or R)",
    looks=re.compile(rf"/A\d\dN\d\d-[LMR]{ENDINGS}"),
    full=re.compile(rf"/A(?P<order>\d\d)N(?P<subject>\d\d)-(?P<camera>[LMR]){ENDINGS}"),
)
SPLITS = {"xsub": "subject", "xview": "view"}
LIST = re.compile(r"cross[-_ ]?(subject|view)(?:[-_]?v2)?\.txt", re.IGNORECASE)
LISTED = re.compile(r"(?P<head>\w+)\s+videos?\s*:|(?P<name>\b(?:\d{4}|A\d\dN\d\d)-[LMR]\b)")
PARTS = {"train": "train", "vali": "test", "test": "test"}  # the lists spell it "Validataion"


def find(pattern: Pattern, recordings: int, folder: Path) -> Listing:
    """The recordings in a folder that have labels.

    Args:
        pattern: of the part.
        recordings: how many were published; 0: not known.
        folder: where to look.

    Raises:
        UserError: no recording there, or a list of a split that cannot be read.
    """
    named = [path for path in walk(folder) if pattern.groups(path)]
    label_files = {path for path in named if is_label_file(path)}
    seen: dict[str, Path] = {}
    labels: dict[Path, Path] = {}
    left_out: list[LeftOut] = []
    for path in named:
        if path in label_files:
            continue
        if seen.setdefault(path.stem, path) != path:
            left_out.append(LeftOut(path, f"the same recording as {seen[path.stem]}", "duplicate"))
        elif label_file := find_labels(path):
            labels[path] = label_file if folder.is_absolute() else Path(os.path.relpath(label_file))
        else:
            left_out.append(LeftOut(path, _no_labels(path)))
    left_out += [
        LeftOut(path, f"holds labels of {path.stem}, which is not here")
        for path in sorted(label_files)
        if path.stem not in seen
    ]
    if not labels:
        first = f" Left out: {left_out[0].path}: {left_out[0].reason}" if left_out else ""
        raise UserError(f"no clip of {pattern.title} in {folder} or below, looked for {pattern.wording}.{first}")
    lists = _lists_near(labels)
    caveats = [f"{len(seen):,} of {recordings:,} recordings are here."] if len(seen) != recordings > 0 else []
    caveats += _split_caveats(pattern, lists, {path.stem for path in labels}) + _overlaps(labels.values())
    beside = (*labels.values(), *(file for files in lists.values() for file in files))
    return Listing(tuple(labels), tuple(left_out), tuple(caveats), beside=beside)


def parts(pattern: Pattern, path: Path) -> Iterator[Sequence | LeftOut]:
    """The whole recording with segments and tags (from its name, and its part in each split); then bad labels.

    Raises:
        FileError: the recording, its label file or a list of a split is broken, or there is no label file.
    """
    tags = _tags(pattern, path)
    sequence = read_skeletons(path)
    label_file = find_labels(path)
    if label_file is None:
        raise FileError(path, _no_labels(path))
    labels = read_labels(label_file, sequence.frames)
    if labels.segments:
        yield replace(sequence, tags=tags, segments=labels.segments)
    for error in labels.errors:
        yield LeftOut(label_file, f"line {error.line}: {error.reason}")


def read_recording(pattern: Pattern, path: Path) -> Sequence:
    """The whole recording with the segments that can be used.

    Raises:
        FileError: as ``parts``, or no label can be used.
    """
    for one in parts(pattern, path):
        if isinstance(one, Sequence):
            return one
        raise FileError(path, f"no label of {one.path} can be used, the first because of {one.reason}")
    raise FileError(path, _no_labels(path))


def in_list(split: str, tags: Tags) -> str | None:
    """The part that the list of the split puts the recording in."""
    part = tags.get(split)
    return None if part is None else str(part)


def read_list(path: Path) -> dict[str, str]:
    """Recording -> "train" or "test", from a list of a split.

    Raises:
        FileError: cannot be opened, names no recordings, or one in both parts.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise FileError(path, f"cannot be opened: {error.strerror}") from error
    listed: dict[str, str] = {}
    part = ""
    for number, line in enumerate(lines, start=1):
        for found in LISTED.finditer(line):
            if found["head"]:
                part = PARTS.get(found["head"][:5].lower(), PARTS.get(found["head"][:4].lower(), ""))
            name = found["name"]
            if (found["head"] or name) and not part:
                wanted = "expected 'Training videos:' or 'Validation videos:' above the names"
                raise FileError(path, f"{wanted}, got {line[:40]!r}", number)
            if name and listed.setdefault(name, part) != part:
                raise FileError(path, f"{name} is in both parts", number)
    if not listed:
        raise FileError(path, "names no recordings; expected names such as 0002-L, separated by commas")
    return listed


def find_lists(path: Path) -> dict[str, list[Path]]:
    """The lists of each split: in the nearest folder above a recording, or in one named after splits there."""
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    path = Path(os.path.abspath(path))
    for above in path.parents[: LEVELS + 1]:
        folders = (above, *folders_called("split", above))
        files = [file for folder in folders for file in sorted(folder.glob("[cC]ross*.txt"))]
        named = [(file, match[1].lower()) for file in files if (match := LIST.fullmatch(file.name))]
        for split, word in SPLITS.items():
            found[split] = found[split] or [file for file, called in named if called == word]
    return found


def _tags(pattern: Pattern, path: Path) -> dict[str, Tag]:
    groups = pattern.require(path)
    tags: dict[str, Tag] = {name: int(text) if text.isdigit() else text for name, text in groups.items()}
    for split, files in find_lists(path).items():
        found = next((part for file in files if (part := read_list(file).get(path.stem))), None)
        if found:
            tags[split] = found
    return tags


def _lists_near(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """The lists for some recordings; those of one folder share theirs."""
    found: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for folder in sorted({path.parent for path in paths}):
        for split, files in find_lists(folder / "any").items():
            found[split] += [file for file in files if file not in found[split]]
    return found


def _split_caveats(pattern: Pattern, lists: Mapping[str, list[Path]], here: set[str]) -> list[str]:
    """Caveats on recordings that no list names, and on listed recordings that are absent."""
    caveats = []
    for split, files in lists.items():
        if not files:
            name = f"cross-{SPLITS[split]}.txt"
            caveats.append(f"No list {name} was found, so split {split} is empty. It comes with the data set.")
            continue
        named = {name for file in files for name in read_list(file)}
        names = " and ".join(file.name for file in files)
        if strange := sorted(here - named):
            many = f"{len(strange):,} of the recordings here, the first {strange[0]}"
            caveats.append(f"{names} does not name {many}: they are in no part of {split}.")
        if absent := sorted(name for name in named - here if pattern.groups(Path(f"{name}.txt"))):
            caveats.append(f"{names} names {len(absent):,} recordings that are not here, the first {absent[0]}.")
    return caveats


def _overlaps(label_files: Iterable[Path]) -> list[str]:
    """A caveat if segments of one recording overlap: no fault, but it matters to labels of single frames."""
    first, count = "", 0
    for path in label_files:
        try:
            segments = read_labels(path, frames=1 << 40).segments
        except FileError:
            continue  # reported when the recording is read
        pair = _overlap(segments)
        count += pair is not None
        if pair is not None and not first:
            one, other = (f"{segment.start + 1} to {segment.end} ({segment.label})" for segment in pair)
            first = f"the first {path}: frames {one} and {other}"
    return [f"Segments overlap in {count:,} recordings, {first}. All are taken."] if count else []


def _overlap(segments: tuple[Segment, ...]) -> tuple[Segment, Segment] | None:
    """The first two segments with frames in common, in order of time."""
    ordered = sorted(segments, key=lambda one: (one.start, one.end))
    for one, other in pairwise(ordered):
        if other.start < one.end:
            return one, other
    return None


def _no_labels(path: Path) -> str:
    return f"has no labels: looked for {path.stem}.txt in folders with 'label' in their name, beside it and above"


def _dataset(name: str, pattern: Pattern, recordings: int, expected: Expected | None) -> Dataset:
    return Dataset(
        name=name,
        title=pattern.title,
        skeleton=NTU25,
        classes=CLASSES,
        find=partial(find, pattern, recordings),
        read=partial(read_recording, pattern),
        splits={split: partial(in_list, split) for split in SPLITS},
        expected=expected,
        parts=partial(parts, pattern),
    )


PKU_MMD_1 = _dataset("pku-mmd1", PART_1, 1076, Expected(21_545))
PKU_MMD_2 = _dataset("pku-mmd2", PART_2, 0, None)
