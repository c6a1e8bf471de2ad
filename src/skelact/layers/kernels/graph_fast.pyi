"""Parts of graph blocks on a CPU, compiled; missing where there was no C compiler when skelact was installed.

Arrays are contiguous float32; the last ones are filled. An array of another size is a ``ValueError``.
"""

from typing import Any

from numpy.typing import NDArray

Arrays = tuple[NDArray[Any] | None, ...]

def sum_neighbours(sizes: tuple[int, ...], threads: int, arrays: Arrays) -> None:
    """Sizes (P, C, V, T, r); values, related, refine, bias, graph; out. See ``Graph`` in ``graph_fast.c``."""

def sum_neighbours_back(sizes: tuple[int, ...], threads: int, arrays: Arrays) -> None:
    """The same, the gradient of what comes out; those of all five, of the last three person by person."""

def scales(sizes: tuple[int, ...], threads: int, arrays: Arrays) -> None:
    """Sizes (P, C / 4, V, T); x, kernels, bias; out. See ``Scales``."""

def scales_back(sizes: tuple[int, ...], threads: int, arrays: Arrays) -> None:
    """The same, the gradient of what comes out; those of all three, of the last two person by person."""

def norm(sizes: tuple[int, ...], relu: bool, epsilon: float, threads: int, arrays: Arrays) -> None:
    """Sizes (P, C, L, channels normed); x, counts, weight, bias, residual; mean, variance, out. See ``Norm``."""

def norm_back(sizes: tuple[int, ...], relu: bool, epsilon: float, threads: int, arrays: Arrays) -> None:
    """x, counts, weight, mean, variance, out or none, its gradient; those of x, weight, bias, residual."""
