"""Kernels: the parts of layers that are compiled, for CPUs."""

from typing import Literal

import torch

from skelact.layers.kernels.graph import usable


def kernels_in_use() -> Literal["compiled", "torch"]:
    """What computes graph blocks on the CPU: the compiled module, where it is at hand."""
    return "compiled" if usable(torch.zeros(1)) else "torch"
