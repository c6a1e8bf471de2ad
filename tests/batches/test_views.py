"""The whole chain from clip to view: as stated, from the given generator only, nothing half done."""

from collections.abc import Callable
from dataclasses import replace
from math import radians

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.batches import Batch, collate, random_view, random_views
from skelact.batches.augment import (
    angles,
    apply_matrices,
    mirror_joints,
    random_mirror,
    random_noise,
    random_rotation,
    random_shear,
    rotation_matrices,
    shears,
)
from skelact.batches.mask import (
    blocks_hidden,
    grow_mask,
    hide_frames,
    hide_joints,
    random_frame_mask,
    random_joint_mask,
)
from skelact.settings import DataSettings, ViewSettings
from skelact.skeletons import KINECT20, NTU25, SBU15, SKELETONS, Skeleton


def make_batch(count: int, skeleton: Skeleton = NTU25, frames: int = 80, coordinates: int = 3) -> Batch:
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(frames, 2, len(skeleton), coordinates)) + 10 for _ in range(count)]
    return collate(clips, skeleton)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_rotations(count: int, max_degrees: float, tilt_degrees: float) -> torch.Tensor:
    return rotation_matrices(angles(torch.rand(count, 5, generator=rng()), 3, max_degrees, tilt_degrees))


def angles_of(matrices: torch.Tensor) -> torch.Tensor:
    """(N, 3) angles about x, y, z of Rz Ry Rx, degrees."""
    x = torch.atan2(matrices[:, 2, 1], matrices[:, 2, 2])
    y = -torch.asin(matrices[:, 2, 0])
    z = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0])
    return torch.rad2deg(torch.stack([x, y, z], dim=1))


def test_rotation_matrices_turn_counterclockwise_x_then_y_then_z() -> None:
    quarter = radians(90)
    about_z = rotation_matrices(torch.tensor([[0.0, 0.0, quarter]]))[0]
    torch.testing.assert_close(about_z @ torch.tensor([1.0, 0, 0]), torch.tensor([0.0, 1, 0]), atol=1e-6, rtol=0)
    both = rotation_matrices(torch.tensor([[quarter, 0.0, quarter]]))[0]  # y -> z about x, z stays about z
    torch.testing.assert_close(both @ torch.tensor([0.0, 1, 0]), torch.tensor([0.0, 0, 1]), atol=1e-6, rtol=0)


def test_rotation_angles_are_as_stated() -> None:
    found = -angles_of(random_rotations(6000, 30.0, 1.0))  # clockwise
    assert found.min() > -1e-4
    assert found.max() < 30
    large = found > 1
    assert (large.sum(dim=1) <= 1).all()  # one main axis
    shares = large.double().mean(dim=0)
    torch.testing.assert_close(shares, torch.full((3,), 29 / 90, dtype=torch.float64), atol=0.03, rtol=0)
    main = found[large].double()
    assert abs(main.mean().item() - 15.5) < 0.5


def test_rotation_keeps_distances_and_shear_has_unit_diagonal() -> None:
    batch = make_batch(5)
    turned = apply_matrices(batch, random_rotations(len(batch), 30.0, 1.0))
    before = (batch.positions[..., 1:, :] - batch.positions[..., :-1, :]).norm(dim=-1)
    after = (turned.positions[..., 1:, :] - turned.positions[..., :-1, :]).norm(dim=-1)
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-4)
    matrices = shears(torch.rand(4000, 3, 3, generator=rng()), 1.0)
    diagonal = matrices.diagonal(dim1=1, dim2=2)
    assert (diagonal == 1).all()
    off = matrices[:, ~torch.eye(3, dtype=torch.bool)]
    assert off.min() < -0.99
    assert off.max() > 0.99
    assert abs(off.double().std().item() - 1 / np.sqrt(3)) < 0.01


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_exchanging_left_and_right_twice_gives_the_clip_back(skeleton: Skeleton) -> None:
    batch = make_batch(4, skeleton, frames=3)
    which = torch.tensor([True, False, True, True])
    once = mirror_joints(batch, which)
    twice = mirror_joints(once, which)
    torch.testing.assert_close(twice.positions, batch.positions, rtol=0, atol=0)
    torch.testing.assert_close(once.positions[0], batch.positions[0][:, :, skeleton.mirror], rtol=0, atol=0)
    assert torch.equal(once.positions[1], batch.positions[1])  # the coin said no
    assert torch.equal(once.positions[..., 0].sum(dim=3), batch.positions[..., 0].sum(dim=3)) or torch.allclose(
        once.positions.sum(dim=3), batch.positions.sum(dim=3), rtol=1e-5
    )


