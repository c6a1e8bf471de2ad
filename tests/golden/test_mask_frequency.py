"""How often the official spatial mask hides each joint."""

from pathlib import Path

import numpy as np
import pytest
import torch

from skelact.batches.mask import sorting_network, spatial_mask
from skelact.skeletons import NTU25


@pytest.mark.real
def test_joints_are_hidden_as_often_as_officially(shared: Path) -> None:
    with np.load(shared / "golden" / "mask_frequency.npz") as file:
        official = file["frequency"]
    rng = torch.Generator().manual_seed(0)
    mask = spatial_mask(NTU25, 200_000, seeds=5, hidden=8, rng=rng, device=torch.device("cpu"))
    assert (mask.sum(dim=1) == 8).all()
    assert np.abs(mask.double().mean(dim=0).numpy() - official).max() < 0.005


def test_the_network_sorts() -> None:
    rng = torch.Generator().manual_seed(0)
    for width in (1, 2, 3, 15, 20, 25, 33):
        score = torch.randint(6, (500, width), generator=rng)
        order = sorting_network(score)
        assert torch.equal(order.sort(dim=1).values, torch.arange(width).expand(500, width))
        assert torch.equal(score.gather(1, order), score.sort(dim=1).values)
