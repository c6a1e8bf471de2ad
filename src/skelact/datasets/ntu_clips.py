"""What NTU RGB+D and NTU RGB+D 120 share: file names, samples with missing skeletons, reading a clip."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from skelact.datasets.dataset import Listing, Tags
from skelact.datasets.files import Pattern, find_clips, walk
from skelact.errors import FileError, UserError
from skelact.readers.ntu import read_ntu
from skelact.sequences import Sequence

PATTERN = Pattern(
    title="NTU RGB+D",
    wording="SsssCcccPpppRrrrAaaa.skeleton (setup, camera, subject, replication, action)",
    looks=re.compile(r"\.skeleton$"),
    full=re.compile(
        r"/S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})\.skeleton$"
    ),
)
LISTS = ("NTU_RGBD_samples_with_missing_skeletons.txt", "NTU_RGBD120_samples_with_missing_skeletons.txt")
SAMPLE = re.compile(r"\bS\d{3}C\d{3}P\d{3}R\d{3}A\d{3}\b")


def find_ntu(folder: Path, classes: int, others: str, missing: int) -> Listing:
    """The clips of one of the two benchmarks in a folder.

    Samples that the authors list as having missing skeletons are left out, when their lists lie in the folder,
    in one inside it or above it.

    Args:
        folder: where to look.
        classes: number of actions of the benchmark.
        others: what to say of clips with higher action numbers.
        missing: number of samples of the benchmark that the authors list.

    Raises:
        UserError: no clip there, or a list that holds no names.
    """
    lists = _find_lists(Path(folder))
    reasons = {name: f"has a missing skeleton, says {path.name}" for path in lists for name in _names(path)}
    listing = find_clips(folder, PATTERN, reasons)
    files = [path for path in listing.files if _action(path) <= classes]
    left_out = [entry for entry in listing.left_out if _action(entry.path) <= classes]
    if not files:
        raise UserError(f"no clip with action 1 to {classes} in {folder}. {others}")
    notes = [] if lists else [_no_list(missing)]
    if len(files) < len(listing.files):
        notes.append(f"{len(listing.files) - len(files)} clips with other actions were not taken. {others}")
    return Listing(tuple(files), tuple(left_out), tuple(notes))


def read_clip(path: Path, classes: tuple[str, ...]) -> Sequence:
    """A clip with its label and the tags setup, camera, subject, replication and action.

    Raises:
        FileError: the file is broken, or its name is none of the benchmark's.
    """
    tags = PATTERN.numbers(path)
    if not 1 <= tags["action"] <= len(classes):
        raise FileError(path, f"action {tags['action']} is none of this data set's (1 to {len(classes)})")
    return replace(read_ntu(path), label=classes[tags["action"] - 1], tags=tags)


def across_subjects(training: Iterable[int], tags: Tags) -> str | None:
    """The clips of some subjects train, those of all others are the test."""
    return "train" if int(tags["subject"]) in training else "test"


def _action(path: Path) -> int:
    groups = PATTERN.groups(path)
    return int(groups["action"]) if groups else 0


def _find_lists(folder: Path) -> list[Path]:
    inside = [path for path in walk(folder) if path.name in LISTS]
    above = [parent / name for parent in folder.resolve().parents for name in LISTS]
    return inside or [path for path in above if path.is_file()]


def _names(path: Path) -> list[str]:
    names = SAMPLE.findall(path.read_text(encoding="utf-8", errors="replace"))
    if not names:
        raise UserError(f"{path} names no samples; expected names such as S001C002P005R002A008, one a line")
    return names


def _no_list(missing: int) -> str:
    return (
        "No list of samples with missing skeletons was found: published results leave "
        f"{missing} samples out, here they are taken where they can be read. "
        f"Put {LISTS[0]} or {LISTS[1]} into the folder; they come with the data set."
    )
