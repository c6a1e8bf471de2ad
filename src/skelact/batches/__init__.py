"""Batches: clips as tensors, how they are cut, streamed, augmented and masked."""

from skelact.batches.batch import Batch, collate

__all__ = ["Batch", "collate"]
