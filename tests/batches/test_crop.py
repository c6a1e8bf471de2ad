from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skelact.batches import Batch, collate
from skelact.batches.crop import between_frames, centre_crop_resize, crop_resize, random_crop_resize, windows
from skelact.skeletons import KINECT20


def make_batch(lengths: list[int], persons: int = 2, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    return collate([rng.normal(size=(n, persons, 20, 3)) for n in lengths], KINECT20)


def test_resize_equals_image_resizing_with_half_pixel_centres() -> None:
    batch = make_batch([50, 50, 50])
    start, length = torch.tensor([0, 7, 20]), torch.tensor([50, 31, 30])
    ours = crop_resize(batch, start, length, 64).positions
    for row in range(3):
        window = batch.positions[row, start[row] : start[row] + length[row]].flatten(1)  # (L, M V C)
        official = F.interpolate(
            window.T[None, None], size=(window.shape[1], 64), mode="bilinear", align_corners=False
        )
        torch.testing.assert_close(ours[row].flatten(1), official[0, 0].T, rtol=1e-5, atol=1e-6)


def test_same_length_changes_nothing() -> None:
    batch = make_batch([64])
    resized = crop_resize(batch, torch.tensor([0]), torch.tensor([64]), 64)
    torch.testing.assert_close(resized.positions, batch.positions, rtol=0, atol=1e-6)


def test_straight_motion_stays_straight() -> None:
    """A joint at x = frame number lies at (i + 0.5) * L / F - 0.5 after resizing, held at both ends."""
    clip = np.zeros((10, 1, 20, 3), dtype=np.float32)
    clip[..., 0] = np.arange(10)[:, None, None]
    resized = crop_resize(collate([clip], KINECT20), torch.tensor([2]), torch.tensor([6]), 12)
    expected = (2 + ((torch.arange(12) + 0.5) * 6 / 12 - 0.5)).clamp(2, 7)
    torch.testing.assert_close(resized.positions[0, :, 0, 0, 0], expected)


def test_missing_joints_do_not_pull_towards_zero() -> None:
    clip = np.full((4, 1, 20, 3), 5.0)
    clip[1, 0, 3] = np.nan
    resized = crop_resize(collate([clip], KINECT20), torch.tensor([0]), torch.tensor([4]), 8)
    places = resized.positions[resized.valid]
    torch.testing.assert_close(places, torch.full_like(places, 5.0))
    assert (~resized.valid[0, :, 0, 3]).sum() == 0  # one of two neighbours was always measured

    clip[1:3, 0, 3] = np.nan
    resized = crop_resize(collate([clip], KINECT20), torch.tensor([0]), torch.tensor([4]), 4)
    assert resized.valid[0, :, 0, 3].tolist() == [True, False, False, True]
    assert (resized.positions[~resized.valid] == 0).all()


def test_padding_is_never_sampled() -> None:
    batch = make_batch([5, 40])
    poisoned = replace(batch, positions=batch.positions.clone())
    poisoned.positions[0, 5:] = 1e9
    rng = torch.Generator().manual_seed(0)
    for _ in range(50):
        view = random_crop_resize(poisoned, 16, min_crop=0.1, min_frames=8, rng=rng)
        assert view.positions.abs().max() < 100
        assert view.valid.all()


def test_crop_lengths_are_as_stated() -> None:
    """floor(n u) with u ~ U(0.1, 1), at least 64 and at most n."""
    rng = torch.Generator().manual_seed(0)
    draws = 100_000
    start, long = windows(torch.full((draws,), 300), torch.rand(draws, 2, generator=rng), 0.1, 64)
    assert start.min() == 0
    assert (start + long).max() == 300
    assert long.min() == 64
    assert long.max() <= 300
    below = (64 / 300 - 0.1) / 0.9  # share of draws that the lower bound lifts
    assert abs((long == 64).double().mean().item() - (below + 1 / 270)) < 0.005
    free = long[long > 64].double()
    assert abs(free.mean().item() - (65 + 299) / 2) < 1.0
    start, short = windows(torch.full((1000,), 40), torch.rand(1000, 2, generator=rng), 0.1, 64)
    assert (start == 0).all()
    assert (short == 40).all()


def test_every_start_is_drawn() -> None:
    clip = np.zeros((10, 1, 20, 3), dtype=np.float32)
    clip[..., 0] = np.arange(10)[:, None, None]
    batch = collate([clip] * 4000, KINECT20)
    view = random_crop_resize(batch, 8, min_crop=0.8, min_frames=8, rng=torch.Generator().manual_seed(1))
    assert view.positions[:, 0, 0, 0, 0].min() < 0.2
    assert view.positions[:, -1, 0, 0, 0].max() > 8.8


@pytest.mark.parametrize(("frames", "dropped"), [(100, 2), (40, 1), (39, 0), (1, 0)])
def test_centre_crop_drops_the_ends(frames: int, dropped: int) -> None:
    clip = np.zeros((frames, 1, 20, 3), dtype=np.float32)
    clip[..., 0] = np.arange(frames)[:, None, None]
    kept = frames - 2 * dropped
    resized = centre_crop_resize(collate([clip], KINECT20), kept)
    torch.testing.assert_close(resized.positions[0, :, 0, 0, 0], torch.arange(dropped, frames - dropped).float())


@pytest.mark.parametrize("lost", [0.0, 0.3, 0.9])
def test_between_frames_equals_the_formula_joint_by_joint(lost: float) -> None:
    draw = np.random.default_rng(0)
    clips = [draw.normal(size=(n, 2, 20, 3)) for n in (5, 9)]
    for clip in clips:
        clip[draw.random(clip.shape[:3]) < lost] = np.nan
    batch = collate(clips, KINECT20)
    last = torch.tensor([[4], [7]])
    place = torch.tensor(draw.uniform(0, 1, size=(2, 6))) * last
    place[:, 0], place[:, 1] = 0.0, last[:, 0]
    found = between_frames(batch, place, last)
    positions, valid = found.positions, found.valid
    for n, f, m, v in np.ndindex(2, 6, 2, 20):
        below = int(place[n, f])
        parts = [(below, 1 - (place[n, f] - below)), (min(below + 1, int(last[n])), place[n, f] - below)]
        seen = [(batch.positions[n, t, m, v], w) for t, w in parts if w > 0 and batch.valid[n, t, m, v]]
        assert valid[n, f, m, v] == bool(seen)
        total = sum(w for _, w in seen)
        expected = sum((x * w / total for x, w in seen), torch.zeros(3))
        torch.testing.assert_close(positions[n, f, m, v], expected.float(), rtol=1e-5, atol=1e-5)
