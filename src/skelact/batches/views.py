"""Views: augmented clips, the chain of SCD-Net from a batch to what an encoder is trained on."""

from dataclasses import replace

import torch

from skelact.batches.augment import random_mirror, random_noise, random_rotation, random_shear
from skelact.batches.batch import Batch
from skelact.batches.crop import centre_crop_resize, random_crop_resize
from skelact.batches.mask import random_frame_mask, random_joint_mask
from skelact.batches.streams import check_stream, to_stream
from skelact.settings import DataSettings, ViewSettings


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
    check_stream(data.stream)
    joints, chance = len(batch.skeleton), views.probability
    view = random_crop_resize(batch, data.frames, views.min_crop, views.min_frames, rng)
    if views.noise:
        view = random_noise(view, views.noise, rng)
    view = to_stream(view, data.stream)
    view = random_rotation(view, views.rotate_degrees, views.tilt_degrees, chance, rng, views.upright)
    if views.mirror:
        view = random_mirror(view, chance, rng)
    view = random_shear(view, views.shear, chance, rng)
    seeds, hidden = max(round(views.seed_joints * joints), 1), round(views.hidden_joints * joints)
    view = random_joint_mask(view, seeds, hidden, chance, rng)
    view = random_frame_mask(view, views.block_frames, views.hidden_blocks, chance, rng)
    return replace(view, known=batch.present)


def random_views(
    batch: Batch, data: DataSettings, views: ViewSettings, rng: torch.Generator, count: int = 2
) -> tuple[Batch, ...]:
    """``count`` random views of every clip, one after another, each as ``random_view`` makes them."""
    return tuple(random_view(batch, data, views, rng) for _ in range(count))


def downstream_clip(batch: Batch, data: DataSettings) -> Batch:
    """What is embedded after training: the centre of each clip, resized, as the stream; nothing random."""
    clip = to_stream(centre_crop_resize(batch, data.frames), data.stream)
    return replace(clip, known=batch.present)
