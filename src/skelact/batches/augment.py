"""Changes of a clip that do not change its action: rotation, shear, left-right exchange.

Every function draws once per clip, batched on the batch's device, from the generator it is given.
"""

from dataclasses import replace
from math import pi

import torch
from torch import Tensor

from skelact.batches.batch import Batch


def uniform(shape: tuple[int, ...], low: float, high: float, batch: Batch, rng: torch.Generator) -> Tensor:
    """Uniform numbers in [low, high) with the batch's device and dtype."""
    draw = torch.rand(shape, generator=rng, device=batch.device, dtype=batch.positions.dtype)
    return low + (high - low) * draw


def chosen(batch: Batch, probability: float, rng: torch.Generator) -> Tensor:
    """(N,) bool: which clips are changed."""
    return torch.rand(len(batch), generator=rng, device=batch.device) < probability


def rotation_matrices(angles: Tensor) -> Tensor:
    """(N, 3, 3) rotations about x, then y, then z, of column vectors; ``angles`` (N, 3) in radians."""
    sin, cos = torch.sin(angles), torch.cos(angles)
    zero, one = torch.zeros_like(sin[:, 0]), torch.ones_like(sin[:, 0])

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries, dim=1).view(-1, 3, 3)

    (sx, sy, sz), (cx, cy, cz) = sin.unbind(1), cos.unbind(1)
    about_x = matrix(one, zero, zero, zero, cx, -sx, zero, sx, cx)
    about_y = matrix(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    about_z = matrix(cz, -sz, zero, sz, cz, zero, zero, zero, one)
    return about_z @ about_y @ about_x


def random_rotations(
    batch: Batch, max_degrees: float, tilt_degrees: float, rng: torch.Generator, main_axis: int | None = None
) -> Tensor:
    """(N, C, C) rotations: one main axis turns by U(0, max_degrees), the two others by U(0, tilt_degrees).

    The main axis is drawn uniformly unless given (0, 1, 2). In 2-D there is one rotation, in the plane.
    Source: SCD-Net, sec. "Implementation details".
    """
    count, coordinates = len(batch), batch.positions.shape[-1]
    angles = uniform((count, 3), 0.0, tilt_degrees, batch, rng)
    main = uniform((count, 1), 0.0, max_degrees, batch, rng)
    axis = torch.randint(3, (count, 1), generator=rng, device=batch.device)
    if coordinates == 2:
        angles, axis = torch.zeros_like(angles), torch.full_like(axis, 2)
    elif main_axis is not None:
        axis = torch.full_like(axis, main_axis)
    angles = angles.scatter(1, axis, main) * (pi / 180)
    return rotation_matrices(angles)[:, :coordinates, :coordinates]


def random_shears(batch: Batch, amplitude: float, rng: torch.Generator) -> Tensor:
    """(N, C, C) matrices with unit diagonal and off-diagonals U(-amplitude, amplitude)."""
    coordinates = batch.positions.shape[-1]
    shears = uniform((len(batch), coordinates, coordinates), -amplitude, amplitude, batch, rng)
    shears.diagonal(dim1=1, dim2=2).fill_(1.0)
    return shears


def apply_matrices(batch: Batch, matrices: Tensor) -> Batch:
    """Multiply every position of clip n, as a column vector, by ``matrices[n]`` (N, C, C)."""
    shape = batch.positions.shape
    turned = torch.bmm(batch.positions.reshape(len(batch), -1, shape[-1]), matrices.transpose(1, 2))
    return replace(batch, positions=turned.view(shape))


def random_noise(batch: Batch, largest: float, rng: torch.Generator) -> Batch:
    """Normal noise on every measured coordinate; its deviation is U(0, largest) for each clip.

    Two views of a recording share the jitter of its recorder, and no two recordings do. An encoder that is asked
    which views belong together learns to read it, unless each view has some of its own.
    """
    deviation = uniform((len(batch), 1, 1, 1, 1), 0.0, largest, batch, rng)
    return add_noise(batch, deviation, rng)


def add_noise(batch: Batch, deviation: float | Tensor, rng: torch.Generator) -> Batch:
    """Normal noise on every coordinate of what was measured, in the unit of the positions."""
    shape, dtype = batch.positions.shape, batch.positions.dtype
    noise = torch.randn(shape, generator=rng, device=batch.device, dtype=dtype)
    return batch.with_positions(batch.positions + deviation * noise, batch.valid)


def exchange_sides(batch: Batch, which: Tensor) -> Batch:
    """Exchange left and right joints of the clips ``which`` (N,) bool.

    Only the joints change places, the coordinates stay: x is not mirrored.
    Source: SCD-Net, sec. "Implementation details".
    """
    mirror = torch.as_tensor(batch.skeleton.mirror, device=batch.device)
    same = torch.arange(len(mirror), device=batch.device)
    order = torch.where(which.unsqueeze(1), mirror, same)  # (N, V)
    order_NTMV = order[:, None, None, :].expand(batch.valid.shape)
    positions = batch.positions.gather(3, order_NTMV.unsqueeze(-1).expand(batch.positions.shape))
    return replace(batch, positions=positions, valid=batch.valid.gather(3, order_NTMV))
