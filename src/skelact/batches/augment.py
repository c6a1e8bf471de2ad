"""Changes of a clip that do not change its action: rotation, shear, mirroring, noise.

What is random is drawn for each clip from the generator that is given, on the batch's device. A function
``random_...`` draws and changes; what it calls changes alone.
"""

from dataclasses import replace
from math import pi

import torch
from torch import Tensor

from skelact.batches.batch import Batch, send_small


def rotation_matrices(angles: Tensor) -> Tensor:
    """(N, 3, 3) rotations about x, then y, then z, of column vectors; ``angles`` (N, 3) in radians."""
    (sx, sy, sz), (cx, cy, cz) = torch.sin(angles).unbind(1), torch.cos(angles).unbind(1)
    sy_sx, sy_cx = sy * sx, sy * cx
    entries = [cz * cy, cz * sy_sx - sz * cx, cz * sy_cx + sz * sx]
    entries += [sz * cy, sz * sy_sx + cz * cx, sz * sy_cx - cz * sx]
    entries += [-sy, cy * sx, cy * cx]
    return torch.stack(entries, dim=1).view(-1, 3, 3)


def angles(
    shares: Tensor, coordinates: int, max_degrees: float, tilt_degrees: float, main_axis: int | None = None
) -> Tensor:
    """(N, 3) radians: about one main axis up to ``max_degrees``, about the two others up to ``tilt_degrees``.

    In 2-D there is one rotation, in the plane.

    Convention: views turn one way only, clockwise seen from the tip of the axis, so no angle is positive.

    Source: SCD-Net, sec. "Implementation details"; the direction is that of the published code.

    Args:
        shares: (N, 5) in [0, 1): the main axis, the angle about it, an angle about each axis.
        coordinates: 2 or 3.
        max_degrees: largest angle about the main axis.
        tilt_degrees: largest angle about the others.
        main_axis: 0, 1 or 2; drawn where it is None.
    """
    axis, main, others = (shares[:, :1] * 3).long(), shares[:, 1:2] * max_degrees, shares[:, 2:] * tilt_degrees
    if coordinates == 2:
        others, main_axis = torch.zeros_like(others), 2
    if main_axis is not None:
        axis = torch.full_like(axis, main_axis)
    return others.scatter(1, axis, main) * (-pi / 180)


def shears(shares: Tensor, amplitude: float) -> Tensor:
    """(N, C, C) matrices with unit diagonal, all else in [-amplitude, amplitude) by ``shares`` (N, C, C)."""
    matrices = -amplitude + 2 * amplitude * shares
    matrices.diagonal(dim1=1, dim2=2).fill_(1.0)
    return matrices


def apply_matrices(batch: Batch, matrices: Tensor) -> Batch:
    """Multiply every position of clip n, as a column vector, by ``matrices[n]`` (N, C, C)."""
    columns = batch.positions.flatten(1, 3).transpose(1, 2)  # (N, C, T M V): on a CPU twice as fast as rows
    turned = torch.bmm(matrices.to(columns.dtype), columns).transpose(1, 2).contiguous()
    return replace(batch, positions=turned.view(batch.positions.shape))


def random_rotation(
    batch: Batch, max_degrees: float, tilt_degrees: float, probability: float, rng: torch.Generator, upright: bool
) -> Batch:
    """Rotate the clips whose coin says so, all joints and frames of a clip alike.

    Args:
        batch: positions (N, T, M, V, C).
        max_degrees: largest angle about the main axis; see ``angles``.
        tilt_degrees: largest angle about the two others.
        probability: of a rotation.
        rng: generator on the batch's device.
        upright: whether the main axis is the skeleton's vertical, not a drawn one.
    """
    coordinates = batch.positions.shape[-1]
    axis = "xyz".index(batch.skeleton.up[1]) if upright else None
    shares = torch.rand(len(batch), 5, generator=rng, device=rng.device)
    turns = angles(shares, coordinates, max_degrees, tilt_degrees, axis) * coins(batch, probability, rng)[:, None]
    return apply_matrices(batch, rotation_matrices(turns)[:, :coordinates, :coordinates])


def random_shear(batch: Batch, amplitude: float, probability: float, rng: torch.Generator) -> Batch:
    """Shear the clips whose coin says so; see ``shears``."""
    coordinates = batch.positions.shape[-1]
    matrices = shears(
        torch.rand(len(batch), coordinates, coordinates, generator=rng, device=rng.device), amplitude
    )
    same = torch.eye(coordinates, device=matrices.device)
    return apply_matrices(batch, torch.where(coins(batch, probability, rng)[:, None, None], matrices, same))


def random_mirror(batch: Batch, probability: float, rng: torch.Generator) -> Batch:
    """Mirror random clips; see ``mirror_joints``."""
    return mirror_joints(batch, coins(batch, probability, rng))


def random_noise(batch: Batch, largest: float, rng: torch.Generator) -> Batch:
    """Normal noise on every observed coordinate; its deviation is U(0, largest) for each clip.

    Two views of a recording share the jitter of its recorder, and no two recordings do. So an encoder
    that has to match views learns to recognise the jitter, unless each view has noise of its own.
    """
    deviation = largest * torch.rand(len(batch), 1, 1, 1, 1, generator=rng, device=rng.device)
    return _moved(batch, deviation * torch.randn(batch.positions.shape, generator=rng, device=rng.device))


def add_noise(batch: Batch, deviation: float, rng: torch.Generator) -> Batch:
    """Normal noise on every observed coordinate, in the unit of the positions."""
    return _moved(batch, deviation * torch.randn(batch.positions.shape, generator=rng, device=rng.device))


def coins(batch: Batch, probability: float, rng: torch.Generator) -> Tensor:
    """(N,) bool: true for each clip with this probability."""
    return torch.rand(len(batch), generator=rng, device=rng.device) < probability


def _moved(batch: Batch, by: Tensor) -> Batch:
    return batch.with_positions(batch.positions + by, batch.valid)


def mirror_joints(batch: Batch, which: Tensor) -> Batch:
    """Exchange left and right joints of the clips ``which`` (N,) bool.

    Only the joints change places, the coordinates stay: x is not mirrored.
    Source: SCD-Net, sec. "Implementation details".
    """
    mirror = send_small(torch.from_numpy(batch.skeleton.mirror), batch.device)
    positions, valid = batch.positions.index_select(3, mirror), batch.valid.index_select(3, mirror)
    chosen, sure = which[:, None, None, None], batch.confidence
    return replace(
        batch,
        positions=torch.where(chosen.unsqueeze(-1), positions, batch.positions),
        valid=torch.where(chosen, valid, batch.valid),
        confidence=None if sure is None else torch.where(chosen, sure.index_select(3, mirror), sure),
    )
