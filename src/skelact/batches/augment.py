"""Changes of a clip that do not change its action: rotation, shear, left-right exchange.

Every function draws once per clip, batched on the batch's device, from the generator it is given.
"""

from dataclasses import replace
from math import pi

import torch
from torch import Tensor

from skelact.batches.batch import Batch, send_small
from skelact.skeletons import Skeleton


def uniform(shape: tuple[int, ...], low: float, high: float, batch: Batch, rng: torch.Generator) -> Tensor:
    """Uniform numbers in [low, high) with the batch's device and dtype."""
    draw = torch.rand(shape, generator=rng, device=batch.device, dtype=batch.positions.dtype)
    return low + (high - low) * draw


def chosen(batch: Batch, probability: float, rng: torch.Generator) -> Tensor:
    """(N,) bool: which clips are changed."""
    return torch.rand(len(batch), generator=rng, device=batch.device) < probability


def rotation_matrices(angles: Tensor) -> Tensor:
    """(N, 3, 3) rotations about x, then y, then z, of column vectors; ``angles`` (N, 3) in radians."""
    (sx, sy, sz), (cx, cy, cz) = torch.sin(angles).unbind(1), torch.cos(angles).unbind(1)
    sy_sx, sy_cx = sy * sx, sy * cx
    entries = [cz * cy, cz * sy_sx - sz * cx, cz * sy_cx + sz * sx]
    entries += [sz * cy, sz * sy_sx + cz * cx, sz * sy_cx - cz * sx]
    entries += [-sy, cy * sx, cy * cx]
    return torch.stack(entries, dim=1).view(-1, 3, 3)


def random_rotations(
    batch: Batch, max_degrees: float, tilt_degrees: float, rng: torch.Generator, main_axis: int | None = None
) -> Tensor:
    """(N, C, C) rotations by ``random_angles``."""
    coordinates = batch.positions.shape[-1]
    angles = random_angles(batch, max_degrees, tilt_degrees, rng, main_axis)
    return rotation_matrices(angles)[:, :coordinates, :coordinates]


def random_angles(
    batch: Batch, max_degrees: float, tilt_degrees: float, rng: torch.Generator, main_axis: int | None = None
) -> Tensor:
    """(N, 3) radians: about one main axis U(0, max_degrees), about the two others U(0, tilt_degrees).

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
    return angles.scatter(1, axis, main) * (pi / 180)


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
    frames, persons = batch.positions.shape[1:3]
    return _moved(batch, draw_noise(batch, frames, persons, largest, rng))


def draw_noise(batch: Batch, frames: int, persons: int, largest: float, rng: torch.Generator) -> Tensor:
    """(N, F, M, V, C) noise of ``random_noise``."""
    deviation = uniform((len(batch), 1, 1, 1, 1), 0.0, largest, batch, rng)
    return deviation * _normal((len(batch), frames, persons, *batch.positions.shape[3:]), batch, rng)


def add_noise(batch: Batch, deviation: float, rng: torch.Generator) -> Batch:
    """Normal noise on every coordinate of what was measured, in the unit of the positions."""
    return _moved(batch, deviation * _normal(tuple(batch.positions.shape), batch, rng))


def _normal(shape: tuple[int, ...], batch: Batch, rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, device=batch.device, dtype=batch.positions.dtype)


def _moved(batch: Batch, by: Tensor) -> Batch:
    return batch.with_positions(batch.positions + by, batch.valid)


def exchange_sides(batch: Batch, which: Tensor) -> Batch:
    """Exchange left and right joints of the clips ``which`` (N,) bool.

    Only the joints change places, the coordinates stay: x is not mirrored.
    Source: SCD-Net, sec. "Implementation details".
    """
    order_NTMV = sides(batch.skeleton, which)[:, None, None, :].expand(batch.valid.shape)
    positions = batch.positions.gather(3, order_NTMV.unsqueeze(-1).expand(batch.positions.shape))
    return replace(batch, positions=positions, valid=batch.valid.gather(3, order_NTMV))


def sides(skeleton: Skeleton, exchanged: Tensor) -> Tensor:
    """(N, V) joint that comes to the place of each joint: the other side's or its own."""
    mirror = send_small(torch.from_numpy(skeleton.mirror), exchanged.device)
    return torch.where(exchanged.unsqueeze(1), mirror, torch.arange(len(mirror), device=exchanged.device))
