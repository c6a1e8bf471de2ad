"""Preprocessed arrays: a benchmark as arrays that others prepared, with labels and split."""

from skelact.importing.arrays import agcn, aimclr, ctr_gcn
from skelact.importing.arrays.preprocessed import ArrayFormat, Chunk, Preprocessed

ARRAY_FORMATS = {one.name: one for one in (agcn.FORMAT, ctr_gcn.FORMAT, aimclr.FORMAT)}

__all__ = ["ARRAY_FORMATS", "ArrayFormat", "Chunk", "Preprocessed"]
