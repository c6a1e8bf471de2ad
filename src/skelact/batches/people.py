"""People of a batch one by one, time last: how views are made without a pass over those who are not there.

Most clips have room for more people than they hold. Here N clips become P people, each a clip of its own, whose
positions lie in memory as (P, V, C, T): then a joint of a person is a few rows of numbers, and resizing, turning,
exchanging and hiding are sums of rows with weights, one pass each.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from skelact.batches.batch import Batch, as_bytes

AT_ONCE = 80  # people whose frames are turned time last while they are still in the cache of a CPU


def weighted_rows(table: Tensor, rows: Tensor, weights: Tensor, starts: Tensor | None = None) -> Tensor:
    """Sums of rows of a table (R, L), each row times its weight: (B, L).

    Args:
        table: (R, L).
        rows: (B, K) int64, the rows of each sum; with ``starts`` those of all sums one after another, (S,).
        weights: like ``rows``.
        starts: (B + 1,) int64, where the rows of each sum start and, last, S; a sum of no rows is 0.
    """
    if starts is None:
        return F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum")
    return F.embedding_bag(rows, table, starts, per_sample_weights=weights, mode="sum", include_last_offset=True)


def resize_people(batch: Batch, clip: Tensor, person: Tensor, place: Tensor, last: Tensor, whole: bool) -> Batch:
    """Single people at places between their frames, linear.

    Between a measured and a missing neighbour the measured one counts alone.

    Args:
        batch: positions (N, T, M, V, C).
        clip: (P,) int64, the clip of each person; a clip may occur more than once.
        person: (P,) int64, which of its people.
        place: (P, F) float64, at least 0, at most ``last``.
        last: (P, 1) int64, the last frame that may be read.
        whole: nobody of them lacks a joint in any frame of the clip.

    Returns:
        Batch of (P, F, 1, V, C), time last in memory; labels and the like are the clips'.
    """
    _, longest, persons, joints, coordinates = batch.positions.shape
    people, frames = place.shape
    below = place.long()
    share = (place - below).to(batch.positions.dtype)
    neighbours = torch.stack([below, (below + 1).minimum(last)], dim=2) + clip[:, None, None] * longest
    rows = (neighbours * persons + person[:, None, None]).view(-1, 2)
    weights = torch.stack([1 - share, share], dim=2).view(-1, 2)
    at_once = AT_ONCE if batch.device.type == "cpu" else max(people, 1)

    def between(values: Tensor) -> Tensor:
        """(P, L, F) of a table (R, L)."""
        found = values.new_empty(people, values.shape[1], frames)
        for start in range(0, people, at_once):
            some = slice(start * frames, (start + at_once) * frames)
            piece = weighted_rows(values, rows[some], weights[some])
            found[start : start + at_once] = piece.view(-1, frames, values.shape[1]).transpose(1, 2)
        return found

    positions = between(batch.positions.reshape(-1, joints * coordinates)).view(
        people, joints, coordinates, frames
    )
    if whole:
        valid = torch.ones(1, dtype=torch.bool, device=batch.device).expand(people, joints, frames)
    else:
        known = as_bytes(batch.valid).to(positions.dtype)
        total = between(known.reshape(-1, joints))
        valid = total > 0
        positions /= total.masked_fill_(~valid, 1.0).unsqueeze(2)
    return replace(
        batch,
        positions=positions.permute(0, 3, 1, 2).unsqueeze(2),
        valid=valid.transpose(1, 2).unsqueeze(2),
        confidence=None,
        frames=torch.full_like(clip, frames),
        label=batch.label[clip],
        index=batch.index[clip],
    )


@dataclass(frozen=True)
class Changes:
    """What happens to each of P people, apart from time.

    Args:
        matrices: (P, C, C), each position is multiplied by it, as a column vector.
        source: (P, V) int64, the joint that comes to the place of each joint.
        joints: (P, V) bool, places that are shown.
        frames: (P, F) bool, frames that are shown.
    """

    matrices: Tensor
    source: Tensor
    joints: Tensor
    frames: Tensor


def change_people(people: Batch, changes: Changes, slot: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Turn and shear people, exchange and hide joints, hide frames, and put all together into clips.

    Args:
        people: positions (P, F, 1, V, C); they are overwritten.
        changes: of each of them.
        slot: (P,) int64, ascending, ``clip * M + person``: where each of them belongs.
        shape: N and M; whoever is not among the people is not there.

    Returns:
        Positions (N, F, M, V, C), time last in memory, and (N, F, M, V) bool where they are known.
    """
    count, frames, _, joints, coordinates = people.positions.shape
    device, slots = people.device, shape[0] * shape[1]
    table = people.positions.permute(0, 2, 3, 4, 1).reshape(count, joints * coordinates, frames).contiguous()
    table = table.mul_(changes.frames[:, None]).view(-1, frames)
    joint = torch.arange(count, device=device)[:, None] * joints + changes.source  # (P, V)
    row = torch.arange(coordinates, device=device).repeat(coordinates)  # of its rows, for each coordinate to come
    rows = joint.view(-1, 1) * coordinates + row
    weights = changes.matrices.flatten(1).unsqueeze(1) * changes.joints.unsqueeze(2)
    lengths = torch.zeros(slots, 1, dtype=torch.int64, device=device).index_fill_(0, slot, coordinates)
    starts = F.pad(lengths.expand(-1, joints * coordinates).flatten().cumsum(0), (1, 0))
    positions = weighted_rows(table, rows.view(-1), weights.view(-1), starts)

    known = (
        as_bytes(people.valid).permute(0, 2, 3, 1).reshape(count, joints, frames)
        & as_bytes(changes.frames)[:, None]
    )
    nothing = known.new_zeros(1, frames)
    place = torch.full((slots, joints), count * joints, device=device)  # of nobody and of hidden joints: nothing
    place[slot] = torch.where(changes.joints, joint, count * joints)
    valid = torch.cat([known.reshape(-1, frames), nothing]).index_select(0, place.view(-1)).view(torch.bool)
    positions, valid = positions.view(*shape, joints, coordinates, frames), valid.view(*shape, joints, frames)
    return positions.permute(0, 4, 1, 2, 3), valid.permute(0, 3, 1, 2)
