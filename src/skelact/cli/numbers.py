"""Measured numbers on the terminal: a table for people, JSON for machines."""

from collections.abc import Sequence
from pathlib import Path


def show_numbers(table: str, caveats: Sequence[str], written: Path | None = None) -> None:
    """Print a table and what a reader must know to judge it.

    Args:
        table: text.
        caveats: sentences.
        written: the file to name at the end.
    """
    print(table)
    for caveat in caveats:
        print(f"caveat: {caveat}")
    if written is not None:
        print(written)