def test_missing_joints_change_sides_with_their_positions() -> None:
    clip = np.ones((1, 1, 20, 3))
    clip[0, 0, 7] = np.nan  # left hand
    swapped = mirror_joints(collate([clip], KINECT20), torch.tensor([True]))
    assert swapped.valid[0, 0, 0, 7]
    assert not swapped.valid[0, 0, 0, 11]


def test_noise_has_another_deviation_for_each_clip_and_spares_what_is_missing() -> None:
    batch = make_batch(200)
    valid = batch.valid.clone()
    valid[:, 3:9, 0, 5] = False
    batch = batch.with_positions(batch.positions, valid)
    noisy = random_noise(batch, 0.04, rng())
    assert (noisy.positions[~valid] == 0).all()
    change = (noisy.positions - batch.positions).flatten(1).std(dim=1)  # (N,)
    assert change.max() < 0.0405
    torch.testing.assert_close(change.mean(), torch.tensor(0.02), atol=0.003, rtol=0)
    assert change.std() > 0.01


def test_a_view_without_noise_draws_as_if_there_were_no_such_setting() -> None:
    batch, data = make_batch(4), DataSettings(frames=16)
    plain, noisy = (random_view(batch, data, ViewSettings(noise=noise), rng(2)) for noise in (0.0, 0.02))
    again = random_view(batch, data, ViewSettings(), rng(2))
    assert torch.equal(plain.positions, again.positions)
    assert not torch.equal(plain.positions, noisy.positions)


def test_masks_hide_as_many_as_stated() -> None:
    for skeleton, hidden in ((NTU25, 8), (KINECT20, 6), (SBU15, 5)):
        mask = grow_mask(skeleton, torch.randint(len(skeleton), (300, 5), generator=rng()), hidden)
        assert (mask.sum(dim=1) == hidden).all()
    frames = blocks_hidden(torch.rand(2000, 16, generator=rng()), 64, 4, 6)
    assert (frames.sum(dim=1) == 24).all()
    blocks = frames.view(2000, 16, 4)
    assert (blocks.all(dim=2) == blocks.any(dim=2)).all()  # whole blocks of 4
    share = blocks[:, :, 0].double().mean(dim=0)
    torch.testing.assert_close(share, torch.full((16,), 6 / 16, dtype=torch.float64), atol=0.04, rtol=0)


def test_hidden_joints_keep_nothing() -> None:
    batch = make_batch(3, KINECT20, frames=4)
    joints = torch.zeros(3, 20, dtype=torch.bool)
    joints[1, 5] = True
    hidden = hide_joints(batch, joints)
    assert (hidden.positions[1, :, :, 5] == 0).all()
    assert not hidden.valid[1, :, :, 5].any()
    assert torch.equal(hidden.positions[0], batch.positions[0])
    frames = torch.zeros(3, 4, dtype=torch.bool)
    frames[2, 1] = True
    hidden = hide_frames(batch, frames)
    assert (hidden.positions[2, 1] == 0).all()
    assert (hidden.positions[2, [0, 2, 3]] != 0).all()


