"""Changes of a clip that do not change its action: rotation, shear, left-right exchange.

Where chance decides, it does so for each clip: by uniform numbers that are given (shares), or by a generator.
"""

from dataclasses import replace
from math import pi

import torch
from torch import Tensor

from skelact.batches.batch import Batch, send_small
from skelact.skeletons import Skeleton


def rotation_matrices(angles: Tensor) -> Tensor:
    """(N, 3, 3) rotations about x, then y, then z, of column vectors; ``angles`` (N, 3) in radians.

    Convention: by the right-hand rule, a positive angle turns counterclockwise seen from the tip of the axis.
    """
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
    shape = batch.positions.shape
    turned = torch.bmm(batch.positions.reshape(len(batch), -1, shape[-1]), matrices.transpose(1, 2))
    return replace(batch, positions=turned.view(shape))


def random_noise(batch: Batch, largest: float, rng: torch.Generator) -> Batch:
    """Normal noise on every measured coordinate; its deviation is U(0, largest) for each clip.

    Two views of a recording share the jitter of its recorder, and no two recordings do. An encoder that is asked
    which views belong together learns to read it, unless each view has some of its own.
    """
    return _moved(batch, draw_noise(tuple(batch.positions.shape), largest, rng))


def draw_noise(shape: tuple[int, ...], largest: float, rng: torch.Generator) -> Tensor:
    """Noise of ``random_noise`` for positions of a shape (N, T, M, V, C)."""
    deviation = largest * torch.rand(shape[0], 1, 1, 1, 1, generator=rng, device=rng.device)
    return deviation * torch.randn(shape, generator=rng, device=rng.device)


def add_noise(batch: Batch, deviation: float, rng: torch.Generator) -> Batch:
    """Normal noise on every coordinate of what was measured, in the unit of the positions."""
    return _moved(batch, deviation * torch.randn(batch.positions.shape, generator=rng, device=rng.device))


def _moved(batch: Batch, by: Tensor) -> Batch:
    return batch.with_positions(batch.positions + by, batch.valid)


def exchange_sides(batch: Batch, which: Tensor) -> Batch:
    """Exchange left and right joints of the clips ``which`` (N,) bool.

    Only the joints change places, the coordinates stay: x is not mirrored.
    Source: SCD-Net, sec. "Implementation details".
    """
    order_NTMV = sides(batch.skeleton, which)[:, None, None, :].expand(batch.valid.shape)
    positions = batch.positions.gather(3, order_NTMV.unsqueeze(-1).expand(batch.positions.shape))
    confidence = None if batch.confidence is None else batch.confidence.gather(3, order_NTMV)
    return replace(batch, positions=positions, valid=batch.valid.gather(3, order_NTMV), confidence=confidence)


def sides(skeleton: Skeleton, exchanged: Tensor) -> Tensor:
    """(N, V) joint that comes to the place of each joint: the other side's or its own."""
    mirror = send_small(torch.from_numpy(skeleton.mirror), exchanged.device)
    return torch.where(exchanged.unsqueeze(1), mirror, torch.arange(len(mirror), device=exchanged.device))
