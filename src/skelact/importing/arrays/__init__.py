"""Preprocessed arrays: what a benchmark is passed around in, preprocessed by somebody, with labels and split."""

from skelact.importing.arrays import agcn, aimclr, ctr_gcn
from skelact.importing.arrays.preprocessed import ArrayFormat, Chunk, Preprocessed

ARRAY_FORMATS = {one.name: one for one in (agcn.FORMAT, ctr_gcn.FORMAT, aimclr.FORMAT)}

__all__ = ["ARRAY_FORMATS", "ArrayFormat", "Chunk", "Preprocessed"]
