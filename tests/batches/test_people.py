"""Views made of people one by one equal the steps taken one after another, whatever is missing."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.batches import Batch, collate, random_view, random_views
from skelact.batches import views as views_module
from skelact.batches.augment import (
    apply_matrices,
    exchange_sides,
    random_noise,
    rotation_matrices,
)
from skelact.batches.crop import crop_resize
from skelact.batches.draws import Counts, decide, draw
from skelact.batches.mask import grow_mask, hide_frames, hide_joints
from skelact.batches.people import weighted_rows
from skelact.batches.streams import to_stream
from skelact.settings import DataSettings, ViewSettings
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
    counts, coordinates = Counts.of(batch, data, views), batch.positions.shape[-1]
    chance = decide(draw(batch, counts, rng, len(batch)), batch, counts, data, views)
    batch = crop_resize(batch, chance.start, chance.length, data.frames)
    if views.noise:
        batch = random_noise(batch, views.noise, rng)
    batch = to_stream(batch, data.stream)
    batch = apply_matrices(batch, rotation_matrices(chance.angles)[:, :coordinates, :coordinates])
    batch = apply_matrices(batch, chance.shears)
    batch = exchange_sides(batch, chance.exchanged)
    if counts.joints:
        batch = hide_joints(batch, grow_mask(batch.skeleton, chance.seeds, counts.joints) & chance.grown[:, None])
    return hide_frames(batch, chance.hidden)


CHAINS = {
    "usual": ViewSettings(min_frames=8),
    "noise": ViewSettings(min_frames=8, noise=0.1, upright=True),
    "no masks": ViewSettings(min_frames=8, flip=False, hidden_joints=0.0, hidden_blocks=0.0),
    "always": ViewSettings(probability=1.0),
    "odd blocks": ViewSettings(min_frames=2, block_frames=7, hidden_blocks=0.9, probability=0.9),
}


@pytest.fixture(params=["compiled", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to make views on a CPU."""
    if request.param == "torch":
        monkeypatch.setattr(views_module, "views_fast", None)
    elif views_module.views_fast is None:
        pytest.skip("no C compiler was at hand")
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("stream", ["joint", "bone", "motion"])
@pytest.mark.parametrize("lost", [0.0, 0.3])
@pytest.mark.parametrize("views", CHAINS.values(), ids=CHAINS.keys())
def test_the_chain_equals_its_steps(stream: str, lost: float, views: ViewSettings) -> None:
    data = replace(DataSettings(), stream=stream, frames=24)
    for skeleton, coordinates in ((NTU25, 3), (SBU15, 2)):
        batch = make_batch([30, 9, 50, 64, 1, 80], skeleton, lost, coordinates=coordinates)
        one, other = rng(3), rng(3)
        view = random_view(batch, data, views, one)
        expected = step_by_step(batch, data, views, other)
        torch.testing.assert_close(view.positions, expected.positions, rtol=1e-4, atol=1e-5)
        assert torch.equal(view.valid, expected.valid)
        for name in ("frames", "label", "index"):
            assert torch.equal(getattr(view, name), getattr(expected, name))
        assert torch.equal(one.get_state(), other.get_state())


@pytest.mark.skipif(views_module.views_fast is None, reason="no C compiler was at hand")
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    lengths=st.lists(st.integers(1, 90), min_size=1, max_size=9),
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
        flip=st.booleans(),
        shear=st.floats(0.0, 2.0),
        noise=st.sampled_from([0.0, 0.01]),
        seed_joints=st.floats(0.0, 1.0),
        hidden_joints=st.floats(0.0, 1.0),
        block_frames=st.integers(1, 80),
        hidden_blocks=st.floats(0.0, 1.0),
    ),
)
def test_compiled_views_equal_those_of_torch(
    seed: int,
    lengths: list[int],
    skeleton: Skeleton,
    coordinates: int,
    lost: float,
    stream: str,
    frames: int,
    views: ViewSettings,
) -> None:
    batch = make_batch(lengths, skeleton, lost, seed, coordinates)
    data = replace(DataSettings(), stream=stream, frames=frames)
    compiled = random_views(batch, data, views, rng(seed), count=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views_module, "views_fast", None)
        expected = random_views(batch, data, views, rng(seed), count=3)
    for view, other in zip(compiled, expected, strict=True):
        assert torch.equal(view.valid, other.valid)
        torch.testing.assert_close(view.positions, other.positions, rtol=1e-4, atol=1e-5)
        assert view.positions.stride() == other.positions.stride()


@pytest.mark.usefixtures("way")
def test_two_views_of_a_clip_are_views_of_two_clips() -> None:
    clips = [np.random.default_rng(n).normal(size=(n, 2, 20, 3)) for n in (70, 90, 40)]
    data, views = DataSettings(), ViewSettings()
    one, other = random_views(collate(clips, KINECT20), data, views, rng(5))
    again = random_view(collate(clips * 2, KINECT20), data, views, rng(5))
    assert torch.equal(torch.cat([one.positions, other.positions]), again.positions)
    assert torch.equal(torch.cat([one.valid, other.valid]), again.valid)


@pytest.mark.usefixtures("way")
def test_a_view_of_nobody_is_empty() -> None:
    nobody = collate([np.full((5, 1, 15, 3), np.nan)] * 2, SBU15)
    view = random_view(nobody, DataSettings(frames=8), ViewSettings(), rng())
    assert view.positions.shape == (2, 8, 1, 15, 3)
    assert not view.valid.any()
    assert not view.positions.any()


@pytest.mark.usefixtures("way")
def test_clips_that_were_cut_out_of_a_batch_have_views_too() -> None:
    """Tensors that are not one piece of memory."""
    batch = make_batch([30, 40], NTU25, 0.2)
    turned = replace(
        batch,
        positions=batch.positions.transpose(1, 3).contiguous().transpose(1, 3),
        valid=batch.valid.transpose(1, 3).contiguous().transpose(1, 3),
    )
    view, other = (random_view(one, DataSettings(), ViewSettings(), rng(1)) for one in (batch, turned))
    assert torch.equal(view.positions, other.positions)


@pytest.mark.skipif(views_module.views_fast is None, reason="no C compiler was at hand")
def test_numbers_that_lead_out_of_the_arrays_are_refused() -> None:
    batch = make_batch([30, 40], NTU25, 0.0)
    for frames in (0, 41, 10**12):
        wrong = replace(batch, frames=torch.tensor([30, frames]))
        with pytest.raises(ValueError, match="frames of a clip"):
            random_view(wrong, DataSettings(), ViewSettings(), rng())
    with pytest.raises(ValueError, match="array 1 has"):
        random_view(replace(batch, valid=batch.valid[:1]), DataSettings(), ViewSettings(), rng())


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
