"""Batches: clips as tensors, how they are cut, streamed, augmented and masked."""

from skelact.batches.batch import Batch, collate
from skelact.batches.views import downstream_clip, random_view, random_views

__all__ = ["Batch", "collate", "downstream_clip", "random_view", "random_views"]
