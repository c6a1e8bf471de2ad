"""Views made of people one by one equal the steps taken one after another, whatever is missing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.batches import Batch, collate, random_view, random_views
from skelact.batches.augment import (
    apply_matrices,
    chosen,
    exchange_sides,
    random_noise,
    random_rotations,
    random_shears,
)
from skelact.batches.mask import hide_frames, hide_joints, spatial_mask, temporal_mask
from skelact.batches.people import weighted_rows
from skelact.batches.sampling import random_crop_resize
from skelact.batches.streams import to_stream
from skelact.config import DataSettings, ViewSettings
from skelact.skeletons import KINECT20, NTU25, SBU15, Skeleton


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_batch(lengths: list[int], skeleton: Skeleton, lost: float, seed: int = 0, coordinates: int = 3) -> Batch:
    """Every other clip has one person in a batch for two; ``lost`` of the joints are missing, here and there."""
    draw = np.random.default_rng(seed)
    clips = []
    for number, frames in enumerate(lengths):
        clip = draw.normal(size=(frames, 1 + number % 2, len(skeleton), coordinates)).astype(np.float32)
        clip[draw.random(clip.shape[:3]) < lost] = np.nan
        clips.append(clip)
    return collate(clips, skeleton, persons=2, label=np.arange(len(lengths)))


def step_by_step(batch: Batch, data: DataSettings, views: ViewSettings, rng: torch.Generator) -> Batch:
    """The chain as the paper tells it, one change after another on the whole batch."""
    joints, coordinates = len(batch.skeleton), batch.positions.shape[-1]
    batch = random_crop_resize(batch, data.frames, views.min_crop, views.min_frames, rng)
    if views.noise:
        batch = random_noise(batch, views.noise, rng)
    batch = to_stream(batch, data.stream)
    axis = "xyz".index(batch.skeleton.up[1]) if views.upright else None
    same = torch.eye(coordinates)
    turn = random_rotations(batch, views.rotate_degrees, views.tilt_degrees, rng, axis)
    batch = apply_matrices(batch, torch.where(chosen(batch, views.probability, rng)[:, None, None], turn, same))
    shear = random_shears(batch, views.shear, rng)
    batch = apply_matrices(batch, torch.where(chosen(batch, views.probability, rng)[:, None, None], shear, same))
    if views.flip:
        batch = exchange_sides(batch, chosen(batch, views.probability, rng))
    hidden = round(views.hidden_joints * joints)
    if hidden:
        seeds = max(round(views.seed_joints * joints), 1)
        mask = spatial_mask(batch.skeleton, len(batch), seeds, hidden, rng, batch.device)
        batch = hide_joints(batch, mask & chosen(batch, views.probability, rng)[:, None])
    blocks = round(views.hidden_blocks * -(-data.frames // views.block_frames))
    if blocks:
        mask = temporal_mask(data.frames, len(batch), views.block_frames, blocks, rng, batch.device)
        batch = hide_frames(batch, mask & chosen(batch, views.probability, rng)[:, None])
    return batch


@pytest.mark.parametrize("stream", ["joint", "bone", "motion"])
@pytest.mark.parametrize("lost", [0.0, 0.3])
@pytest.mark.parametrize(
    "views",
    [
        ViewSettings(min_frames=8),
        ViewSettings(min_frames=8, noise=0.1, upright=True),
        ViewSettings(min_frames=8, flip=False, hidden_joints=0.0, hidden_blocks=0.0),
        ViewSettings(probability=1.0),
    ],
    ids=["usual", "noise", "no masks", "always"],
)
def test_the_chain_equals_its_steps(stream: str, lost: float, views: ViewSettings) -> None:
    data = replace(DataSettings(), stream=stream, frames=24)
    for skeleton, coordinates in ((NTU25, 3), (SBU15, 2)):
        batch = make_batch([30, 9, 50, 64, 1, 80], skeleton, lost, coordinates=coordinates)
        one, other = rng(3), rng(3)
        for view in random_views(batch, data, views, one, count=2):
            expected = step_by_step(batch, data, views, other)
            torch.testing.assert_close(view.positions, expected.positions, rtol=1e-4, atol=1e-5)
            assert torch.equal(view.valid, expected.valid)
            for name in ("frames", "label", "index"):
                assert torch.equal(getattr(view, name), getattr(expected, name))
        assert torch.equal(one.get_state(), other.get_state())


def test_two_views_are_those_of_two_calls() -> None:
    batch, data, views = make_batch([70, 90, 40], KINECT20, 0.1), DataSettings(), ViewSettings()
    together, apart = rng(5), rng(5)
    for view in random_views(batch, data, views, together):
        again = random_view(batch, data, views, apart)
        assert torch.equal(view.positions, again.positions)
        assert torch.equal(view.valid, again.valid)


def test_a_view_of_nobody_is_empty() -> None:
    nobody = collate([np.full((5, 1, 15, 3), np.nan)] * 2, SBU15)
    view = random_view(nobody, DataSettings(frames=8), ViewSettings(), rng())
    assert view.positions.shape == (2, 8, 1, 15, 3)
    assert not view.valid.any()
    assert not view.positions.any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_sums_of_rows(seed: int, table_rows: int, sums: int, each: int) -> None:
    draw = rng(seed)
    table = torch.randn(table_rows, 7, generator=draw)
    rows = torch.randint(table_rows, (sums, each), generator=draw)
    weights = torch.randn(sums, each, generator=draw)
    expected = (table[rows] * weights.unsqueeze(-1)).sum(dim=1)
    torch.testing.assert_close(weighted_rows(table, rows, weights), expected)
    starts = torch.tensor([0, 0, *range(each, sums * each + 1, each)])  # the first sum has no rows
    with_gap = weighted_rows(table, rows.flatten(), weights.flatten(), starts)
    torch.testing.assert_close(with_gap, torch.cat([torch.zeros(1, 7), expected]))
