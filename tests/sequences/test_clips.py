"""Clips: a store, sequences, windows, a part and a map of them keep one contract."""

from pathlib import Path

import numpy as np
import pytest

from skelact.errors import UserError
from skelact.sequences import Segment, Sequence
from skelact.sequences.clips import Clips, MappedClips, SequenceClips, Subset, Windows
from skelact.sequences.store import Store
from skelact.skeletons import KINECT20, NTU25


def recording(frames: int = 50, segments: tuple[Segment, ...] = (), confidence: bool = True) -> Sequence:
    """Joint v of frame t lies at (t, v, 0)."""
    positions = np.zeros((frames, 1, len(KINECT20), 3))
    positions[..., 0] = np.arange(frames)[:, None, None]
    positions[..., 1] = np.arange(len(KINECT20))
    known = np.full(positions.shape[:3], 0.5) if confidence else None
    return Sequence(
        positions, KINECT20, 25.0, "walk", "a", confidence=known, tags={"subject": 3}, segments=segments
    )


@pytest.fixture(params=["store", "sequences", "windows", "subset", "mapped"])
def clips(request: pytest.FixtureRequest, store_path: Path) -> Clips:
    windows = Windows(recording(), frames=20, step=10)
    every: dict[str, Clips] = {
        "store": Store(store_path),
        "sequences": SequenceClips([recording(), recording(9)]),
        "windows": windows,
        "subset": Subset(windows, np.array([3, 1])),
        "mapped": MappedClips(windows, NTU25),
    }
    return every[request.param]


def test_every_kind_keeps_the_contract(clips: Clips) -> None:
    assert len(clips) >= 2
    assert clips.title
    assert len(clips.fingerprint) == 16
    for index in range(len(clips)):
        one = clips.clip(index)
        assert one.positions.ndim == 4
        assert one.positions.shape[1] <= clips.persons
        assert one.positions.shape[2:] == (len(clips.skeleton), clips.coordinates)
        assert one.confidence is None or one.confidence.shape == one.positions.shape[:3]
        assert one.fps > 0
        assert -1 <= one.label < len(clips.classes)


def test_a_store_s_clip_is_its_sequence(store_path: Path) -> None:
    store = Store(store_path)
    one, sequence = store.clip(5), store.sequence(5)
    np.testing.assert_array_equal(one.positions, sequence.positions)
    assert (one.fps, store.classes[one.label], one.tags) == (sequence.fps, sequence.label, sequence.tags)


def test_windows_cover_the_recording_and_say_where_they_lie() -> None:
    windows = Windows(recording(47), frames=20, step=10)
    assert windows.starts.tolist() == [0, 10, 20, 27]
    last = windows.clip(3)
    assert (last.tags["start"], last.tags["end"], last.tags["subject"]) == (27, 47, 3)
    assert last.positions[:, 0, 0, 0].tolist() == list(range(27, 47))
    assert np.shares_memory(last.positions, windows.recording.positions)
    assert last.confidence is not None
    assert Windows(recording(7), frames=20, step=10).clip(0).positions.shape[0] == 7


def test_a_window_is_labelled_by_what_covers_at_least_half_of_it() -> None:
    segments = (Segment(0, 12, "wave"), Segment(12, 30, "bow"))
    windows = Windows(recording(50, segments), frames=20, step=10)
    names = [windows.classes[one.label] if one.label >= 0 else "" for one in map(windows.clip, range(4))]
    assert names == ["wave", "bow", "bow", ""]


def test_a_subset_takes_rows_in_their_order() -> None:
    windows = Windows(recording(), frames=20, step=10)
    part = Subset(windows, np.array([3, 1]))
    assert [one.tags["start"] for one in map(part.clip, range(2))] == [30, 10]
    assert part.fingerprint not in (windows.fingerprint, Subset(windows, np.array([1, 3])).fingerprint)


def test_mapped_clips_have_the_joints_of_the_target() -> None:
    mapped = MappedClips(Windows(recording(), frames=20, step=10), NTU25)
    one = mapped.clip(0)
    hand = NTU25.index("left_hand")
    np.testing.assert_array_equal(one.positions[0, 0, hand], [0, KINECT20.index("left_hand"), 0])


@pytest.mark.parametrize(("frames", "step"), [(0, 1), (1, 0)])
def test_windows_that_cannot_be_are_refused(frames: int, step: int) -> None:
    with pytest.raises(UserError, match=f"at least 1 frame and a step of 1, got {frames} and {step}"):
        Windows(recording(), frames, step)


def test_sequences_must_have_one_skeleton() -> None:
    other = Sequence(np.zeros((3, 1, len(NTU25), 3)), NTU25, 30.0, "other")
    with pytest.raises(UserError, match="'other' has 3 coordinates of ntu25, 'walk' has 3 of kinect20"):
        SequenceClips([recording(), other])
    with pytest.raises(UserError, match="no sequences"):
        SequenceClips([])
