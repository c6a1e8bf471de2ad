"""Packs: the arrays that a benchmark is passed around in, preprocessed by somebody, with labels and split."""

from skelact.importing.arrays import agcn, aimclr, ctr_gcn
from skelact.importing.arrays.preprocessed import Chunk, Pack, PackFormat

PACKS = {one.name: one for one in (agcn.FORMAT, ctr_gcn.FORMAT, aimclr.FORMAT)}

__all__ = ["PACKS", "Chunk", "Pack", "PackFormat"]
