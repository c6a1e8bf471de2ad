"""The recorder's confidence in a batch: it goes where its joint goes, and is absent where no recorder gave one."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from skelact.batches import Batch, collate, random_views
from skelact.batches.augment import mirror_joints
from skelact.batches.corruption import change_rate, lose_frames, lose_joints
from skelact.batches.crop import centre_crop_resize, crop_resize
from skelact.batches.mask import hide_frames, hide_joints
from skelact.batches.streams import to_stream
from skelact.batches.views import downstream_clip
from skelact.errors import UserError
from skelact.settings import DataSettings, ViewSettings
from skelact.skeletons import SBU15

STILL = ViewSettings(rotate_degrees=0.0, tilt_degrees=0.0, shear=0.0)  # so that coordinates keep their values


def clips(count: int = 4, gaps: bool = True) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Positions whose three coordinates are all the confidence of the joint, so that they must stay equal."""
    rng = np.random.default_rng(3)
    sure = [rng.random((70 + 9 * number, 1 + number % 2, 15)).astype(np.float32) for number in range(count)]
    positions = [np.repeat(one[..., None], 3, axis=-1) for one in sure]
    if gaps:
        for one in positions:
            one[rng.random(one.shape[:3]) < 0.1] = np.nan
    return positions, sure


def batch(gaps: bool = True) -> Batch:
    positions, sure = clips(gaps=gaps)
    return collate(positions, SBU15, confidence=sure)


def check(changed: Batch) -> None:
    """It is what the coordinates are, and 0 where nothing is valid."""
    assert changed.confidence is not None
    assert changed.confidence.shape == changed.valid.shape
    torch.testing.assert_close(changed.confidence, changed.positions[..., 0], atol=1e-6, rtol=0)
    assert not changed.confidence[~changed.valid].any()


def test_collate_pads_with_zeros_and_is_one_where_nobody_said() -> None:
    positions, sure = clips()
    check(batch())
    mixed = collate(positions, SBU15, confidence=[sure[0], None, *sure[2:]])
    assert mixed.confidence is not None
    torch.testing.assert_close(mixed.confidence[1], mixed.valid[1].float())
    torch.testing.assert_close(mixed.confidence[0], mixed.positions[0, ..., 0])
    for nothing in (None, [None] * 4):
        assert collate(positions, SBU15, confidence=nothing).confidence is None


def test_confidence_of_another_shape_is_refused() -> None:
    positions, sure = clips(2)
    with pytest.raises(UserError) as caught:
        collate(positions, SBU15, confidence=[sure[0], sure[1][1:]])
    shape = sure[1].shape
    got = (shape[0] - 1, *shape[1:])
    assert str(caught.value) == f"confidence of clip 1 of the batch is {got}, expected {shape}"
    with pytest.raises(UserError, match=r"^1 values of confidence for 2 clips$"):
        collate(positions, SBU15, confidence=sure[:1])


@pytest.mark.parametrize("gaps", [True, False])
def test_views_carry_it(gaps: bool) -> None:
    seen = random_views(batch(gaps), DataSettings(frames=32), STILL, torch.Generator().manual_seed(5), 3)
    assert len(seen) == 3
    for view in seen:
        check(view)
    assert not torch.equal(seen[0].positions, seen[1].positions)


@pytest.mark.parametrize("stream", ["joint", "bone", "motion"])
def test_views_of_streams_are_as_sure_as_the_less_sure_end(stream: Literal["joint", "bone", "motion"]) -> None:
    """Without chance a view is the stream of the resized clip."""
    data, never = DataSettings(frames=32, stream=stream), replace(STILL, probability=0.0, min_crop=0.999)
    given = batch()
    (view,) = random_views(given, data, never, torch.Generator().manual_seed(0), 1)
    assert view.confidence is not None
    lengths = (given.frames * 0.9995).long()
    best = torch.full_like(view.confidence, torch.inf)
    for shift in range(2):  # the window is one frame shorter than the clip and starts at one of two
        start = torch.full_like(lengths, shift)
        expected = to_stream(crop_resize(given, start, lengths, 32), stream)
        assert expected.confidence is not None
        best = best.minimum((expected.confidence - view.confidence).abs().amax((1, 2, 3))[:, None, None, None])
    assert best.max() < 1e-6


def test_changes_carry_it() -> None:
    given = batch()
    which = torch.tensor([True, False, True, False])
    rng = torch.Generator().manual_seed(1)
    for changed in (
        mirror_joints(given, which),
        hide_joints(given, torch.rand(4, 15) < 0.5),
        hide_frames(given, torch.rand(4, given.valid.shape[1]) < 0.5),
        lose_joints(given, 0.3, rng),
        lose_frames(given, 0.3, rng),
        change_rate(given, 0.5),
        change_rate(given, 1.5),
        centre_crop_resize(given, 20),
        downstream_clip(given, DataSettings(frames=20)),
        given.to("cpu", torch.float64),
    ):
        check(changed)
    assert given.to("cpu", torch.float64).confidence.dtype == torch.float64  # type: ignore[union-attr]


def test_bones_and_motion_are_as_sure_as_the_less_sure_end() -> None:
    given = batch()
    sure = given.confidence.numpy()  # type: ignore[union-attr]
    bone, motion = to_stream(given, "bone"), to_stream(given, "motion")
    assert bone.confidence is not None
    assert motion.confidence is not None
    for joint, parent in enumerate(SBU15.parents):
        expected = np.minimum(sure[..., joint], sure[..., parent])
        np.testing.assert_array_equal(bone.confidence[..., joint], expected)
    np.testing.assert_array_equal(motion.confidence[:, :-1], np.minimum(sure[:, 1:], sure[:, :-1]))
    assert not motion.confidence[:, -1].any()


def test_without_it_nothing_has_it() -> None:
    given = collate(clips()[0], SBU15)
    rng = torch.Generator().manual_seed(0)
    for changed in (
        *random_views(given, DataSettings(frames=32), STILL, rng),
        change_rate(given, 0.5),
        downstream_clip(given, DataSettings(frames=20, stream="bone")),
        to_stream(given, "motion"),
        given.to("cpu", torch.float64),
        mirror_joints(given, torch.ones(4, dtype=torch.bool)),
    ):
        assert changed.confidence is None


def test_it_changes_nothing_else() -> None:
    """The same draws, the same positions."""
    data, settings = DataSettings(frames=32), ViewSettings()
    pairs = [
        random_views(given, data, settings, torch.Generator().manual_seed(2))
        for given in (batch(), collate(clips()[0], SBU15))
    ]
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one.positions, other.positions, atol=0, rtol=0)
        assert torch.equal(one.valid, other.valid)
