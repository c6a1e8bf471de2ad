"""Sequences: recordings in memory, their cleaning, and the store that holds them on disk."""

from skelact.sequences.sequence import Segment, Sequence

__all__ = ["Segment", "Sequence"]
