"""Masks: parts of a clip that are hidden from the encoder. Hidden means position 0 and not valid."""

from collections.abc import Iterator
from functools import cache

import torch
from torch import Tensor

from skelact.batches.augment import coins
from skelact.batches.batch import Batch, send_small
from skelact.skeletons import Skeleton

LARGEST = 2**31 - 1


def grow_mask(skeleton: Skeleton, seeds: Tensor, hidden: int) -> Tensor:
    """(N, V) bool: joints to hide, grown around ``seeds`` (N, K) along the bones.

    Seeds may be drawn more than once. A joint scores the number of walks of two steps that lead to it from the
    seeds; the ``hidden`` joints of the highest scores are hidden. Scores are often equal, so how ties are settled
    changes how often a joint is hidden: see ``sorting_network``.

    Source: SCD-Net, sec. "Structure-guided spatial masking".
    """
    walks = send_small(torch.from_numpy(skeleton.two_hop), seeds.device)
    top = sorting_network(walks[seeds].sum(dim=1))[:, len(skeleton) - hidden :]
    return torch.zeros(len(seeds), len(skeleton), dtype=torch.bool, device=seeds.device).scatter_(1, top, True)


def sorting_network(score: Tensor) -> Tensor:
    """(N, V) indices that sort small scores (N, V), integers from 0 on, with the ties of a bitonic network.

    The published masks were made with numpy's default argsort, which promises nothing about ties. On processors
    with AVX2 or AVX-512 its vector sort is such a network for short rows: equal scores are neither kept in order
    nor reversed. On others it sorts in another way, and hides some joints in a tenth of all draws more. The
    network here gives the frequencies that were measured with the published code. It compares whole numbers alone,
    so the masks are the same on any processor and device.

    Score, lane and joint are packed into one number, so that a step is a minimum: of two equal scores that of the
    lower lane is the smaller number. In the upper lane of a pair score and lane are inverted: it keeps the larger.
    """
    count, joints = score.shape
    bits = (joints - 1).bit_length()
    order, lane = LARGEST >> bits << bits, (1 << 2 * bits) - (1 << bits)  # bits that are compared, and of the lane
    start, steps = _network(bits, score.device)
    packed = torch.full((1 << bits, count), LARGEST >> 2 * bits, dtype=torch.int32, device=score.device)
    packed[:joints] = score.T  # lanes without a joint have the largest score and end last
    packed = (packed << 2 * bits) ^ start
    for partner, turned in steps:
        other = packed.index_select(0, partner).bitwise_xor_(order)
        packed = torch.minimum(packed, other).bitwise_and_(~lane).bitwise_xor_(turned)
    return (packed[:joints] & ((1 << bits) - 1)).T.long()


@cache
def _network(bits: int, device: torch.device) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """What lanes begin with, (L, 1), and for each step their partners, (L,), and what they go on with, (L, 1)."""
    size = 1 << bits
    lane = torch.arange(size, dtype=torch.int32, device=device)
    lane_bits = (size - 1) << bits
    partners = list(_partners(lane, size))
    inverted = [(lane > partner).int() * (LARGEST >> bits << bits) for partner in partners]
    inverted.append(torch.zeros_like(lane))
    steps = []
    for partner, now, then in zip(partners, inverted, inverted[1:], strict=False):
        turned = ((now ^ then) & ~lane_bits) | ((lane << bits) ^ (then & lane_bits))
        steps.append((partner.long(), turned[:, None]))
    return ((lane << bits | lane) ^ inverted[0])[:, None], steps


def _partners(lane: Tensor, size: int) -> Iterator[Tensor]:
    """Lanes that are compared in each step: halves against each other mirrored, then ever closer ones."""
    block = 2
    while block <= size:
        yield lane ^ (block - 1)
        distance = block // 4
        while distance:
            yield lane ^ distance
            distance //= 2
        block *= 2


def blocks_hidden(shares: Tensor, frames: int, block: int, hidden: int) -> Tensor:
    """(N, frames) bool: frames to hide, the ``hidden`` blocks of ``block`` frames with the smallest shares (N, B).

    Source: SCD-Net, sec. "Cube-based temporal masking".
    """
    mask = torch.zeros_like(shares, dtype=torch.bool)
    mask.scatter_(1, shares.argsort(dim=1, stable=True)[:, :hidden], True)
    return mask.repeat_interleave(block, dim=1)[:, :frames]


def random_joint_mask(batch: Batch, seeds: int, hidden: int, probability: float, rng: torch.Generator) -> Batch:
    """Hide ``hidden`` joints around ``seeds`` drawn ones, in the clips whose coin says so; see ``grow_mask``."""
    if hidden == 0:
        return batch
    drawn = torch.randint(len(batch.skeleton), (len(batch), seeds), generator=rng, device=rng.device)
    return hide_joints(batch, grow_mask(batch.skeleton, drawn, hidden) & coins(batch, probability, rng)[:, None])


def random_frame_mask(batch: Batch, block: int, share: float, probability: float, rng: torch.Generator) -> Batch:
    """Hide a ``share`` of the blocks of ``block`` frames, where a clip's coin says so; see ``blocks_hidden``."""
    frames = batch.positions.shape[1]
    blocks = -(-frames // block)
    shares = torch.rand(len(batch), blocks, generator=rng, device=rng.device)
    hidden = blocks_hidden(shares, frames, block, round(share * blocks))
    return hide_frames(batch, hidden & coins(batch, probability, rng)[:, None])


def hide_joints(batch: Batch, hidden: Tensor) -> Batch:
    """Hide joints in all frames and for all persons; ``hidden`` (N, V) bool."""
    return batch.with_positions(batch.positions, batch.valid & ~hidden[:, None, None, :])


def hide_frames(batch: Batch, hidden: Tensor) -> Batch:
    """Hide frames for all persons; ``hidden`` (N, T) bool."""
    return batch.with_positions(batch.positions, batch.valid & ~hidden[:, :, None, None])
