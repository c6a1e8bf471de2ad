"""Sequence: one recording of some people over time."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.skeletons import Skeleton

Tag = str | int | float


@dataclass(frozen=True)
class Segment:
    """A part of a recording in which one action is seen.

    Args:
        start: first frame, counted from 0.
        end: one behind the last frame.
        label: name of the action.
    """

    start: int
    end: int
    label: str


@dataclass(frozen=True, eq=False)
class Sequence:
    """One recording: where each joint of each person was in each frame.

    Convention: axes are T frames, M persons, V joints, C coordinates. NaN means not observed; all
    coordinates of a joint are observed, or none. The arrays are read-only.

    Args:
        positions: (T, M, V, C) float32, C = 2 or 3, in ``unit``.
        skeleton: V joints.
        fps: frames per second, Hz.
        name: name of the recording, unique in a data set.
        label: name of the action, None where unknown.
        confidence: (T, M, V) float32 in [0, 1], where the recorder gave one.
        track: (T, M) int64, the recorder's own identity of the body in each place, -1 where there is none.
        tags: what else is known: subject, camera, setup, source ...
        unit: unit of the positions; the skeleton's when empty.
        up: axis that points up; the skeleton's when empty.
        provenance: what was done to the positions, step by step, each with its arguments.
        segments: where actions are seen in a long recording, in any order; they may overlap.

    Raises:
        UserError: shapes, numbers of joints or values that cannot be.
    """

    positions: NDArray[np.float32]
    skeleton: Skeleton
    fps: float
    name: str = ""
    label: str | None = None
    confidence: NDArray[np.float32] | None = None
    track: NDArray[np.int64] | None = None
    tags: Mapping[str, Tag] = field(default_factory=dict)
    unit: str = ""
    up: str = ""
    provenance: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        positions = np.ascontiguousarray(self.positions, dtype=np.float32)
        self._check(positions)
        positions = self._wholly_missing(positions)
        positions.setflags(write=False)
        set_ = object.__setattr__
        set_(self, "positions", positions)
        set_(self, "tags", MappingProxyType(dict(self.tags)))
        set_(self, "segments", tuple(self.segments))
        set_(self, "unit", self.unit or self.skeleton.unit)
        set_(self, "up", self.up or self.skeleton.up)
        set_(self, "fps", float(self.fps))
        if self.confidence is not None:
            set_(self, "confidence", _read_only(self.confidence, np.float32))
        if self.track is not None:
            set_(self, "track", _read_only(self.track, np.int64))

    def _check(self, positions: NDArray[np.float32]) -> None:
        who = f"sequence {self.name!r}: "
        if positions.ndim != 4:
            raise UserError(
                f"{who}positions must be (frames, persons, joints, coordinates), got {positions.shape}"
            )
        frames, persons, joints, coordinates = positions.shape
        if joints != len(self.skeleton):
            raise UserError(f"{who}{joints} joints, but skeleton {self.skeleton.name} has {len(self.skeleton)}")
        if coordinates not in (2, 3):
            raise UserError(f"{who}{coordinates} coordinates a joint, expected 2 or 3")
        if frames == 0 or persons == 0:
            raise UserError(f"{who}no frames or no persons: {positions.shape}")
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise UserError(f"{who}fps is {self.fps}, expected a positive number")
        if self.confidence is not None and self.confidence.shape != positions.shape[:3]:
            raise UserError(f"{who}confidence is {self.confidence.shape}, expected {positions.shape[:3]}")
        if self.confidence is not None and not _is_settled(self.confidence, np.float32):
            low, high = np.min(self.confidence), np.max(self.confidence)
            if not (low >= 0 and high <= 1):  # NaN, too
                raise UserError(f"{who}confidence from {low:g} to {high:g}, expected 0 to 1; scale or clip it")
        if self.track is not None and self.track.shape != positions.shape[:2]:
            raise UserError(f"{who}track is {self.track.shape}, expected {positions.shape[:2]}")
        for one in self.segments:
            if not (0 <= one.start < one.end <= frames and one.label):
                said = f"segment {one.label!r} from frame {one.start} to {one.end}"
                raise UserError(f"{who}{said}, expected a label and 0 <= start < end <= {frames}")

    def _wholly_missing(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """A copy in which all coordinates of a joint are NaN where one is."""
        copy = positions.copy()
        if not np.isfinite(copy).all():
            if np.isinf(copy).any():
                raise UserError(
                    f"sequence {self.name!r}: infinite coordinates; a joint that was not observed is NaN"
                )
            missing = np.isnan(copy)
            wholly = missing[..., 0]
            for one in range(1, copy.shape[-1]):  # faster than any() over a short axis
                wholly = wholly | missing[..., one]
            copy[wholly] = np.nan
        return copy

    @property
    def frames(self) -> int:
        """Number of frames, T."""
        return int(self.positions.shape[0])

    @property
    def persons(self) -> int:
        """Number of places for people, M."""
        return int(self.positions.shape[1])

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.fps

    @cached_property
    def valid(self) -> NDArray[np.bool_]:
        """(T, M, V) where a joint was observed."""
        return _read_only(~np.isnan(self.positions[..., 0]), np.bool_)

    def described(self, **changes: Any) -> "Sequence":
        """The same recording with another name, label, tags or provenance, or no confidence; not checked again."""
        other = object.__new__(Sequence)
        if "tags" in changes:
            changes["tags"] = MappingProxyType(dict(changes["tags"]))
        other.__dict__.update(self.__dict__ | changes)
        return other

    def cut(self, start: int, end: int) -> "Sequence":
        """The frames from ``start`` to before ``end``; segments that reach outside are shortened or go."""
        if (start, end) == (0, self.frames):
            return self
        part = slice(start, end)
        inside = [(max(one.start, start), min(one.end, end), one.label) for one in self.segments]
        return replace(
            self,
            positions=self.positions[part],
            confidence=None if self.confidence is None else self.confidence[part],
            track=None if self.track is None else self.track[part],
            segments=tuple(Segment(a - start, b - start, label) for a, b, label in inside if a < b),
        )

    def clips(self) -> Iterator["Sequence"]:
        """A clip of each segment, named ``0002-L_001``: the recording and the number of the segment, from 1 on.

        The label of the clip is that of the segment; its tags are those of the recording, and ``recording``,
        ``segment``, ``segment_start`` and ``segment_end``, frames as in ``Segment``.
        """
        for number, one in enumerate(self.segments, start=1):
            place: dict[str, Tag] = {"segment": number, "segment_start": one.start, "segment_end": one.end}
            yield replace(
                self.cut(one.start, one.end),
                name=f"{self.name}_{number:03d}",
                label=one.label,
                tags={**self.tags, "recording": self.name, **place},
                segments=(),
            )

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], "Sequence"], tuple[dict[str, Any]]]:
        """Travel between processes; read-only views of tags cannot be pickled."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return _arrived, (values | {"tags": dict(self.tags)},)


def _arrived(values: dict[str, Any]) -> Sequence:
    """The same sequence in another process; it was checked where it comes from."""
    for array in (values["positions"], values["confidence"], values["track"]):
        if array is not None:
            array.setflags(write=False)
    sequence = object.__new__(Sequence)
    sequence.__dict__.update(values | {"tags": MappingProxyType(values["tags"])})
    return sequence


def _is_settled(array: NDArray[Any], dtype: type[np.generic]) -> bool:
    """Whether it is another sequence's, which checked it and made it read-only."""
    return array.dtype == dtype and array.flags.owndata and not array.flags.writeable


def _read_only(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    if _is_settled(array, dtype):
        return array
    copy = np.array(array, dtype=dtype)
    copy.setflags(write=False)
    return copy
