"""Masks: parts of a clip that are hidden from the encoder. Hidden means position 0 and not valid."""

from collections.abc import Iterator

import torch
from torch import Tensor

from skelact.batches.batch import Batch
from skelact.skeletons import Skeleton


def spatial_mask(
    skeleton: Skeleton, count: int, seeds: int, hidden: int, rng: torch.Generator, device: torch.device
) -> Tensor:
    """(count, V) bool: joints to hide, grown around random seeds along the bones.

    ``seeds`` joints are drawn uniformly with replacement; a joint scores the number of walks of two steps
    that lead to it from the seeds; the ``hidden`` joints of the highest scores are hidden. Scores are often
    equal, so how ties are settled changes how often a joint is hidden: see ``sorting_network``.

    Source: SCD-Net, sec. "Structure-guided spatial masking".
    """
    joints = len(skeleton)
    walks = torch.as_tensor(skeleton.two_hop, device=device)
    drawn = torch.randint(joints, (count, seeds), generator=rng, device=device)
    top = sorting_network(walks[drawn].sum(dim=1))[:, joints - hidden :]
    return torch.zeros(count, joints, dtype=torch.bool, device=device).scatter_(1, top, True)


def sorting_network(score: Tensor) -> Tensor:
    """(N, V) indices that sort integer scores (N, V) upwards, with the ties of a bitonic network.

    The published masks were made with numpy's default argsort, which is such a network for short rows: equal
    scores are neither kept in order nor reversed. The same network gives the same masks, on any device.
    """
    count, joints = score.shape
    size = 1 << (joints - 1).bit_length()
    lane = torch.arange(size, device=score.device)
    key = torch.nn.functional.pad(score, (0, size - joints), value=int(score.max()) + 1)
    index = lane.expand(count, size)
    for partner in _partners(lane, size):
        other = key[:, partner]
        swap = torch.where(lane < partner, other < key, other > key)
        key = torch.where(swap, other, key)
        index = torch.where(swap, index[:, partner], index)
    return index[:, :joints]


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


def temporal_mask(
    frames: int, count: int, block: int, hidden: int, rng: torch.Generator, device: torch.device
) -> Tensor:
    """(count, frames) bool: frames to hide, ``hidden`` random blocks of ``block`` frames each.

    Source: SCD-Net, sec. "Cube-based temporal masking".
    """
    blocks = -(-frames // block)
    order = torch.rand(count, blocks, generator=rng, device=device).argsort(dim=1)
    mask = torch.zeros(count, blocks, dtype=torch.bool, device=device)
    mask.scatter_(1, order[:, :hidden], True)
    return mask.repeat_interleave(block, dim=1)[:, :frames]


def hide_joints(batch: Batch, hidden: Tensor) -> Batch:
    """Hide joints in all frames and for all persons; ``hidden`` (N, V) bool."""
    return batch.with_positions(batch.positions, batch.valid & ~hidden[:, None, None, :])


def hide_frames(batch: Batch, hidden: Tensor) -> Batch:
    """Hide frames for all persons; ``hidden`` (N, T) bool."""
    return batch.with_positions(batch.positions, batch.valid & ~hidden[:, :, None, None])
