"""Views on a CPU, compiled; not there where no C compiler was when skelact was installed."""

from typing import Any

from numpy.typing import NDArray

def make_views(
    whole: tuple[int, ...], fractions: tuple[float, ...], arrays: tuple[NDArray[Any] | None, ...]
) -> None:
    """Fill the last two of the arrays. The tuples have what ``Views`` in ``views_fast.c`` has, in its order.

    Raises:
        ValueError: an array is of another size, or a number leads outside of one.
    """
