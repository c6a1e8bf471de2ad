"""Batch and collate: finite everywhere, 0 where not valid, nothing lost."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from skelact.batches import Batch, collate
from skelact.errors import UserError
from skelact.skeletons import SBU15

CLIPS = st.lists(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.just(15), st.just(3)),
        elements=st.one_of(st.just(np.nan), st.floats(-10, 10, width=32)),
    ),
    min_size=1,
    max_size=4,
)


def clip(frames: int, persons: int, value: float = 1.0) -> NDArray[np.float32]:
    return np.full((frames, persons, 15, 3), value, dtype=np.float32)


def keeps_its_promise(batch: Batch) -> bool:
    """Finite everywhere and 0 where not valid."""
    return bool(batch.positions.isfinite().all()) and bool((batch.positions[~batch.valid] == 0).all())


@given(clips=CLIPS)
@settings(max_examples=50, deadline=None)
def test_every_clip_stands_in_its_corner_and_the_rest_is_padding(clips: list[NDArray[np.float32]]) -> None:
    batch = collate(clips, SBU15)
    longest, most = max(len(one) for one in clips), max(one.shape[1] for one in clips)
    assert batch.positions.shape == (len(clips), longest, most, 15, 3)
    assert keeps_its_promise(batch)
    for row, one in enumerate(clips):
        frames, persons = one.shape[:2]
        measured = ~np.isnan(one).any(axis=-1)
        assert int(batch.frames[row]) == frames
        assert np.array_equal(batch.valid[row, :frames, :persons].numpy(), measured)
        assert np.array_equal(batch.positions[row, :frames, :persons].numpy()[measured], one[measured])
        assert not batch.valid[row, frames:].any()
        assert not batch.valid[row, :, persons:].any()


def test_a_measured_zero_is_valid() -> None:
    assert collate([clip(2, 1, value=0.0)], SBU15).valid.all()


def test_a_joint_that_lacks_one_coordinate_is_not_valid() -> None:
    for coordinate in range(3):
        one = clip(1, 1)
        one[0, 0, 4, coordinate] = np.nan
        batch = collate([one], SBU15)
        assert not batch.valid[0, 0, 0, 4]
        assert keeps_its_promise(batch)


def test_dtypes_defaults_and_given_numbers() -> None:
    batch = collate([clip(2, 1), clip(3, 1)], SBU15)
    assert (batch.positions.dtype, batch.valid.dtype) == (torch.float32, torch.bool)
    assert batch.frames.tolist() == [2, 3]
    assert batch.label.tolist() == [-1, -1]
    assert batch.index.tolist() == [0, 1]
    assert len(batch) == 2
    assert batch.device.type == "cpu"
    given_ = collate([clip(2, 1), clip(3, 1)], SBU15, label=[4, 5], index=np.array([7, 9]), persons=2)
    assert (given_.label.tolist(), given_.index.tolist(), given_.positions.shape[2]) == ([4, 5], [7, 9], 2)
    assert all(one.dtype == torch.int64 for one in (given_.frames, given_.label, given_.index))


def test_the_clips_are_not_written() -> None:
    one = clip(2, 1)
    one[0, 0, 0] = np.nan
    one.setflags(write=False)
    collate([one], SBU15).positions[:] = 5
    assert np.isnan(one[0, 0, 0]).all()


def test_to_changes_the_type_of_positions_alone() -> None:
    batch = collate([clip(2, 1)], SBU15, label=[3]).to("cpu", torch.float64)
    assert (batch.positions.dtype, batch.valid.dtype, batch.label.dtype) == (
        torch.float64,
        torch.bool,
        torch.int64,
    )
    assert batch.to("meta").device.type == "meta"
    assert batch.to("meta").positions.dtype == torch.float64


def test_with_positions_hides_what_is_not_valid() -> None:
    batch = collate([clip(2, 1)], SBU15)
    valid = batch.valid.clone()
    valid[0, 0, 0, 3] = False
    moved = torch.full_like(batch.positions, 2.0)
    moved[0, 0, 0, 3] = float("nan")
    hidden = batch.with_positions(moved, valid)
    assert keeps_its_promise(hidden)
    assert (hidden.positions[hidden.valid] == 2.0).all()
    assert (batch.positions == 1.0).all()


@pytest.mark.parametrize(
    ("clips", "options", "sentence"),
    [
        ([], {}, "a batch needs at least one clip"),
        ([clip(2, 3)], {"persons": 2}, "a clip holds 3 people, the encoder is built for 2"),
        (
            [clip(2, 1), np.zeros((2, 1, 20, 3))],
            {},
            "clip 1 of the batch is (2, 1, 20, 3), expected (frames, persons, 15, 3): "
            "skeleton sbu15, coordinates as in clip 0",
        ),
        (
            [clip(2, 1), np.zeros((2, 1, 15, 2))],
            {},
            "clip 1 of the batch is (2, 1, 15, 2), expected (frames, persons, 15, 3): "
            "skeleton sbu15, coordinates as in clip 0",
        ),
        ([clip(2, 1)], {"label": [1, 2]}, "2 values of label for 1 clips"),
        ([clip(2, 1)], {"index": []}, "0 values of index for 1 clips"),
    ],
)
def test_what_cannot_be_is_refused(clips: list[NDArray[Any]], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        collate(clips, SBU15, **options)
    assert str(caught.value) == sentence


@given(clips=CLIPS, persons=st.integers(3, 4))
@settings(max_examples=50, deadline=None)
def test_who_is_present_is_known_from_the_start(clips: list[NDArray[np.float32]], persons: int) -> None:
    """Collating knows what looking at the batch would say."""
    batch = collate(clips, SBU15, persons=persons)
    assert torch.equal(batch.present, batch.valid.any(dim=3).any(dim=1))
    assert torch.equal(batch.present, replace(batch).present)


def test_who_is_present_goes_along_to_another_device_and_is_found_anew_after_a_change() -> None:
    batch = collate([clip(2, 2), clip(3, 1)], SBU15)
    assert batch.present.tolist() == [[True, True], [True, False]]
    assert batch.to("meta").present is batch.present  # where nothing could be found
    assert batch.to("cpu", torch.float64).present is batch.present
    valid = batch.valid.clone()
    valid[0, :, 1] = False
    assert replace(batch, valid=valid).present.tolist() == [[True, False], [True, False]]
    assert batch.with_positions(batch.positions, valid).present.tolist() == [[True, False], [True, False]]


@given(clips=CLIPS, persons=st.integers(3, 4))
@settings(max_examples=50, deadline=None)
def test_collating_equals_padding_with_nan(clips: list[NDArray[np.float32]], persons: int) -> None:
    longest = max(len(one) for one in clips)
    padded = np.full((len(clips), longest, persons, 15, 3), np.nan, dtype=np.float32)
    for row, one in enumerate(clips):
        padded[row, : one.shape[0], : one.shape[1]] = one
    valid = ~np.isnan(padded).any(axis=-1)
    batch = collate(clips, SBU15, persons=persons)
    assert np.array_equal(batch.valid.numpy(), valid)
    assert np.array_equal(batch.positions.numpy(), np.where(valid[..., None], padded, 0.0))


def test_half_precision_becomes_single() -> None:
    one = clip(2, 1, 0.1).astype(np.float16)
    one[0, 0, 3] = np.nan
    batch = collate([one], SBU15)
    assert batch.positions.dtype == torch.float32
    assert np.array_equal(
        batch.positions[0][batch.valid[0]].numpy(), one[~np.isnan(one).any(-1)].astype(np.float32)
    )
