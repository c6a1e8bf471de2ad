"""Kernels: the parts of graph blocks that are compiled, for CPUs. Each has a twin in plain torch in its layer."""

from skelact.layers.kernels.graph import CompiledNorm, Scales, SumNeighbours, enabled, kernels_in_use

__all__ = ["CompiledNorm", "Scales", "SumNeighbours", "enabled", "kernels_in_use"]
