import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from skelact.methods.losses import info_nce
from skelact.methods.momentum import Queue, ema_update, momentum_copy
from skelact.methods.projectors import projector


def unit(rows: int, width: int, seed: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, width, generator=rng, dtype=torch.float64), dim=1)


def test_info_nce_equals_the_formula() -> None:
    query, key, negatives = unit(5, 8, 0), unit(5, 8, 1), unit(11, 8, 2)
    total = 0.0
    for q, k in zip(query.numpy(), key.numpy(), strict=True):
        own = math.exp(float(q @ k) / 0.2)
        others = sum(math.exp(float(q @ n) / 0.2) for n in negatives.numpy())
        total += -math.log(own / (own + others))
    assert info_nce(query, key, negatives, 0.2).item() == pytest.approx(total / 5, rel=1e-12)


@pytest.mark.parametrize("queued", [0, 11])
def test_info_nce_among_the_batch_equals_the_formula(queued: int) -> None:
    query, key, negatives = unit(5, 8, 0), unit(5, 8, 1), unit(11, 8, 2)[:queued]
    total = 0.0
    for row, q in enumerate(query.numpy()):
        among = sum(math.exp(float(q @ k) / 0.2) for k in key.numpy())
        among += sum(math.exp(float(q @ n) / 0.2) for n in negatives.numpy())
        total += -math.log(math.exp(float(q @ key.numpy()[row]) / 0.2) / among)
    assert info_nce(query, key, negatives, 0.2, among_batch=True).item() == pytest.approx(total / 5, rel=1e-12)


def test_info_nce_gradient_reaches_the_query_only() -> None:
    query, key, negatives = (unit(3, 4, s).requires_grad_() for s in range(3))
    info_nce(query, key, negatives.detach(), 0.1).backward()
    assert query.grad is not None
    assert query.grad.abs().sum() > 0
    assert key.grad is None


def test_queue_keeps_the_latest_in_a_ring() -> None:
    queue = Queue(5, 2)
    start = queue.keys.clone()
    torch.testing.assert_close(start.norm(dim=1), torch.ones(5))
    queue.push(torch.full((3, 2), 1.0))
    assert torch.equal(queue.keys[3:], start[3:])
    queue.push(torch.full((3, 2), 2.0))  # 3 does not divide 5: wraps around
    assert queue.keys[:, 0].tolist() == [2.0, 1.0, 1.0, 2.0, 2.0]
    assert queue.next.item() == 1
    queue.push(torch.arange(7.0)[:, None].expand(7, 2))  # more than fit: the last five stay
    assert sorted(queue.keys[:, 0].tolist()) == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_queue_is_saved_with_its_place() -> None:
    queue, other = Queue(4, 3), Queue(4, 3)
    queue.push(torch.ones(3, 3))
    other.load_state_dict(queue.state_dict())
    other.push(torch.zeros(2, 3))
    assert other.keys[:, 0].tolist() == [0.0, 1.0, 1.0, 0.0]


def test_follow_moves_parameters_by_the_momentum_and_no_buffers() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    twin = momentum_copy(module)
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    before = [parameter.clone() for parameter in twin.parameters()]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1.0)
        module[1].running_mean.add_(5.0)
    ema_update(twin, module, momentum=0.9)
    for old, new in zip(before, twin.parameters(), strict=True):
        torch.testing.assert_close(new, 0.9 * old + 0.1 * (old + 1.0))
    assert np.allclose(twin[1].running_mean.numpy(), 0.0)


def test_projector_norm_makes_projections_of_clips_differ() -> None:
    """Features with a large common part, as maxima have: without the norm all projections point the same way."""
    rng = torch.Generator().manual_seed(0)
    features = 10 + torch.randn(64, 16, generator=rng)
    torch.manual_seed(0)
    plain, normed = (F.normalize(projector(16, 16, 8, norm)(features), dim=1) for norm in (False, True))
    assert (plain @ plain.T).mean() > 0.9
    assert abs((normed @ normed.T).mean().item()) < 0.1
