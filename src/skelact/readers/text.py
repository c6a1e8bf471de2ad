"""Lines of words and numbers in text files, and errors that name the line."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skelact.errors import FileError
from skelact.readers.files import read_bytes

LONGEST = 18  # digits of a whole number; more is no count of anything
BLANKS = bytes(32 if code < 32 and code != 10 else code for code in range(256))  # control characters are blanks
LARGEST = float(np.finfo(np.float32).max)
SHOWN = 30  # characters of a line or word that an error shows


@dataclass(frozen=True)
class Lines:
    """The lines of a text that are not blank.

    Args:
        path: the file, for errors.
        rows: the words of each line.
        texts: the lines as they are.
        number: 1-based number of each line in the file.
    """

    path: Path
    rows: list[list[str]]
    texts: list[str]
    number: list[int]

    def __len__(self) -> int:
        return len(self.rows)

    def error(self, line: int, reason: str) -> FileError:
        """An error in a line, counted from 0 among those that are not blank."""
        return FileError(self.path, reason, self.number[line])

    def shown(self, line: int) -> str:
        """The beginning of a line, for errors."""
        text = self.texts[line].strip()
        return repr(text[:SHOWN] + ("..." if len(text) > SHOWN else ""))


def read_lines(path: Path, *, commas: bool = False) -> Lines:
    """The lines of a text file.

    Args:
        path: the file.
        commas: whether commas separate words, as spaces do.

    Raises:
        FileError: the file cannot be opened, is empty or is not text.
    """
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    if b"\0" in data:
        raise FileError(path, "is not a text file")
    texts = data.translate(BLANKS).decode("ascii", errors="replace").split("\n")
    rows = [(text.replace(",", " ") if commas else text).split() for text in texts]
    filled = [place for place, row in enumerate(rows) if row]
    if not filled:
        raise FileError(path, "is not a text file")
    return Lines(
        path,
        [rows[place] for place in filled],
        [texts[place] for place in filled],
        [place + 1 for place in filled],
    )


def whole_number(lines: Lines, line: int, what: str) -> int:
    """The only word of a line as a whole number >= 0.

    Raises:
        FileError: more words, not a whole number; the message expects ``what``.
    """
    row = lines.rows[line]
    if len(row) != 1 or not row[0].isdigit() or len(row[0]) > LONGEST:
        raise lines.error(line, f"expected {what}, got {lines.shown(line)}")
    return int(row[0])


def numbers(lines: Lines, which: Iterable[int], count: int) -> NDArray[np.float64]:
    """The first ``count`` words of some lines as numbers.

    Args:
        lines: the text; these lines have at least ``count`` words.
        which: lines, counted from 0 among those that are not blank.
        count: how many words of each.

    Returns:
        (lines, count), NaN only where the file has ``nan``, never infinite.

    Raises:
        FileError: a word is not a number, or too large for float32.
    """
    rows = list(which)
    words = [word for line in rows for word in lines.rows[line][:count]]
    try:
        values = np.array([float(word) for word in words])
        with np.errstate(invalid="ignore"):
            good = not (np.abs(values) > LARGEST).any() and "_" not in "".join(words)
    except ValueError:
        good = False
    if not good:
        place, reason = next((place, why) for place, word in enumerate(words) if (why := _wrong(word)))
        raise lines.error(rows[place // count], f"{words[place][:SHOWN]!r} {reason}")
    return values.reshape(len(rows), count)


def read_table(path: Path, values: int, what: str) -> NDArray[np.float64]:
    """All numbers of a text file, ``values`` in every line, separated by spaces or commas.

    Args:
        path: the file.
        values: numbers in a line.
        what: what they are, for errors.

    Returns:
        (lines, values), NaN only where the file has ``nan``, never infinite.

    Raises:
        FileError: the first line with more or fewer; a short last line means a truncated file. Or as in
            ``read_lines`` and ``numbers``.
    """
    try:
        found = np.loadtxt(io.BytesIO(read_bytes(path).replace(b",", b" ")), comments=None, ndmin=2)
        if found.shape[1] == values and not (np.abs(found) > LARGEST).any():
            return found
    except ValueError:
        pass  # the slow way finds the line and the fault
    lines = read_lines(path, commas=True)
    for line, row in enumerate(lines.rows):
        if len(row) == values:
            continue
        expected = f"expected {values} {what}"
        if line == len(lines) - 1 and line > 0 and len(row) < values:
            raise lines.error(line, f"{expected}, the file ends after {len(row)}. Truncated file?")
        raise lines.error(line, f"{expected}, got {len(row)}: {lines.shown(line)}")
    return numbers(lines, range(len(lines)), values)


def _wrong(word: str) -> str:
    """Why a word is no number that can be used; empty where it is one."""
    try:
        value = float(word)
    except ValueError:
        return "is not a number"
    if "_" in word:  # float() accepts 1_000, which no recorder writes
        return "is not a number"
    return "is not a finite number" if abs(value) > LARGEST else ""
