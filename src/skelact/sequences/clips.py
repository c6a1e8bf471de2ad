"""Clips: anything that clips can be taken from, one by one: a store, a part of it, windows over a recording."""

import hashlib
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.sequences.sequence import Sequence, Tag
from skelact.skeletons import Skeleton
from skelact.skeletons.maps import JointMap, joint_map


@dataclass(frozen=True, eq=False)
class Clip:
    """A sequence cut to an action, or to a window.

    Args:
        positions: (T, M, V, C) floating, NaN where not observed, read-only.
        confidence: (T, M, V) in [0, 1]; None where the recorder gave none.
        fps: frames per second, Hz.
        label: place in the classes, -1 where unknown.
        tags: what else is known.
    """

    positions: NDArray[np.floating]
    confidence: NDArray[np.floating] | None = None
    fps: float = 30.0
    label: int = -1
    tags: Mapping[str, Tag] = field(default_factory=dict)


class Clips(Protocol):
    """What training, embedding and search take clips from."""

    @property
    def title(self) -> str:
        """Where the clips come from, for messages."""

    @property
    def skeleton(self) -> Skeleton:
        """The joints of all clips."""

    @property
    def coordinates(self) -> int:
        """C, 2 or 3."""

    @property
    def persons(self) -> int:
        """M of the fullest clip."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the labels."""

    @property
    def cleaning(self) -> Mapping[str, Any]:
        """How the recordings were cleaned, as ``Store.cleaning``."""

    @property
    def fingerprint(self) -> str:
        """Short hex, the same for the same contents."""

    def __len__(self) -> int:
        """Number of clips."""

    def clip(self, index: int) -> Clip:
        """One of them."""


class _OfOthers:
    """Everything is as it is with other clips."""

    clips: Clips

    @property
    def title(self) -> str:
        """That of the others."""
        return self.clips.title

    @property
    def skeleton(self) -> Skeleton:
        """That of the others."""
        return self.clips.skeleton

    @property
    def coordinates(self) -> int:
        """That of the others."""
        return self.clips.coordinates

    @property
    def persons(self) -> int:
        """That of the others."""
        return self.clips.persons

    @property
    def classes(self) -> tuple[str, ...]:
        """Those of the others."""
        return self.clips.classes

    @property
    def cleaning(self) -> Mapping[str, Any]:
        """That of the others."""
        return self.clips.cleaning

    @property
    def fingerprint(self) -> str:
        """That of the others."""
        return self.clips.fingerprint


