"""Dataset: the clips of a benchmark, their labels and splits."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from skelact.sequences import Sequence
from skelact.sequences.sequence import Tag
from skelact.skeletons import Skeleton

Tags = Mapping[str, Tag]
Rule = Callable[[Tags], str | None]


@dataclass(frozen=True)
class LeftOut:
    """A file that is left out, and why.

    Args:
        path: the file.
        reason: a sentence without its subject.
        kind: "listed": on a list of clips to leave out, which is no fault; "duplicate": the clip was found
            before.
    """

    path: Path
    reason: str
    kind: Literal["", "listed", "duplicate"] = ""


@dataclass(frozen=True)
class Listing:
    """What was found in a folder.

    Args:
        files: the clips, sorted by path.
        left_out: files that look like clips of the benchmark but are left out.
        caveats: what else the user should know, full sentences.
        listed: all names on the lists of clips to leave out, also those without a file.
        beside: other files that the clips depend on, such as labels.
    """

    files: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()
    caveats: tuple[str, ...] = ()
    listed: frozenset[str] = frozenset()
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Expected:
    """How many clips the benchmark has: in all, and (train, test) of each split."""

    clips: int
    splits: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """Clips compared with the published counts.

    Args:
        complete: whether they are the published clips.
        missing: how many are missing; negative where there are too many.
        text: the comparison in words, one or more lines.
        details: the same in full, plain values; see ``inventory.details``. Empty where only counts are known.
    """

    complete: bool
    missing: int
    text: str
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Inventory:
    """Which clips a benchmark has, one by one.

    Args:
        names: gives all clips, also those that published results leave out.
        numbers: name -> its numbers by tag; None if it is not the name of a clip.
        words: tag -> what people call it.
        listed: number of clips that published results leave out; a list of them comes with the data.
        digest: ``digest_of`` the names on that list, to check that these were left out.
    """

    names: Callable[[], Iterable[str]]
    numbers: Callable[[str], Mapping[str, int] | None]
    words: Mapping[str, str]
    listed: int = 0
    digest: str = ""

    @staticmethod
    def digest_of(names: Iterable[str]) -> str:
        """Short hex of a set of names: the start of the sha256 of them, sorted, one a line."""
        return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Dataset:
    """A benchmark.

    Args:
        name: key in ``DATASETS``.
        title: what people call it.
        skeleton: of its recordings.
        classes: names of the actions, in label order.
        find: which files of a folder are clips; a ``UserError`` when none is.
        read: one file -> Sequence with name, label and tags; a ``FileError`` when it is broken. With segments
            where the file is a long recording: they are the clips.
        splits: name -> rule from the tags of a clip to "train", "test" or None.
        expected: published counts; None where there are none.
        inventory: its clips by name; None where only their number is known.
        parts: one file -> all its sequences, and what in it is left out. For files that hold several, or
            can be broken in part; None: ``read`` gives all.
    """

    name: str
    title: str
    skeleton: Skeleton
    classes: tuple[str, ...]
    find: Callable[[Path], Listing]
    read: Callable[[Path], Sequence]
    splits: Mapping[str, Rule]
    expected: Expected | None = None
    inventory: Inventory | None = None
    parts: Callable[[Path], Iterable[Sequence | LeftOut]] | None = None

    def all_in(self, path: Path) -> Iterable[Sequence | LeftOut]:
        """All sequences in a file, and what in it is left out; a ``FileError`` when it is broken."""
        return [self.read(path)] if self.parts is None else self.parts(path)

    def check(self, tags: Iterable[Tags]) -> Check:
        """Compare clips with the published counts.

        Args:
            tags: the tags of every clip at hand.
        """
        clips = list(tags)
        parts = {name: [rule(clip) for clip in clips] for name, rule in self.splits.items()}
        return self.check_counts(
            len(clips), {name: (found.count("train"), found.count("test")) for name, found in parts.items()}
        )

    def check_counts(self, clips: int, splits: Mapping[str, tuple[int, int]]) -> Check:
        """Compare numbers of clips with the published ones.

        Args:
            clips: in all.
            splits: (train, test) of the splits that are known.
        """
        if self.expected is None:
            return Check(True, 0, f"{self.name}: {clips:,} clips, no published count to compare with")
        missing = self.expected.clips - clips
        differing = [
            f"{name}: train {splits[name][0]:,} of {train:,}, test {splits[name][1]:,} of {test:,}"
            for name, (train, test) in self.expected.splits.items()
            if name in splits and splits[name] != (train, test)
        ]
        if missing == 0 and not differing:
            return Check(True, 0, f"{self.name} is complete: {clips:,} clips, as published")
        amount = f"{missing:,} missing" if missing > 0 else f"{-missing:,} too many" if missing else "none missing"
        text = f"{self.name} is not as published: {clips:,} clips of {self.expected.clips:,}, {amount}"
        return Check(False, missing, "; ".join([text, *differing]))
