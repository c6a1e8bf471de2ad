"""Clips made worse: what is lost is counted, what is turned is turned by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.batches import Batch, collate
from skelact.batches.augment import add_noise
from skelact.batches.corruption import change_rate, lose_frames, lose_joints, turn_about_vertical
from skelact.skeletons import KINECT20


def clips(*frames: int, persons: int = 2) -> Batch:
    """People far from the origin, so that nothing measured is 0."""
    rng = np.random.default_rng(len(frames))
    return collate([rng.normal(5, 1, size=(t, persons, 20, 3)).astype(np.float32) for t in frames], KINECT20)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def keeps_its_promise(batch: Batch) -> bool:
    return bool((batch.positions[~batch.valid] == 0).all() and batch.positions.isfinite().all())


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.95), st.integers(0, 999))
def test_lost_joints_are_the_share_and_the_same_in_all_frames(share: float, seed: int) -> None:
    batch = clips(7, 4, 9)
    worse = lose_joints(batch, share, rng(seed))
    lost = batch.valid & ~worse.valid
    for n, frames in enumerate((7, 4, 9)):
        assert (lost[n, :frames].sum(dim=-1) == round(share * 20)).all()
        assert (lost[n, :frames] == lost[n, 0]).all()
    assert torch.equal(worse.positions[worse.valid], batch.positions[worse.valid])
    assert keeps_its_promise(worse)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 0.95), st.integers(0, 999))
def test_lost_frames_are_the_share_of_the_true_frames(share: float, seed: int) -> None:
    batch = clips(7, 4, 9)
    worse = lose_frames(batch, share, rng(seed))
    for n, frames in enumerate((7, 4, 9)):
        there = worse.valid[n, :frames].flatten(1)
        assert (there.all(dim=1) | ~there.any(dim=1)).all()
        assert int((~there[:, 0]).sum()) == int(np.floor(np.float32(share) * frames + 0.5))
    assert worse.frames.tolist() == [7, 4, 9]
    assert keeps_its_promise(worse)


def test_every_clip_draws_for_itself_and_a_seed_draws_the_same() -> None:
    batch = clips(*[12] * 8)
    for lose in (lose_joints, lose_frames):
        first, again, other = (lose(batch, 0.5, rng(seed)).valid for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
        assert not torch.equal(first[0], first[1])


def test_noise_has_its_deviation_and_spares_what_is_missing() -> None:
    batch = lose_joints(clips(*[40] * 10), 0.5, rng())
    worse = add_noise(batch, 0.03, rng(1))
    noise = (worse.positions - batch.positions)[batch.valid]
    assert torch.equal(worse.valid, batch.valid)
    assert abs(float(noise.std()) - 0.03) < 0.001
    assert abs(float(noise.mean())) < 0.001
    assert keeps_its_promise(worse)


def test_half_the_rate_is_every_second_frame_and_double_the_middles() -> None:
    batch = clips(7, 4)
    half, double, same = (change_rate(batch, rate) for rate in (0.5, 2.0, 1.0))
    assert half.frames.tolist() == [4, 2]
    assert torch.equal(half.positions[0, :4], batch.positions[0, 0:7:2])
    assert torch.equal(half.positions[1, :2], batch.positions[1, 0:4:2])
    assert double.frames.tolist() == [13, 7]
    assert torch.equal(double.positions[0, 0:13:2], batch.positions[0])
    middles = (batch.positions[0, :-1] + batch.positions[0, 1:]) / 2
    torch.testing.assert_close(double.positions[0, 1:13:2], middles)
    assert torch.equal(same.positions, batch.positions)
    for changed in (half, double, same):
        assert keeps_its_promise(changed)
        for n, frames in enumerate(changed.frames.tolist()):
            assert changed.valid[n, :frames].all()
            assert not changed.valid[n, frames:].any()


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_a_single_frame_stays(rate: float) -> None:
    batch = clips(1)
    assert torch.equal(change_rate(batch, rate).positions, batch.positions)


def test_who_looks_ahead_looks_left_after_a_quarter_turn() -> None:
    """Right hand's rule about +y: -z (forward) goes to -x (the left of who faces -z)."""
    forward = torch.zeros(1, 1, 1, 20, 3)
    forward[..., 2] = -1
    batch = Batch(
        forward, torch.ones(1, 1, 1, 20, dtype=torch.bool), *[torch.ones(1, dtype=torch.int64)] * 3, KINECT20
    )
    left = torch.tensor([-1.0, 0, 0]).expand_as(forward)
    torch.testing.assert_close(turn_about_vertical(batch, 90, "+y").positions, left, atol=1e-6, rtol=0)
    torch.testing.assert_close(turn_about_vertical(batch, -90, "-y").positions, left, atol=1e-6, rtol=0)


@pytest.mark.parametrize("up", ["+y", "-y", "+z", "-x"])
def test_turning_keeps_heights_and_distances_and_comes_round(up: str) -> None:
    batch = clips(5, 3)
    turned = turn_about_vertical(batch, 120, up)
    axis = "xyz".index(up[1])
    torch.testing.assert_close(turned.positions[..., axis], batch.positions[..., axis])
    torch.testing.assert_close(turned.positions.norm(dim=-1), batch.positions.norm(dim=-1))
    assert not torch.allclose(turned.positions, batch.positions)
    round_about = turn_about_vertical(turn_about_vertical(turned, 120, up), 120, up)
    torch.testing.assert_close(round_about.positions, batch.positions, atol=1e-4, rtol=0)