@dataclass(frozen=True, eq=False)
class SequenceClips:
    """Clips from sequences in memory, each whole; all of one skeleton.

    Args:
        sequences: at least one.
        title: for messages.
        cleaning: how they were cleaned, as ``Store.cleaning``.

    Raises:
        UserError: none, or several skeletons or numbers of coordinates.
    """

    sequences: Seq[Sequence]
    title: str = "sequences"
    cleaning: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.sequences:
            raise UserError(f"{self.title}: no sequences")
        first = self.sequences[0]
        for one in self.sequences:
            if one.skeleton != first.skeleton or one.positions.shape[3] != self.coordinates:
                raise UserError(
                    f"{self.title}: {one.name!r} has {one.positions.shape[3]} coordinates of "
                    f"{one.skeleton.name}, {first.name!r} has {self.coordinates} of {first.skeleton.name}"
                )

    @property
    def skeleton(self) -> Skeleton:
        """That of the first, and so of all."""
        return self.sequences[0].skeleton

    @property
    def coordinates(self) -> int:
        """2 or 3."""
        return int(self.sequences[0].positions.shape[3])

    @property
    def persons(self) -> int:
        """Of the fullest."""
        return max(one.persons for one in self.sequences)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({one.label for one in self.sequences if one.label}))

    @cached_property
    def fingerprint(self) -> str:
        """Of positions, names and labels."""
        return _fingerprint(*((one.positions, f"{one.name}\0{one.label}") for one in self.sequences))

    def __len__(self) -> int:
        return len(self.sequences)

    def clip(self, index: int) -> Clip:
        """A whole sequence."""
        one = self.sequences[index]
        label = self.classes.index(one.label) if one.label else -1
        return Clip(one.positions, one.confidence, one.fps, label, one.tags)

    def __iter__(self) -> Iterator[Clip]:
        return (self.clip(index) for index in range(len(self)))


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows over a long recording, one after another; the last one ends with the recording.

    Each is labelled by the segment that covers most of it, at least half; its tags say where it lies.

    Args:
        recording: what is looked at.
        frames: of a window; the whole recording where that is shorter.
        step: frames from one window to the next.
        cleaning: how the recording was cleaned, as ``Store.cleaning``.

    Raises:
        UserError: no frames or no step.
    """

    recording: Sequence
    frames: int
    step: int
    cleaning: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames < 1 or self.step < 1:
            raise UserError(f"windows need at least 1 frame and a step of 1, got {self.frames} and {self.step}")

    @property
    def title(self) -> str:
        """The recording's name."""
        return f"windows of {self.recording.name or 'a recording'}"

    @property
    def skeleton(self) -> Skeleton:
        """The recording's."""
        return self.recording.skeleton

    @property
    def coordinates(self) -> int:
        """2 or 3."""
        return int(self.recording.positions.shape[3])

    @property
    def persons(self) -> int:
        """Of the recording."""
        return self.recording.persons

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Labels of the segments, sorted."""
        return tuple(sorted({one.label for one in self.recording.segments}))

    @cached_property
    def fingerprint(self) -> str:
        """Of the recording and how it is cut."""
        return _fingerprint((self.recording.positions, f"{self.frames} {self.step} {self.recording.segments}"))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(N,) first frame of each window."""
        last = max(self.recording.frames - self.frames, 0)
        starts = np.arange(0, last + 1, self.step)
        return starts if starts[-1] == last else np.append(starts, last)

    def __len__(self) -> int:
        return len(self.starts)

    def clip(self, index: int) -> Clip:
        """One window; its arrays are views of the recording's."""
        start = int(self.starts[index])
        end = min(start + self.frames, self.recording.frames)
        confidence = self.recording.confidence
        place: dict[str, Tag] = {"start": start, "end": end}
        return Clip(
            positions=self.recording.positions[start:end],
            confidence=None if confidence is None else confidence[start:end],
            fps=self.recording.fps,
            label=self._label(start, end),
            tags=MappingProxyType({**self.recording.tags, **place}),
        )

    def _label(self, start: int, end: int) -> int:
        """That of the segment which covers most of the window, if it is half at least."""
        covered = [(min(one.end, end) - max(one.start, start), one.label) for one in self.recording.segments]
        most, label = max(covered, key=lambda one: one[0], default=(0, ""))
        return self.classes.index(label) if 2 * most >= end - start else -1


@dataclass(frozen=True, eq=False)
class Subset(_OfOthers):
    """Some clips of others.

    Args:
        clips: the others.
        rows: (N,) which of them, in which order.
    """

    clips: Clips
    rows: NDArray[np.int64]

    @cached_property
    def fingerprint(self) -> str:
        """Of the clips and of which they are."""
        return _fingerprint((self.rows, self.clips.fingerprint))

    def __len__(self) -> int:
        return len(self.rows)

    def clip(self, index: int) -> Clip:
        """One of the chosen ones."""
        return self.clips.clip(int(self.rows[index]))


@dataclass(frozen=True, eq=False)
class MappedClips(_OfOthers):
    """Clips seen on another skeleton: joints are mapped one clip at a time, those that cannot be made are missing.

    Args:
        clips: the clips as they are.
        target: the skeleton that they are mapped to.

    Raises:
        UserError: skeletons without a joint in common.
    """

    clips: Clips
    target: Skeleton
    map: JointMap = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "map", joint_map(self.clips.skeleton, self.target))

    @property
    def skeleton(self) -> Skeleton:
        """What the clips are mapped to."""
        return self.target

    def __len__(self) -> int:
        return len(self.clips)

    def clip(self, index: int) -> Clip:
        """One clip, mapped; confidence is not mapped."""
        one = self.clips.clip(index)
        positions = self.map.apply(np.asarray(one.positions, dtype=np.float32))
        return Clip(positions, None, one.fps, one.label, one.tags)


def _fingerprint(*parts: tuple[NDArray[Any], str]) -> str:
    digest = hashlib.sha256()
    for array, text in parts:
        digest.update(f"{array.shape} {array.dtype} {text}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
