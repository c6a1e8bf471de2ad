"""Table: the rows of a store that is being written, in little memory however many there are."""

import pickle
import zlib
from collections.abc import Mapping
from typing import Any

from skelact.sequences.sequence import Tag

PART = 1024  # rows that are packed together
Values = list[Tag | None]


class Table:
    """Rows of plain values. All but the last are kept by column and compressed, in a hundredth of the room.

    Whoever adds rows counts them, so that a row whose addition was interrupted by Ctrl-C is not there.
    """

    def __init__(self) -> None:
        self._packed: list[bytes] = []  # parts of PART rows
        self._last: list[Mapping[str, Tag]] = []  # rows behind them

    def put(self, number: int, row: Mapping[str, Tag]) -> None:
        """Add row ``number``, the one behind all that count; what an interrupted addition left goes."""
        if number == PART * (len(self._packed) + 1):
            self._packed.append(zlib.compress(pickle.dumps(_by_column(self._last[:PART])), 1))
        del self._last[number - PART * len(self._packed) :]
        self._last.append(row)

    def columns(self, count: int) -> dict[str, Values]:
        """The first ``count`` rows by column; None where a row has no such value."""
        columns: dict[str, Values] = {}
        parts: list[Any] = [*self._packed, self._last[: count - PART * len(self._packed)]]
        for number, part in enumerate(parts):
            packed = isinstance(part, bytes)
            found = pickle.loads(zlib.decompress(part)) if packed else _by_column(part)
            for name in {**columns, **found}:
                values = columns.setdefault(name, [None] * (PART * number))
                values += found.get(name) or [None] * (PART if packed else len(part))
        return columns


def _by_column(rows: list[Mapping[str, Tag]]) -> dict[str, Values]:
    once: dict[Any, Any] = {}  # the same text, a label for one, is kept once; 1 and 1.0 stay different
    return {
        name: [
            once.setdefault(value, value) if isinstance(value, str) else value
            for value in (row.get(name) for row in rows)
        ]
        for name in dict.fromkeys(key for row in rows for key in row)
    }
