"""Views: augmented clips, the chain of SCD-Net from a batch to what an encoder is trained on."""

import torch

from skelact.batches.augment import (
    apply_matrices,
    chosen,
    exchange_sides,
    random_noise,
    random_rotations,
    random_shears,
)
from skelact.batches.batch import Batch
from skelact.batches.mask import hide_frames, hide_joints, spatial_mask, temporal_mask
from skelact.batches.sampling import centre_crop_resize, random_crop_resize
from skelact.batches.streams import to_stream
from skelact.config import DataSettings, ViewSettings


def random_view(batch: Batch, data: DataSettings, views: ViewSettings, rng: torch.Generator) -> Batch:
    """One random view of every clip: crop and resize, noise, stream, augmentation, masks, in this order.

    Each clip draws for itself, each change with its own coin.
    Source: SCD-Net, sec. "Implementation details".

    Args:
        batch: whole clips (N, T, M, V, C).
        data: frames and stream of the view.
        views: strengths and probabilities.
        rng: generator on the batch's device; every draw comes from it.

    Returns:
        Batch of (N, data.frames, M, V, C).
    """
    batch = random_crop_resize(batch, data.frames, views.min_crop, views.min_frames, rng)
    if views.noise:
        batch = random_noise(batch, views.noise, rng)
    batch = to_stream(batch, data.stream)
    batch = _turn_and_shear(batch, views, rng)
    if views.flip:
        batch = exchange_sides(batch, chosen(batch, views.probability, rng))
    return _hide(batch, views, rng)


def downstream_clip(batch: Batch, data: DataSettings) -> Batch:
    """What is embedded after training: the centre of each clip, resized, as the stream; nothing random."""
    return to_stream(centre_crop_resize(batch, data.frames), data.stream)


def _turn_and_shear(batch: Batch, views: ViewSettings, rng: torch.Generator) -> Batch:
    """Rotation, then shear, as one matrix a clip: exchanging joints in between commutes with both."""
    coordinates = batch.positions.shape[-1]
    same = torch.eye(coordinates, device=batch.device, dtype=batch.positions.dtype)
    main_axis = "xyz".index(batch.skeleton.up[1]) if views.upright else None
    turn = random_rotations(batch, views.rotate_degrees, views.tilt_degrees, rng, main_axis)
    turn = torch.where(chosen(batch, views.probability, rng)[:, None, None], turn, same)
    shear = random_shears(batch, views.shear, rng)
    shear = torch.where(chosen(batch, views.probability, rng)[:, None, None], shear, same)
    return apply_matrices(batch, shear @ turn)


def _hide(batch: Batch, views: ViewSettings, rng: torch.Generator) -> Batch:
    count, frames = batch.positions.shape[:2]
    joints = len(batch.skeleton)
    seeds, hidden = round(views.seed_joints * joints), round(views.hidden_joints * joints)
    if hidden:
        mask = spatial_mask(batch.skeleton, count, max(seeds, 1), hidden, rng, batch.device)
        batch = hide_joints(batch, mask & chosen(batch, views.probability, rng)[:, None])
    hidden_blocks = round(views.hidden_blocks * -(-frames // views.block_frames))
    if hidden_blocks:
        mask = temporal_mask(frames, count, views.block_frames, hidden_blocks, rng, batch.device)
        batch = hide_frames(batch, mask & chosen(batch, views.probability, rng)[:, None])
    return batch
