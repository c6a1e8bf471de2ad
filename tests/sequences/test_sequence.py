"""Sequence: the promises of the data contract and the sentences when they are broken."""

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from skelact.errors import UserError
from skelact.sequences import Segment, Sequence
from skelact.skeletons import KINECT20, SBU15


def rising(frames: int = 4, persons: int = 2) -> NDArray[np.float32]:
    """(T, M, 15, 3): every number differs from every other."""
    return np.arange(frames * persons * 15 * 3, dtype=np.float32).reshape(frames, persons, 15, 3)


def test_what_is_given_is_kept() -> None:
    sequence = Sequence(
        rising(),
        SBU15,
        fps=15,
        name="a",
        label="wave",
        confidence=np.full((4, 2, 15), 0.5),
        track=np.array([[1, 2]] * 4),
        tags={"camera": 2},
        unit="mm",
        up="+z",
    )
    assert np.array_equal(sequence.positions, rising())
    assert (sequence.frames, sequence.persons, sequence.seconds) == (4, 2, 4 / 15)
    assert (sequence.name, sequence.label, sequence.unit, sequence.up) == ("a", "wave", "mm", "+z")
    assert sequence.tags == {"camera": 2}
    assert sequence.confidence is not None
    assert sequence.track is not None
    assert (sequence.confidence.dtype, sequence.track.dtype) == (np.float32, np.int64)
    assert isinstance(sequence.fps, float)
    assert sequence.valid.all()


def test_unit_and_up_are_the_skeleton_s_where_not_said() -> None:
    sequence = Sequence(np.zeros((1, 1, 20, 3)), KINECT20, fps=30)
    assert (sequence.unit, sequence.up) == (KINECT20.unit, KINECT20.up)


def test_any_float_becomes_float32() -> None:
    assert Sequence(rising().astype(np.float64), SBU15, fps=30).positions.dtype == np.float32
    assert Sequence(rising().astype(np.int64), SBU15, fps=30).positions.dtype == np.float32


@given(
    positions=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 3), st.integers(1, 2), st.just(15), st.sampled_from([2, 3])),
        elements=st.one_of(st.just(np.nan), st.floats(-10, 10, width=32)),
    )
)
@settings(max_examples=50, deadline=None)
def test_all_coordinates_of_a_joint_are_observed_or_none(positions: NDArray[np.float32]) -> None:
    sequence = Sequence(positions, SBU15, fps=30)
    missing = np.isnan(positions).any(axis=-1)
    assert np.array_equal(sequence.valid, ~missing)
    assert np.isnan(sequence.positions[missing]).all()
    assert np.array_equal(sequence.positions[~missing], positions[~missing])


def test_zero_is_a_measurement() -> None:
    assert Sequence(np.zeros((1, 1, 15, 3)), SBU15, fps=30).valid.all()


def test_nothing_can_be_written() -> None:
    sequence = Sequence(
        rising(), SBU15, fps=30, confidence=np.ones((4, 2, 15)), track=np.zeros((4, 2)), tags={"camera": 1}
    )
    for array in (sequence.positions, sequence.valid, sequence.confidence, sequence.track):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 0
    with pytest.raises(TypeError):
        sequence.tags["camera"] = 2  # type: ignore[index]
    with pytest.raises(AttributeError):
        sequence.fps = 5.0  # type: ignore[misc]


def test_the_caller_s_arrays_stay_the_caller_s() -> None:
    positions, tags = rising(), {"camera": 1}
    sequence = Sequence(positions, SBU15, fps=30, tags=tags)
    positions[:] = -1
    tags["camera"] = 9
    assert np.array_equal(sequence.positions, rising())
    assert sequence.tags == {"camera": 1}


def test_it_travels_between_processes() -> None:
    positions = rising()
    positions[1, 1, 3, 0] = np.nan
    sequence = Sequence(
        positions,
        SBU15,
        fps=15,
        name="a",
        label="wave",
        confidence=np.ones((4, 2, 15)),
        tags={"camera": 2},
        up="+z",
    )
    back = pickle.loads(pickle.dumps(sequence))
    assert np.array_equal(back.positions, sequence.positions, equal_nan=True)
    assert np.array_equal(back.confidence, sequence.confidence)
    assert back.track is None
    assert (back.name, back.label, back.fps, back.tags, back.up) == ("a", "wave", 15.0, {"camera": 2}, "+z")
    assert back.skeleton == SBU15
    assert not back.positions.flags.writeable


def long() -> Sequence:
    return Sequence(
        rising(9),
        SBU15,
        fps=15,
        name="day",
        confidence=np.arange(9 * 2 * 15).reshape(9, 2, 15) / 1000,
        track=np.arange(18).reshape(9, 2),
        tags={"camera": 1},
        segments=(Segment(5, 9, "wave"), Segment(1, 4, "nod"), Segment(3, 6, "wave")),
    )


