"""How often the official spatial mask hides each joint."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.batches import collate, random_view
from skelact.batches.mask import grow_mask, sorting_network
from skelact.settings import DataSettings, ViewSettings
from skelact.skeletons import NTU25


@pytest.mark.real
def test_joints_are_hidden_as_often_as_officially(shared: Path) -> None:
    with np.load(shared / "golden" / "mask_frequency.npz") as file:
        official = file["frequency"]
    rng = torch.Generator().manual_seed(0)
    mask = grow_mask(NTU25, torch.randint(25, (200_000, 5), generator=rng), hidden=8)
    assert (mask.sum(dim=1) == 8).all()
    assert np.abs(mask.double().mean(dim=0).numpy() - official).max() < 0.005


@pytest.mark.real
def test_joints_of_whole_views_are_hidden_as_often(shared: Path) -> None:
    with np.load(shared / "golden" / "mask_frequency.npz") as file:
        official = file["frequency"]
    rng, batch = torch.Generator().manual_seed(0), collate([np.ones((1, 1, 25, 3))] * 50_000, NTU25)
    data, views = DataSettings(frames=1), ViewSettings(probability=1.0, mirror=False, hidden_blocks=0.0)
    hidden = [~random_view(batch, data, views, rng).valid[:, 0, 0] for _ in range(4)]
    assert np.abs(torch.cat(hidden).double().mean(dim=0).numpy() - official).max() < 0.005


def test_the_network_sorts() -> None:
    rng = torch.Generator().manual_seed(0)
    for width in (1, 2, 3, 15, 20, 25, 33):
        score = torch.randint(6, (500, width), generator=rng)
        order = sorting_network(score)
        assert torch.equal(order.sort(dim=1).values, torch.arange(width).expand(500, width))
        assert torch.equal(score.gather(1, order), score.sort(dim=1).values)