def test_each_change_happens_with_its_probability() -> None:
    batch = make_batch(3000, KINECT20, frames=1)
    data, views = DataSettings(frames=16), ViewSettings(min_frames=1)
    view = random_view(batch, data, views, rng())
    joints_hidden = ~view.valid.any(dim=1).any(dim=1)  # (N, V), in all frames
    assert abs((joints_hidden.sum(dim=1) == 6).double().mean().item() - 0.5) < 0.03
    frames_hidden = ~view.valid.any(dim=3).any(dim=2)  # (N, T)
    assert set(frames_hidden.sum(dim=1).tolist()) == {0, 8}  # 1.5 of 4 blocks, rounded to 2
    assert abs((frames_hidden.sum(dim=1) == 8).double().mean().item() - 0.5) < 0.03


def test_views_draw_from_the_given_generator_only() -> None:
    batch = make_batch(4)
    data, views = DataSettings(), ViewSettings()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002 - that it is left alone is the point
    first = random_view(batch, data, views, rng(7))
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    torch.manual_seed(2)
    again = random_view(batch, data, views, rng(7))
    assert torch.equal(first.positions, again.positions)
    other = random_view(batch, data, views, rng(8))
    assert not torch.equal(first.positions, other.positions)


def test_clips_draw_independently() -> None:
    clip = np.random.default_rng(0).normal(size=(80, 1, 25, 3))
    view = random_view(collate([clip] * 6, NTU25), DataSettings(), ViewSettings(), rng())
    for one in range(6):
        for other in range(one):
            assert not torch.equal(view.positions[one], view.positions[other])


@pytest.mark.parametrize("stream", ["joint", "bone", "motion"])
@pytest.mark.parametrize("coordinates", [2, 3])
def test_promises_of_a_view(stream: str, coordinates: int) -> None:
    batch = make_batch(8, SBU15, coordinates=coordinates)
    batch = batch.with_positions(
        batch.positions, batch.valid & (torch.rand(batch.valid.shape, generator=rng()) > 0.2)
    )
    view = random_view(batch, replace(DataSettings(), stream=stream, frames=24), ViewSettings(), rng())
    assert view.positions.shape == (8, 24, 2, 15, coordinates)
    assert view.positions.isfinite().all()
    assert (view.positions[~view.valid] == 0).all()


def test_nothing_random_left_when_all_is_switched_off() -> None:
    off = ViewSettings(min_crop=1.0, probability=0.0)
    batch = make_batch(3, frames=64)
    view = random_view(batch, DataSettings(frames=64), off, rng())
    torch.testing.assert_close(view.positions, batch.positions, rtol=0, atol=1e-5)