def test_cutting_takes_everything_along() -> None:
    part = long().cut(3, 7)
    assert np.array_equal(part.positions, rising(9)[3:7])
    assert part.confidence is not None
    assert part.track is not None
    assert part.confidence[0, 0, 0] == np.float32(0.09)
    assert part.track.tolist() == [[6, 7], [8, 9], [10, 11], [12, 13]]
    assert part.segments == (Segment(2, 4, "wave"), Segment(0, 1, "nod"), Segment(0, 3, "wave"))
    assert long().cut(0, 1).segments == ()
    assert pickle.loads(pickle.dumps(part)).segments == part.segments


def test_every_segment_is_a_clip() -> None:
    clips = list(long().clips())
    assert [clip.name for clip in clips] == ["day_001", "day_002", "day_003"]
    assert [clip.label for clip in clips] == ["wave", "nod", "wave"]
    assert [clip.frames for clip in clips] == [4, 3, 3]
    place = {"recording": "day", "segment": 2, "segment_start": 1, "segment_end": 4}
    assert clips[1].tags == {"camera": 1, **place}
    assert np.array_equal(clips[1].positions, rising(9)[1:4])
    assert all(clip.segments == () for clip in clips)
    assert not list(Sequence(rising(), SBU15, fps=15).clips())


def test_replace_checks_again() -> None:
    sequence = Sequence(rising(), SBU15, fps=30, tags={"camera": 1})
    assert replace(sequence, name="b").tags == {"camera": 1}
    with pytest.raises(UserError, match="15 joints, but skeleton kinect20 has 20"):
        replace(sequence, skeleton=KINECT20)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"positions": np.zeros((4, 15, 3))},
            "positions must be (frames, persons, joints, coordinates), got (4, 15, 3)",
        ),
        ({"positions": np.zeros((4, 1, 20, 3))}, "20 joints, but skeleton sbu15 has 15"),
        ({"positions": np.zeros((4, 1, 15, 4))}, "4 coordinates a joint, expected 2 or 3"),
        ({"positions": np.zeros((0, 1, 15, 3))}, "no frames or no persons: (0, 1, 15, 3)"),
        ({"positions": np.zeros((4, 0, 15, 3))}, "no frames or no persons: (4, 0, 15, 3)"),
        (
            {"positions": np.full((4, 1, 15, 3), np.inf)},
            "infinite coordinates; a joint that was not observed is NaN",
        ),
        ({"fps": 0}, "fps is 0, expected a positive number"),
        ({"fps": -1.5}, "fps is -1.5, expected a positive number"),
        ({"fps": float("nan")}, "fps is nan, expected a positive number"),
        ({"confidence": np.zeros((4, 2))}, "confidence is (4, 2), expected (4, 2, 15)"),
        ({"track": np.zeros(4)}, "track is (4,), expected (4, 2)"),
        (
            {"segments": [Segment(0, 5, "wave")]},
            "segment 'wave' from frame 0 to 5, expected a label and 0 <= start < end <= 4",
        ),
        (
            {"segments": [Segment(0, 4, "wave"), Segment(2, 2, "nod")]},
            "segment 'nod' from frame 2 to 2, expected a label and 0 <= start < end <= 4",
        ),
        (
            {"segments": [Segment(-1, 2, "nod")]},
            "segment 'nod' from frame -1 to 2, expected a label and 0 <= start < end <= 4",
        ),
        (
            {"segments": [Segment(0, 2, "")]},
            "segment '' from frame 0 to 2, expected a label and 0 <= start < end <= 4",
        ),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"positions": rising(), "fps": 30, "name": "a"} | changed
    with pytest.raises(UserError) as caught:
        Sequence(skeleton=SBU15, **arguments)
    assert str(caught.value) == f"sequence 'a': {sentence}"


def test_described_otherwise_it_shares_its_arrays() -> None:
    sequence = Sequence(rising(), SBU15, 15, name="a", confidence=np.ones((4, 2, 15)), tags={"camera": 2})
    other = sequence.described(name="b", label="wave", tags={"camera": 3})
    assert (other.name, other.label, other.tags) == ("b", "wave", {"camera": 3})
    assert (sequence.name, sequence.label, sequence.tags) == ("a", None, {"camera": 2})
    assert other.positions is sequence.positions
    assert other.confidence is sequence.confidence
    with pytest.raises(TypeError):
        other.tags["camera"] = 1  # type: ignore[index]
    copy = pickle.loads(pickle.dumps(other))
    assert (copy.name, copy.label, copy.tags) == ("b", "wave", {"camera": 3})


def test_arrays_that_others_may_write_to_are_copied() -> None:
    confidence = np.ones((4, 2, 15), dtype=np.float32)
    view = confidence[:]
    view.setflags(write=False)
    sequence = Sequence(rising(), SBU15, 15, confidence=view)
    confidence[:] = 0
    assert sequence.confidence is not None
    assert sequence.confidence.all()
