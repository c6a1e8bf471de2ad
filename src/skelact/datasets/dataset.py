"""Dataset: which files of a benchmark are clips, what they show, and who learns from which."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from skelact.sequences import Sequence
from skelact.sequences.sequence import Tag
from skelact.skeletons import Skeleton

Tags = Mapping[str, Tag]
Rule = Callable[[Tags], str | None]


@dataclass(frozen=True)
class LeftOut:
    """A file that was not taken, and why.

    Args:
        path: the file.
        reason: a sentence without its subject.
        kind: "listed": on a list of clips to leave out, so nothing is wrong; "double": the clip lies elsewhere
            too.
    """

    path: Path
    reason: str
    kind: Literal["", "listed", "double"] = ""


@dataclass(frozen=True)
class Listing:
    """What was found in a folder.

    Args:
        files: the clips, sorted by path.
        left_out: files that look like clips of the benchmark and are not taken.
        notes: what the user should know beside that, whole sentences.
        beside: other files that the clips depend on, such as labels.
    """

    files: tuple[Path, ...]
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    beside: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Expected:
    """How many clips the benchmark has: in all, and (train, test) of each split."""

    clips: int
    splits: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """Clips at hand against the published counts; ``missing`` is negative where there are too many."""

    complete: bool
    missing: int
    text: str


@dataclass(frozen=True)
class Dataset:
    """A benchmark.

    Args:
        name: key in ``DATASETS``.
        title: what people call it.
        skeleton: the layout of its recordings.
        classes: names of the actions, in label order.
        find: which files of a folder are clips; a ``UserError`` when none is.
        read: one file -> Sequence with name, label and tags; a ``FileError`` when it is broken. With segments
            where the file is a long recording: they are the clips.
        splits: name -> rule that says "train", "test" or None for the tags of a clip.
        expected: published counts; None where there are none.
        parts: one file -> all its sequences, and what in it is left out, where a file holds several or can be
            broken in part; None: ``read`` gives all.
    """

    name: str
    title: str
    skeleton: Skeleton
    classes: tuple[str, ...]
    find: Callable[[Path], Listing]
    read: Callable[[Path], Sequence]
    splits: Mapping[str, Rule]
    expected: Expected | None = None
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
        if self.expected is None:
            return Check(True, 0, f"{self.name}: {len(clips)} clips, no published count to compare with")
        missing = self.expected.clips - len(clips)
        parts = [self._compare(split, counts, clips) for split, counts in self.expected.splits.items()]
        differing = [text for text, same in parts if not same]
        if missing == 0 and not differing:
            return Check(True, 0, f"{self.name} is complete: {len(clips)} clips")
        amount = f"{missing} missing" if missing > 0 else f"{-missing} too many" if missing else "none missing"
        text = f"{self.name} is not as published: {len(clips)} clips of {self.expected.clips}, {amount}"
        return Check(False, missing, "; ".join([text, *differing]))

    def _compare(self, split: str, counts: tuple[int, int], clips: list[Tags]) -> tuple[str, bool]:
        parts = [self.splits[split](clip) for clip in clips]
        train, test = parts.count("train"), parts.count("test")
        return f"{split}: train {train} of {counts[0]}, test {test} of {counts[1]}", (train, test) == counts