STEPS = {
    "rotation": lambda batch, chance, rng: random_rotation(batch, 30.0, 1.0, chance, rng, upright=False),
    "shear": lambda batch, chance, rng: random_shear(batch, 1.0, chance, rng),
    "mirror": random_mirror,
    "joint mask": lambda batch, chance, rng: random_joint_mask(batch, 5, 8, chance, rng),
    "frame mask": lambda batch, chance, rng: random_frame_mask(batch, 4, 0.375, chance, rng),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
def test_each_step_changes_the_clips_whose_coin_says_so(step: Callable[..., Batch]) -> None:
    batch = make_batch(600, frames=8)
    changed = (step(batch, 0.3, rng()).positions != batch.positions).flatten(1).any(dim=1)  # (N,)
    assert abs(changed.double().mean().item() - 0.3) < 0.06
    assert torch.equal(step(batch, 0.0, rng()).positions, batch.positions)
    assert (step(batch, 1.0, rng()).positions != batch.positions).flatten(1).any(dim=1).all()


def test_steps_draw_apart_from_each_other() -> None:
    """Coins of one step say nothing about those of the next."""
    batch, draw = make_batch(3000, SBU15, frames=1), rng()
    mirrored = random_mirror(batch, 0.5, draw).positions[:, 0, 0, :, 0] != batch.positions[:, 0, 0, :, 0]
    hidden = ~random_joint_mask(batch, 3, 5, 0.5, draw).valid[:, 0, 0]
    both = (mirrored.any(dim=1) & hidden.any(dim=1)).double().mean().item()
    assert abs(both - 0.25) < 0.03


@pytest.mark.parametrize(("skeleton", "axis"), [(NTU25, 1), (KINECT20, 1)])
def test_upright_rotations_are_about_the_vertical(skeleton: Skeleton, axis: int) -> None:
    assert skeleton.up[1] == "xyz"[axis]
    batch = make_batch(200, skeleton, frames=2)
    turned = random_rotation(batch, 90.0, 0.0, 1.0, rng(), upright=True)
    torch.testing.assert_close(turned.positions[..., axis], batch.positions[..., axis], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(turned.positions, batch.positions, atol=0.1)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=5),
    skeleton=st.sampled_from([NTU25, KINECT20, SBU15]),
    coordinates=st.sampled_from([2, 3]),
    lost=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
    stream=st.sampled_from(["joint", "bone", "motion"]),
    frames=st.integers(1, 70),
    views=st.builds(
        ViewSettings,
        min_crop=st.floats(0.01, 1.0),
        min_frames=st.integers(1, 70),
        probability=st.floats(0.0, 1.0),
        rotate_degrees=st.floats(0.0, 180.0),
        upright=st.booleans(),
        mirror=st.booleans(),
        shear=st.floats(0.0, 2.0),
        noise=st.sampled_from([0.0, 0.01]),
        seed_joints=st.floats(0.0, 1.0),
        hidden_joints=st.floats(0.0, 1.0),
        block_frames=st.integers(1, 80),
        hidden_blocks=st.floats(0.0, 1.0),
    ),
)
def test_any_settings_and_clips_give_views(
    seed: int,
    lengths: list[int],
    skeleton: Skeleton,
    coordinates: int,
    lost: float,
    stream: str,
    frames: int,
    views: ViewSettings,
) -> None:
    draw = np.random.default_rng(seed)
    clips = [draw.normal(size=(n, 1 + i % 2, len(skeleton), coordinates)) for i, n in enumerate(lengths)]
    for clip in clips:
        clip[draw.random(clip.shape[:3]) < lost] = np.nan
    batch = collate(clips, skeleton, persons=2, label=np.arange(len(clips)))
    before = batch.positions.clone()
    data = DataSettings(stream=stream, frames=frames)
    found = random_views(batch, data, views, rng(seed), count=2)
    assert torch.equal(batch.positions, before)
    for view in found:
        assert view.positions.shape == (len(clips), frames, 2, len(skeleton), coordinates)
        assert view.positions.isfinite().all()
        assert not view.positions[~view.valid].any()
        assert (view.frames == frames).all()
        assert torch.equal(view.label, batch.label)
        assert torch.equal(view.index, batch.index)
        assert not (view.valid.any(dim=3).any(dim=1) & ~view.present).any()
        assert torch.equal(view.present, batch.present)


def test_two_views_are_drawn_one_after_the_other() -> None:
    batch, data, views, one = make_batch(4), DataSettings(frames=16), ViewSettings(), rng(5)
    for view in random_views(batch, data, views, rng(5)):
        assert torch.equal(view.positions, random_view(batch, data, views, one).positions)


def test_clips_that_lie_in_memory_in_another_order_have_the_same_views() -> None:
    batch = make_batch(3)
    turned = replace(
        batch,
        positions=batch.positions.transpose(1, 3).contiguous().transpose(1, 3),
        valid=batch.valid.transpose(1, 3).contiguous().transpose(1, 3),
    )
    view, other = (random_view(one, DataSettings(), ViewSettings(), rng(1)) for one in (batch, turned))
    torch.testing.assert_close(view.positions, other.positions)
