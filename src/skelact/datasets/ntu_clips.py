"""What NTU RGB+D and NTU RGB+D 120 share: file names, samples with missing skeletons, reading a clip."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from skelact.datasets.dataset import Inventory, Listing, Tags
from skelact.datasets.files import Pattern, find_clips, read_names, walk
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
NAME = re.compile(
    r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<replication>\d{3})A(?P<action>\d{3})"
)
TAGS = ("setup", "camera", "subject", "replication", "action")
WORDS = {tag: tag for tag in TAGS} | {"setup": "set-up"}
CAMERAS, REPLICATIONS = (1, 2, 3), (1, 2)
LISTS = ("NTU_RGBD_samples_with_missing_skeletons.txt", "NTU_RGBD120_samples_with_missing_skeletons.txt")
Recordings = tuple[Mapping[int, tuple[int, ...]], range]  # set-up -> people recorded there; and the actions


def inventory_of(recordings: tuple[Recordings, ...], listed: int, digest: str) -> Inventory:
    """All clips: everyone in a set-up did all its actions twice before three cameras.

    Args:
        recordings: which people and which actions.
        listed: how many clips published results leave out.
        digest: of their names.
    """

    def names() -> Iterator[str]:
        for people, actions in recordings:
            for setup, subjects in people.items():
                yield from (
                    f"S{setup:03}C{camera:03}P{subject:03}R{replication:03}A{action:03}"
                    for camera in CAMERAS
                    for subject in subjects
                    for replication in REPLICATIONS
                    for action in actions
                )

    return Inventory(names, name_numbers, WORDS, listed, digest)


def name_numbers(name: str) -> dict[str, int] | None:
    """The numbers in a name like S001C002P003R002A013, by tag; None for other names."""
    match = NAME.fullmatch(name)
    return {tag: int(text) for tag, text in match.groupdict().items()} if match else None


def find_ntu(folder: Path, classes: int, others: str) -> Listing:
    """The clips of one of the two benchmarks in a folder.

    Samples with missing skeletons are left out if the lists of the authors lie in the folder, in one inside it
    or above it.

    Args:
        folder: where to look.
        classes: number of actions of the benchmark.
        others: sentence on clips with higher action numbers.

    Raises:
        UserError: no clip there, or a list that holds no names.
    """
    lists = _find_lists(Path(folder))
    reasons = {name: f"has a missing skeleton, says {path.name}" for path in lists for name in read_names(path)}
    listing = find_clips(folder, PATTERN, reasons)
    files = [path for path in listing.files if _action(path) <= classes]
    left_out = [entry for entry in listing.left_out if _action(entry.path) <= classes]
    if not files:
        raise UserError(f"no clip with action 1 to {classes} in {folder}. {others}")
    caveats = []
    if len(files) < len(listing.files):
        caveats.append(f"{len(listing.files) - len(files)} clips with other actions were not taken. {others}")
    return Listing(tuple(files), tuple(left_out), tuple(caveats), frozenset(reasons))


def read_clip(path: Path, classes: tuple[str, ...]) -> Sequence:
    """A clip with its label and the tags setup, camera, subject, replication and action.

    Raises:
        FileError: the file is broken, or its name is none of the benchmark's.
    """
    tags = PATTERN.numbers(path)
    if not 1 <= tags["action"] <= len(classes):
        raise FileError(path, f"action {tags['action']} is none of this data set's (1 to {len(classes)})")
    return read_ntu(path).described(label=classes[tags["action"] - 1], tags=tags)


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
