"""Measured numbers on the terminal: a table for people, JSON for machines."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def show_numbers(
    values: Mapping[str, Any],
    table: Callable[[Mapping[str, Any]], str],
    as_json: bool,
    written: Path | None = None,
) -> None:
    """Print results or a comparison.

    Args:
        values: what is printed as JSON; it has ``notes``.
        table: makes text of the values.
        as_json: print JSON and nothing else.
        written: the file to name at the end.
    """
    if as_json:
        print(json.dumps(values))
        return
    print(table(values))
    for note in values["notes"]:
        print(f"note: {note}")
    if written is not None:
        print(written)
