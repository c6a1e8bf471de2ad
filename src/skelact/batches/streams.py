"""Streams: what of a clip the encoder sees: joints, bones or motion."""

from dataclasses import replace

import torch

from skelact.batches.batch import Batch, send_small
from skelact.errors import unknown


def bone_vectors(batch: Batch) -> Batch:
    """Replace each joint by its offset from the parent joint; the root becomes zero.

    Convention: child minus parent, same axes and unit as the input. A bone is valid where both ends are, and as
    sure as the less sure one.
    """
    parents = send_small(torch.as_tensor(batch.skeleton.parents), batch.device)
    positions = batch.positions - batch.positions.index_select(3, parents)
    if batch.confidence is not None:
        batch = replace(batch, confidence=batch.confidence.minimum(batch.confidence.index_select(3, parents)))
    return batch.with_positions(positions, batch.valid & batch.valid.index_select(3, parents))


def motion_vectors(batch: Batch) -> Batch:
    """Replace each frame by the difference to the next one; the last frame becomes zero.

    Convention: next minus this, unit per frame. A motion is valid where both frames are, and as sure as the less
    sure one.
    """
    positions = torch.zeros_like(batch.positions)
    positions[:, :-1] = batch.positions[:, 1:] - batch.positions[:, :-1]
    valid = torch.zeros_like(batch.valid)
    valid[:, :-1] = batch.valid[:, 1:] & batch.valid[:, :-1]
    if batch.confidence is not None:
        confidence = torch.zeros_like(batch.confidence)
        confidence[:, :-1] = batch.confidence[:, 1:].minimum(batch.confidence[:, :-1])
        batch = replace(batch, confidence=confidence)
    return batch.with_positions(positions, valid)


def _joints(batch: Batch) -> Batch:
    return batch


STREAMS = {"joint": _joints, "bone": bone_vectors, "motion": motion_vectors}


def to_stream(batch: Batch, stream: str) -> Batch:
    """The batch as joint, bone or motion stream; an unknown name is a ``UserError``."""
    check_stream(stream)
    return STREAMS[stream](batch)


def check_stream(stream: str) -> None:
    """Raises a ``UserError`` where there is no such stream."""
    if stream not in STREAMS:
        raise unknown("stream", stream, STREAMS)


__all__ = ["STREAMS", "bone_vectors", "motion_vectors", "to_stream"]
