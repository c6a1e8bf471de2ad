"""Kernels: the parts of layers that are compiled, for CPUs."""

from typing import Literal

from skelact.layers.kernels.graph import graph_fast


def kernels_in_use() -> Literal["compiled", "torch"]:
    """What computes graph blocks on the CPU: the compiled module, where it is at hand."""
    return "torch" if graph_fast is None else "compiled"
